"""The leaderboard of a contest with many entries: how long its pages take, and to rank it anew."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import numpy as np

from benchmarks.reporting import report, timed
from benchmarks.staging import a_site

SLUG = "many"
GROUPS = 20  # nouns between the classes and the root
SHARE_PUBLIC = 0.5


def page(n_entries: int, n_turns: int, n_images: int = 10_000, n_classes: int = 100) -> None:
    """Measure the pages of a board with so many entries, on a site that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STATIC_ROOT"] = folder
        with a_site():
            from django.core.management import call_command

            call_command("collectstatic", verbosity=0, interactive=False)
            _, seconds = timed(lambda: fill(n_entries, n_images, n_classes))
            report("filled", entries=n_entries, pictures=n_images, classes=n_classes, seconds=seconds)
            _measure_ranking()
            for what, address in _pages():
                _measure_page(what, address, n_turns)


def _measure_ranking() -> None:
    from competition import standings
    from competition.models import Contest

    contest = Contest.objects.get(slug=SLUG)
    _, seconds = timed(lambda: standings.rebuild(contest))
    report("ranked anew", seconds=seconds)


def _pages() -> Iterator[tuple[str, str]]:
    from django.urls import reverse

    board = reverse("competition:leaderboard", args=[SLUG])
    yield "leaderboard", board
    yield "leaderboard, its last page", f"{board}?page=1000"
    yield "leaderboard, by another metric", f"{board}?sort=brier_score"
    yield "leaderboard, searched", f"{board}?q=team+7"
    yield "leaderboard, by noun", f"{board}?below=group+3"
    yield "the contest's page", reverse("competition:contest", args=[SLUG])
    yield "all contests", reverse("competition:contests")
    yield "leaderboard as CSV", reverse("competition:leaderboard-csv", args=[SLUG])


def _measure_page(what: str, address: str, n_turns: int) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    with CaptureQueriesContext(connection) as queries:
        if client.get(address).status_code != 200:
            raise RuntimeError(f"Expected a page at {address}.")
    n_queries = len(queries)
    taken, worked = [], []
    for _turn in range(n_turns):
        start, begun = time.perf_counter(), time.process_time()
        client.get(address)
        taken.append(1000 * (time.perf_counter() - start))
        worked.append(
            1000 * (time.process_time() - begun)
        )  # where others use the machine, this alone is ours
    report(
        what,
        median_ms=statistics.median(taken),
        most_ms=max(taken),
        cpu_ms=statistics.median(worked),
        queries=n_queries,
    )


# --- The site ---------------------------------------------------------------------------------------------


def fill(n_entries: int, n_images: int, n_classes: int) -> None:
    """Make a contest with one scored entry of each of `n_entries` teams, better and worse ones."""
    from django.utils import timezone

    from competition.models import Contest, Phase, Team
    from competition.truth import truth_of

    contest = Contest.objects.create(
        slug=SLUG, name="Many", year=2026, snapshot=_snapshot(n_images, n_classes), human_error=0.051
    )
    phase = Phase.objects.create(
        contest=contest,
        name="Open",
        opens_at=timezone.now() - timedelta(days=20),
        closes_at=timezone.now() + timedelta(days=10),
        public_share=SHARE_PUBLIC,
    )
    users = _users(n_entries)
    teams = Team.objects.bulk_create(
        Team(contest=contest, name=f"Team {i}", captain=user) for i, user in enumerate(users)
    )
    truth = truth_of(contest)
    rng = np.random.default_rng(0)
    hardness = rng.beta(1, 2, n_images)
    for i, team in enumerate(teams):
        skill = 0.05 + 0.9 * i / n_entries
        is_wrong = rng.random(n_images) < skill * (0.5 + hardness)
        _enter(phase, team, truth, is_wrong, rng)


def _users(count: int) -> list[Any]:
    from accounts.models import User

    return User.objects.bulk_create(User(username=f"entrant-{i}", password="!") for i in range(count))


