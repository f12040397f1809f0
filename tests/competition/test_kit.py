import ast
import csv
import io
import json
import subprocess
import sys
import zipfile
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from django.core.files import File

from competition import kit
from competition.client import SCORED, main
from competition.kit import current_kit
from competition.kit_code import code
from competition.models import Contest, Submission
from competition.scoring import score_queued
from config.storage import private_storage
from labeling.models import Image, Question
from labeling.splits import TEST, VAL
from tests.factories import freeze_all, make_phase, make_settled_collection, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def contest(phase) -> Contest:
    return phase.contest


def address(contest):
    return f"/contests/{contest.slug}/starter-kit/"


def download(client, contest):
    """Return the members of the kit by their names below its folder."""
    response = client.get(address(contest))
    assert response.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    return {each.removeprefix(f"{contest.slug}-kit/"): archive.read(each) for each in archive.namelist()}


def unpack(contest, folder):
    with current_kit(contest).open() as file, zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder / f"{contest.slug}-kit"


def read(made):
    with made.open() as file:
        return file.read()


def picture_file(sha256):
    with Image.objects.get(sha256=sha256).file.open("rb") as file:
        return file.read()


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def guesses(classes, rows, right):
    """Return a file of guesses: for each of `rows` two of two classes, the true one first for `right` of them."""
    lines = ["image,guess_1,guess_2,probability_1,probability_2\n"]
    for place, row in enumerate(rows):
        [other] = [wnid for wnid in classes if wnid != row.wnid]
        first, second = (row.wnid, other) if place < right else (other, row.wnid)
        lines.append(f"{row.sha256},{first},{second},{0.6 + place % 4 / 10:.1f},0.1\n")
    return "".join(lines)


@pytest.fixture
def numpy_alone(tmp_path):
    """A folder of libraries that has NumPy and nothing else."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    for each in ("numpy", "numpy.libs"):
        there = Path(np.__file__).parents[1] / each
        if there.exists():
            (folder / each).symlink_to(there)
    return folder


def run(folder, libraries, *arguments):
    """Run the kit's own program in a Python that knows these libraries alone."""
    program = (
        f"import runpy, sys; sys.path += {[str(folder), str(libraries)]}; sys.argv = {['score.py', *arguments]}\n"
        f"runpy.run_path({str(folder / 'score.py')!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )


# --- What it holds -----------------------------------------------------------------------------------------------


def test_a_kit_has_all_that_a_first_entry_needs(client, contest, snapshot):
    found = download(client, contest)

    test = [row for row in snapshot.rows() if row.split == TEST]
    assert rows_of(found["test.csv"]) == [
        {"image": row.sha256, "file": f"test/{row.file_name}"} for row in test
    ]
    assert rows_of(found["val.csv"]) == [
        {"image": row.sha256, "wnid": row.wnid} for row in snapshot.rows() if row.split == VAL
    ]
    for row in test:
        assert found[f"test/{row.file_name}"] == picture_file(row.sha256)
    assert json.loads(found["taxonomy.json"]) == snapshot.taxonomy
    assert {"README.md", "score.py", "sample.csv", "sample.jsonl", "sample.npy"} <= found.keys()
    assert contest.name in found["README.md"].decode()


def test_its_code_is_the_sites_own():
    root = Path(kit.__file__).resolve().parents[1]

    assert {"competition/metrics.py", "competition/predictions.py", "competition/client.py"} <= code().keys()
    for name, text in code().items():
        kept_as = "competition/kit_score.py" if name == "score.py" else name
        assert text == ("" if name.endswith("__init__.py") else (root / kept_as).read_text())


def test_its_code_needs_numpy_and_requests_alone():
    found = set()
    for text in code().values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])

    assert found - sys.stdlib_module_names - {"competition", "labeling", "taxonomy"} == {"numpy", "requests"}


def test_it_tells_nothing_of_test_labels(client):
    collection = make_settled_collection(20)
    test = Question.objects.filter(collection=collection, image__split=TEST).order_by("pk")
    kits = []
    for labels in permutations(collection.ordered_classes()):  # two pictures, whose labels are exchanged
        for question, label in zip(test, labels, strict=False):
            Question.objects.filter(pk=question.pk).update(label=label)
        kits.append(download(client, make_phase(freeze_all(collection), public_share=0.5).contest))

    before, after = kits

    said = [json.loads(each.pop("kit.json")) for each in (before, after)]
    assert said[0]["snapshot"] != said[1]["snapshot"]  # labels were exchanged indeed
    for each in (before, after):
        text = each.pop("README.md").decode()
        assert test[0].image.sha256 not in text
    assert before == after


def test_who_withdraws_a_test_picture_takes_it_out_and_no_row_moves(client, contest, snapshot):
    image = Image.objects.get(sha256=next(row.sha256 for row in snapshot.rows() if row.split == TEST))
    before = download(client, contest)
    image.withdraw()

    after = download(client, contest)

    first, *others = rows_of(after["test.csv"])
    assert first == {"image": image.sha256, "file": ""}
    assert others == rows_of(before["test.csv"])[1:]
    assert set(before) - set(after) == {f"test/{image.file.name.rpartition('/')[2]}"}
    assert len(private_storage().listdir(f"kits/{contest.pk}")[1]) == 1  # the old one is gone


