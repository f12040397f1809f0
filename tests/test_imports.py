"""Imports point one way: between apps to the left, and from pure modules to no Django at all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ["accounts", "taxonomy", "labeling", "datasets", "training", "competition", "operations", "demo"]
# Of files, of clocks, of what is away and of the reader's language: below every app.
SHARED = [
    "config.storage", "config.folders", "config.clock", "config.outages", "config.retelling", "config.fields",
]  # fmt: skip
PURE = [
    "config/outages.py",
    "taxonomy/records.py",
    "taxonomy/patch.py",
    "taxonomy/tree.py",
    "taxonomy/wordnet.py",
    "taxonomy/mapping.py",
    "taxonomy/formats/__init__.py",
    "taxonomy/formats/cells.py",
    "taxonomy/formats/checks.py",
    "taxonomy/formats/csv_file.py",
    "taxonomy/formats/json_file.py",
    "taxonomy/formats/rdf.py",
    "taxonomy/formats/skos.py",
    "labeling/agreement.py",
    "labeling/broader.py",
    "labeling/calibration.py",
    "labeling/classical.py",
    "labeling/coarse.py",
    "labeling/consensus.py",
    "labeling/estimation.py",
    "labeling/expectation.py",
    "labeling/gain.py",
    "labeling/kernels.py",
    "labeling/network.py",
    "labeling/parameters.py",
    "labeling/shortlists.py",
    "labeling/prediction_files.py",
    "labeling/suspicion.py",
    "labeling/targets.py",
    "labeling/crowd.py",
    "labeling/evidence.py",
    "labeling/kinship.py",
    "labeling/pace.py",
    "labeling/archives.py",
    "labeling/likeness.py",
    "labeling/metadata.py",
    "labeling/pictures.py",
    "labeling/splits.py",
    "labeling/straddling.py",
    "labeling/streaks.py",
    "datasets/account.py",
    "datasets/comparing.py",
    "datasets/manifest.py",
    "datasets/public.py",
    "datasets/rolling.py",
    "datasets/turning.py",
    "datasets/card.py",
    "datasets/formats/__init__.py",
    "datasets/formats/checksums.py",
    "datasets/formats/croissant.py",
    "datasets/formats/folders.py",
    "datasets/formats/imagefolder.py",
    "datasets/formats/rows.py",
    "datasets/formats/virtual.py",
    "datasets/formats/webdataset.py",
    "datasets/formats/zips.py",
    "training/answers.py",
    "training/attribution.py",
    "training/certainty.py",
    "training/changing.py",
    "training/config.py",
    "training/augmenting.py",
    "training/checkpointing.py",
    "training/classifier.py",
    "training/curves.py",
    "training/paired.py",
    "training/sizing.py",
    "training/explained.py",
    "training/faithfulness.py",
    "training/falling.py",
    "training/saliency.py",
    "training/dataset.py",
    "training/describing.py",
    "training/devices.py",
    "training/failures.py",
    "training/execution.py",
    "training/feeding.py",
    "training/kinds.py",
    "training/drawing.py",
    "training/exported.py",
    "training/looking.py",
    "training/minding.py",
    "training/network.py",
    "training/pacing.py",
    "training/novelty.py",
    "training/rolling_up.py",
    "training/layers.py",
    "training/muon.py",
    "training/loop.py",
    "training/packing.py",
    "training/resnet.py",
    "training/schedule.py",
    "training/sessions.py",
    "training/targets.py",
    "training/telling.py",
    "competition/client.py",
    "competition/client_site.py",
    "competition/client_words.py",
    "competition/kit_code.py",
    "competition/kit_samples.py",
    "competition/kit_score.py",
    "competition/answers.py",
    "competition/numpy_files.py",
    "competition/predictions.py",
    "competition/sandbox/__init__.py",
    "competition/sandbox/answering.py",
    "competition/sandbox/bounds.py",
    "competition/sandbox/calls.py",
    "competition/sandbox/child.py",
    "competition/sandbox/confinement.py",
    "competition/sandbox/costs.py",
    "competition/sandbox/graphs.py",
    "competition/sandbox/heads.py",
    "competition/sandbox/kernel.py",
    "competition/sandbox/landlock.py",
    "competition/sandbox/namespaces.py",
    "competition/sandbox/onnx_network.py",
    "competition/sandbox/our_network.py",
    "competition/sandbox/request.py",
    "competition/sandbox/running.py",
    "competition/sandbox/weights.py",
    "competition/sheet.py",
    "competition/frozen.py",
    "competition/cells.py",
    "competition/charts.py",
    "competition/telling.py",
    "competition/grading.py",
    "competition/intervals.py",
    "competition/ladder.py",
    "competition/metrics.py",
    "competition/probabilities.py",
    "competition/ranking.py",
    "operations/multiprocess.py",
    "operations/checks/findings.py",
    "demo/digits.py",
]
WEB = [
    "config/urls.py",
    "training/models/__init__.py",
    "training/tasks.py",
    "training/supervising.py",
    "training/why_supervising.py",
]
DJANGO = {"django", "rest_framework", "drf_spectacular", "celery", "knox"}


def imports(path):
    """Return the dotted name of all that a file imports, at its top or within a function."""
    return names(path.read_text(encoding="utf-8"))


def names(source):
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports here are absolute."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def first(name):
    return name.partition(".")[0]


def local_files(path):
    """Return the project's own files that `path` imports."""
    found = set()
    for name in imports(path):
        for module in (name, name.rpartition(".")[0]):
            place = ROOT / module.replace(".", "/")
            found |= {file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()}
    return found