def _snapshot(n_images: int, n_classes: int) -> Any:
    """Make a snapshot of test pictures alone, without the pictures: a board never looks at them."""
    import hashlib

    from django.core.files.base import ContentFile

    from config.storage import private_storage
    from datasets.manifest import ManifestRow, write_rows
    from datasets.models import Snapshot
    from labeling.models import Collection
    from taxonomy.importing import import_synsets
    from taxonomy.models import Synset
    from taxonomy.records import Lemma, SynsetRecord

    import_synsets([SynsetRecord("b00000000", (Lemma("thing", 1),), (), "thing")], reason="a benchmark")
    nouns: dict[str, dict[str, Any]] = {"b00000000": {"name": "thing", "gloss": "", "hypernyms": []}}
    for i in range(GROUPS):
        nouns[f"g{i:08}"] = {"name": f"group {i}", "gloss": "", "hypernyms": ["b00000000"]}
    classes = [f"c{i:08}" for i in range(n_classes)]
    for i, wnid in enumerate(classes):
        nouns[wnid] = {"name": f"kind {i}", "gloss": "", "hypernyms": [f"g{i % GROUPS:08}"]}
    images = sorted(hashlib.sha256(str(i).encode()).hexdigest() for i in range(n_images))
    file = BytesIO()
    rows = [
        ManifestRow(image, f"{image}.png", classes[i % n_classes], "kind", 0.99, 3, "test", "", "")
        for i, image in enumerate(images)
    ]
    write_rows(ManifestRow, rows, file)
    collection = Collection.objects.create(slug=SLUG, name="Many", root=Synset.objects.get(wnid="b00000000"))
    return Snapshot.objects.create(
        collection=collection,
        number=1,
        manifest=private_storage().save("many.parquet", ContentFile(file.getvalue())),
        taxonomy={"classes": classes, "nouns": nouns},
        card={},
        digest="0" * 64,
        n_images=n_images,
        min_confidence=0.95,
        taxonomy_version=1,
    )


def _enter(phase: Any, team: Any, truth: Any, is_wrong: Any, rng: Any) -> None:
    from django.core.files.base import ContentFile

    from competition.answers import Answers
    from competition.models import Part, Submission
    from config.storage import private_storage

    n_classes = phase.contest.snapshot.n_classes
    guesses = np.full((len(is_wrong), 5), -1, dtype=np.int32)
    guesses[:, 0] = np.where(is_wrong, (truth.labels + 1) % n_classes, truth.labels)
    guesses[:, 1] = np.where(rng.random(len(is_wrong)) < 0.5, truth.labels, (truth.labels + 2) % n_classes)
    answers = Answers(guesses)
    submission = Submission.objects.create(
        phase=phase,
        team=team,
        author=team.captain,
        method=f"network {team.pk % 97}, the {team.pk}th of its kind",
        status="scored",
        n_multiply_adds=int(10 ** rng.uniform(6, 10)),
        n_parameters=int(10 ** rng.uniform(4, 8)),
    )
    file = private_storage().save(f"answers/{submission.pk}.npz", ContentFile(answers.to_bytes()))
    Submission.objects.filter(pk=submission.pk).update(answers=file)
    for part in Part:
        counts = truth.counts(phase, part)
        _score(submission, part, guesses[counts], truth.labels[counts], rng)


def _score(submission: Any, part: Any, guesses: Any, labels: Any, rng: Any) -> None:
    """Leave the rows that scoring leaves; measures that no answers here can have are made up."""
    from competition.ladder import rounded
    from competition.metrics import top_k_wrong
    from competition.models import ClassTally, Metric, Score
    from competition.truth import SCORER_VERSION

    n, digest = len(labels), submission.phase.contest.snapshot.digest
    first, five = (top_k_wrong(guesses, labels, k) for k in (1, 5))
    error = float(first.mean())
    values = {
        Metric.TOP1: error,
        Metric.TOP5: float(five.mean()),
        Metric.HIERARCHICAL: 2 * float(five.mean()),
        Metric.SEVERITY: 1 + rng.random(),
        Metric.CALIBRATION: 0.1 * rng.random(),
        Metric.BRIER: min(2.0, error * (1 + rng.random())),
    }
    Score.objects.bulk_create(
        Score(
            submission=submission, metric=metric, part=part, value=value, low=0.9 * value, high=1.1 * value,
            told=rounded(value, n), n_images=n, truth_digest=digest, taxonomy_version=1,
            scorer_version=SCORER_VERSION,
        )
        for metric, value in values.items()
    )  # fmt: skip
    n_classes = submission.phase.contest.snapshot.n_classes
    counts = [np.bincount(labels, weights, n_classes) for weights in (None, first, five, 2 * five)]
    ClassTally.objects.create(
        submission=submission, part=part, truth_digest=digest, scorer_version=SCORER_VERSION,
        counts=np.stack(counts).astype("<i4").tobytes(),
    )  # fmt: skip