def test_pictures_that_are_too_many_are_told_where_they_are(client, contest, monkeypatch):
    monkeypatch.setattr(kit, "MOST_PICTURE_BYTES", 10)

    found = download(client, contest)

    readme = found["README.md"].decode()
    assert not [name for name in found if name.startswith("test/")]
    [link] = [word for word in readme.split() if word.endswith('/imagefolder/test.zip"')]
    assert client.head(link.strip('"').removeprefix("$NESTWORK_SITE")).status_code == 200


# --- Scoring at home ---------------------------------------------------------------------------------------------


def test_it_scores_without_django_as_the_site_does(phase, snapshot, tmp_path, numpy_alone):
    rows = [row for row in snapshot.rows() if row.split == TEST]
    folder = unpack(phase.contest, tmp_path)
    (folder / "guesses.csv").write_text(guesses(snapshot.classes, rows, right=3))
    # Hidden labels, which no kit has, in the place of those of the validation pictures.
    lines = [f"{row.sha256},{row.wnid}\n" for row in rows]
    (folder / "val.csv").write_text("".join(["image,wnid\n", *lines]))

    found = run(folder, numpy_alone, "--json", "guesses.csv")

    with (folder / "guesses.csv").open("rb") as file:
        kept = File(file, "guesses.csv")
        entry = Submission.objects.submit(phase, make_user(), "the same", kept)
    score_queued()
    scores = {score.metric: score.as_dict() for score in entry.scores.filter(part="public")}
    assert found.stderr == ""
    assert json.loads(found.stdout) == {"n_images": len(rows), "metrics": scores}
    assert scores["top1_error"]["value"] == 1 - 3 / len(rows)


@pytest.mark.parametrize("name", ["sample.csv", "sample.jsonl", "sample.npy"])
def test_each_sample_can_be_handed_in(phase, tmp_path, numpy_alone, name):
    folder = unpack(phase.contest, tmp_path)

    found = run(folder, numpy_alone, "--check", name)

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == f"{name}: fine. Guesses for 4 test pictures, with probabilities.\n"
    with (folder / name).open("rb") as file:
        entry = Submission.objects.submit(phase, make_user(), "sample", File(file, name))
    score_queued()
    entry.refresh_from_db()
    assert entry.error == ""
    assert entry.is_scored


def test_the_sample_scores_on_the_validation_pictures(contest, tmp_path, numpy_alone):
    found = run(unpack(contest, tmp_path), numpy_alone, "sample-val.csv")

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("On 4 validation pictures, with 95 % intervals:\ntop1_error ")


def test_a_file_that_the_site_would_refuse_is_refused_at_home(contest, tmp_path, numpy_alone):
    folder = unpack(contest, tmp_path)
    lines = (folder / "sample.csv").read_text().splitlines(keepends=True)
    (folder / "bad.csv").write_text("".join(lines[:-1]))

    found = run(folder, numpy_alone, "--check", "bad.csv")

    assert found.returncode == 1
    assert "missing" in found.stderr


def test_the_command_checks_by_the_kit_it_lies_in(contest, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(unpack(contest, tmp_path))

    assert main(["check", "sample.jsonl"]) == SCORED
    assert "fine" in capfd.readouterr().out


# --- Keeping it --------------------------------------------------------------------------------------------------


def test_it_is_made_once(client, contest, monkeypatch):
    first = client.get(address(contest)).getvalue()
    monkeypatch.setattr(kit, "write_kit", None)

    assert client.get(address(contest)).getvalue() == first


def test_one_that_was_cut_off_is_made_again(client, contest):
    made = current_kit(contest)
    with private_storage().open(made.name, "wb") as file:
        file.write(b"PK")

    assert len(client.get(address(contest)).getvalue()) == made.n_bytes


def test_new_rules_make_a_new_kit(contest):
    before = current_kit(contest)
    contest.rules = "Be kind."

    after = current_kit(contest)

    assert before.digest != after.digest
    assert current_kit(contest) == after


def test_the_same_kit_is_the_same_bytes(contest):
    first = current_kit(contest)
    data = read(first)
    private_storage().delete(first.name)

    second = current_kit(contest)

    assert second.name != first.name
    assert read(second) == data


def test_a_download_goes_on_where_it_broke_off(client, contest):
    whole = client.get(address(contest))

    rest = client.get(address(contest), headers={"Range": "bytes=100-", "If-Range": whole["ETag"]})

    assert rest.status_code == 206
    assert rest.getvalue() == whole.getvalue()[100:]


def test_a_contest_that_is_not_there_has_no_kit(client):
    assert client.get("/contests/birds/starter-kit/").status_code == 404