def reached(path):
    """Return every file of the project that importing `path` imports in turn."""
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += local_files(file)
    return found


def files_of(app):
    return sorted((ROOT / app).rglob("*.py"))


@pytest.mark.parametrize("app", APPS)
def test_an_app_imports_only_apps_to_its_left(app):
    to_its_right = set(APPS[APPS.index(app) + 1 :])

    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files_of(app)
        for name in imports(file)
        if first(name) in to_its_right
    }

    assert files_of(app)
    assert not wrong


@pytest.mark.parametrize("app", APPS)
def test_an_app_takes_nothing_of_the_configuration_but_what_all_share(app):
    allowed = list(SHARED)
    if app == "demo":  # it starts a site
        allowed += ["config.serve", "config.processes", "config.environment"]

    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files_of(app)
        for name in imports(file)
        if first(name) == "config" and not {name, name.rpartition(".")[0]} & set(allowed)
    }

    assert not wrong


@pytest.mark.parametrize("app", [*APPS, "config"])
def test_nothing_imports_the_tests(app):
    assert not {str(file) for file in files_of(app) if "tests" in {first(name) for name in imports(file)}}


@pytest.mark.parametrize("path", PURE)
def test_a_pure_module_knows_nothing_of_django(path):
    for file in reached(ROOT / path):
        found = {first(name) for name in imports(file)} & DJANGO
        assert not found, f"{path} reaches {file.relative_to(ROOT)}, which imports {found}."


@pytest.mark.parametrize("path", PURE)
def test_a_pure_module_imports_no_module_that_is_not_pure(path):
    others = {str(file.relative_to(ROOT)) for file in reached(ROOT / path)}

    assert others <= set(PURE)


@pytest.mark.parametrize("path", [*WEB, "config/urls.py"])
def test_what_answers_requests_or_wakes_a_worker_never_imports_torch(path):
    for file in reached(ROOT / path):
        found = {first(name) for name in imports(file)} & {"torch", "safetensors"}
        assert not found, f"{path} reaches {file.relative_to(ROOT)}, which imports {found}."


def test_the_tests_above_would_find_torch_and_django():
    assert any("torch" in imports(file) for file in reached(ROOT / "training/running.py"))
    assert any(first(name) == "django" for name in imports(ROOT / "training/models/runs.py"))


def test_an_import_within_a_function_counts():
    assert names("def late():\n    from a.b import c\n    import d.e\n") == {"a.b.c", "d.e"}
