"""What grows with the number of pictures and what does not, from ten thousand to 3.2 million in one collection.

    python -m benchmarks.scale [--pictures 10000 100000 1000000 3200000] [--classes 1000] [--annotators 2000]
                               [--turns 7] [--seconds 8]

Each size has a PostgreSQL and a Redis of its own, as tests.with_servers starts them, with fsync on. Prints one JSON
object a line; after the last size, how every figure compares with that of the size before.

The site is made of rows. Of ten pictures six are settled by three votes, one is started with one vote, three wait;
one in a thousand is gold. One class has a tenth of all pictures, the others share the rest. The pictures' files are
empty, so nothing here tells how long bytes take: taking pictures in, their thumbnails, archives. The site's own
periodic tasks then do what they would: refit, count, tally. Steps whose memory is told run in a process of their
own; that of PostgreSQL is not in it.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from django.utils import timezone

from benchmarks.reporting import report, report_machine, timed
from benchmarks.staging import make_annotators, make_pictures, running_server, set_up, settle

ROOT = Path(__file__).resolve().parent.parent
SLUG, ROOT_NOUN = "scale", "b00000000"
N_CLIENTS = 8
BLOCK = 50_000  # questions whose votes are made at a time
VOTES = (3, 3, 3, 3, 3, 3, 1, 0, 0, 0)  # of ten pictures
GOLD_EVERY = 1000
COMMON = 0.1  # share of the pictures that show the commonest class
GROUP = 32  # classes below one inner noun; who errs mostly names another of them
PEOPLE_SPAN = timedelta(days=60)
UNITS = ("seconds", "_s", "_ms", "mib")
# What is done in a process of its own, in this order.
STEPS = ("fill", "refit", "count", "freeze", "pages", "hand out", "merge")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 3_200_000])
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--annotators", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=7, help="times that each page is asked for")
    parser.add_argument(
        "--seconds", type=float, default=8, help="that questions are handed out, by each load"
    )
    parser.add_argument("--step", choices=STEPS, help="do one step of a site that is there (for itself)")
    options = parser.parse_args()
    if options.step:
        _do(options)
        return
    report_machine()
    found: list[tuple[int, dict[str, dict[str, Any]]]] = []
    for n_pictures in options.pictures:
        found.append((n_pictures, _measure(n_pictures, options)))
    for (smaller, before), (larger, after) in pairwise(found):
        _compare(smaller, before, larger, after)


def _measure(n_pictures: int, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Make and measure a site of so many pictures; return what its steps reported, by its name."""
    from tests.with_servers import servers

    said: dict[str, dict[str, Any]] = {}
    with (
        servers(durable=True) as urls,
        tempfile.TemporaryDirectory(prefix="nestwork-scale-") as folder,
    ):
        env = {**os.environ, **urls, "VAR_DIR": folder, "STATIC_ROOT": f"{folder}/static"}
        for step in STEPS:
            command = [
                sys.executable,
                "-m",
                "benchmarks.scale",
                "--step",
                step,
                "--pictures",
                str(n_pictures),
            ]
            for name in ("classes", "annotators", "turns", "seconds"):
                command += [f"--{name}", str(getattr(options, name))]
            with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as child:
                assert child.stdout
                for line in child.stdout:
                    figures = json.loads(line)
                    what = figures.pop("what")
                    said[what] = figures
                    report(what, pictures=n_pictures, **figures)
            if child.returncode:
                raise RuntimeError(f"The step {step!r} ended with status {child.returncode}.")
    return said


def _compare(smaller: int, before: dict[str, Any], larger: int, after: dict[str, Any]) -> None:
    """Report how many times as long, or as large, each figure is as with fewer pictures."""
    for what, figures in after.items():
        grew = {
            name: value / before[what][name]
            for name, value in figures.items()
            if name.endswith(UNITS) and before.get(what, {}).get(name)
        }
        if grew:
            report("times", of=what, pictures=larger, beside=smaller, pictures_times=larger / smaller, **grew)


def _do(options: argparse.Namespace) -> None:
    [n_pictures] = options.pictures
    n_classes = min(options.classes, max(n_pictures // 10, 2))
    steps: dict[str, Callable[[], None]] = {
        "fill": lambda: _fill(n_pictures, n_classes, options.annotators),
        "refit": _refit,
        "count": _count,
        "freeze": _freeze,
        "pages": lambda: _report_pages(options.turns),
        "hand out": lambda: _hand_out(options.seconds),
        "merge": _merge,
    }
    set_up(os.environ["VAR_DIR"])
    steps[options.step]()


def _refit() -> None:
    _task("refit", "labeling.tasks.refit_grown_collections")
    settle()
    _report_disk()


def _count() -> None:
    _task("count for pages", "labeling.tasks.count_figures")
    _task("tally over the tree", "labeling.tasks.tally_labels")


def _task(what: str, name: str) -> None:
    """Report the seconds and the memory of one of the periodic tasks, run here."""
    from config.celery import app

    app.loader.import_default_modules()
    result, seconds = timed(app.tasks[name])
    report(what, seconds=seconds, result=result, **_own())


def _own() -> dict[str, float]:
    """Return what this process has taken of the processors and of memory, at most; and how many ran beside it."""
    return {"cpu_s": time.process_time(), "peak_mib": _peak_mib(), "load": os.getloadavg()[0]}


def _peak_mib() -> float:
    """Return the most memory that this process has had, in MiB."""
    # Of getrusage it is not, since that knows of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024


# --- The site -------------------------------------------------------------------------------------------------


def _fill(n_pictures: int, n_classes: int, n_annotators: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)  # without it no page finds its style sheet
    _, seconds = timed(lambda: _make(n_pictures, n_classes, n_annotators))
    settle()
    report("fill", seconds=seconds, classes=n_classes, **_own())
    _report_disk()


def _make(n_pictures: int, n_classes: int, n_annotators: int) -> None:
    from django.db import connection

    from accounts.models import User
    from labeling.models import Collection, Image, Question, Vote
    from labeling.models.questions import POSITIONS
    from taxonomy.models import Synset
    from taxonomy.models.synsets import copy_in

    classes = _make_nouns(n_classes)
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    owner = User.objects.create_superuser("owner")
    collection = Collection.objects.create(slug=SLUG, name="Scale", root=synsets[ROOT_NOUN], owner=owner)
    collection.set_classes(synsets[wnid] for wnid in classes)
    people = _make_people(n_annotators)
    make_pictures(n_pictures)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, n_classes, n_pictures)
    truth[rng.random(n_pictures) < COMMON] = 0
    nouns = np.array([synsets[wnid].pk for wnid in classes])
    positions = rng.integers(0, POSITIONS, n_pictures)

    def question(i: int, image: int) -> tuple[Any, ...]:
        n_votes, is_gold, label = VOTES[i % len(VOTES)], not i % GOLD_EVERY, int(nouns[truth[i]])
        known = (label, 0.99) if n_votes > 1 else (label, 0.8) if n_votes else (None, None)
        state = "settled" if n_votes > 1 else "open" if n_votes else "waiting"
        return (collection.pk, image, int(positions[i]), is_gold, False, label if is_gold else None, state,
                int(state == "open"), n_votes, *known, 0.5 if state == "open" else None)  # fmt: skip

    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "truth_id", "state",
               "open_places", "n_votes", "label_id", "confidence", "gain"]  # fmt: skip
    images = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    copy_in(Question, columns, (question(i, image) for i, image in enumerate(images)))
    del images
    asked = np.array(Question.objects.order_by("pk").values_list("pk", flat=True))
    columns = ["question_id", "annotator_id", "synset_id", "answer", "taxonomy_version", "cast_at",
               "lease_number"]  # fmt: skip
    copy_in(Vote, columns, _votes(asked, truth, nouns, people, rng))
    with connection.cursor() as cursor:
        # The votes were cast on leases, though none of them is there any more.
        cursor.execute("SELECT setval(pg_get_serial_sequence('labeling_lease', 'id'), %s)", [3 * n_pictures])


def _make_nouns(n_classes: int) -> list[str]:
    from taxonomy.importing import import_synsets
    from taxonomy.records import Lemma, SynsetRecord

    groups = [f"b1{i:07}" for i in range(-(-n_classes // GROUP))]
    classes = [f"b2{i:07}" for i in range(n_classes)]
    records = [SynsetRecord(ROOT_NOUN, (Lemma("thing", 1),), (), "thing")]
    records += [SynsetRecord(wnid, (Lemma(f"group {wnid}", 1),), (ROOT_NOUN,), "group") for wnid in groups]
    records += [
        SynsetRecord(wnid, (Lemma(f"kind {wnid}", 1),), (groups[i // GROUP],), "kind")
        for i, wnid in enumerate(classes)
    ]
    import_synsets(records, reason="a benchmark")
    return classes


def _make_people(n_annotators: int) -> Any:
    from accounts.models import User

    User.objects.create_user("second-curator")
    User.objects.bulk_create(
        User(username=f"voter-{i}", password="!", board_name=f"Voter {i}" if i % 2 else "")
        for i in range(n_annotators)
    )
    voters = User.objects.filter(username__startswith="voter-").order_by("pk")
    return np.array(voters.values_list("pk", flat=True))


def _votes(asked: Any, truth: Any, nouns: Any, people: Any, rng: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the votes in the order in which they were cast, each question's by different annotators. Some are right
    eight times in ten, some nearly always; who errs mostly names a noun of the same group.
    """
    skill = rng.uniform(0.8, 0.98, len(people))
    n_votes = np.resize(VOTES, len(asked))
    begins, number = timezone.now() - PEOPLE_SPAN, 0
    step = PEOPLE_SPAN / max(int(n_votes.sum()), 1)
    for start in range(0, len(asked), BLOCK):
        item = np.repeat(np.arange(start, min(start + BLOCK, len(asked))), n_votes[start : start + BLOCK])
        first = rng.integers(0, len(people), len(item))[np.searchsorted(item, item)]
        who = (first + 7 * (np.arange(len(item)) - np.searchsorted(item, item))) % len(people)
        near = np.minimum(truth[item] // GROUP * GROUP + rng.integers(0, GROUP, len(item)), len(nouns) - 1)
        wrong = np.where(rng.random(len(item)) < 0.8, near, rng.integers(0, len(nouns), len(item)))
        said = np.where(rng.random(len(item)) < skill[who], truth[item], wrong)
        rows = zip(asked[item].tolist(), people[who].tolist(), nouns[said].tolist(), strict=True)
        for question, annotator, noun in rows:
            number += 1
            yield question, annotator, noun, "present", 1, begins + number * step, number


def _report_disk() -> None:
    """Report what the database takes on the disk, whole and by table; the largest first."""
    from django.db import connection

    from labeling.models import Question, Vote

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        [(whole,)] = cursor.fetchall()
        cursor.execute(
            """SELECT relname, pg_table_size(relid), pg_indexes_size(relid) FROM pg_stat_user_tables
            ORDER BY pg_total_relation_size(relid) DESC LIMIT 4"""
        )
        tables = cursor.fetchall()
    n_pictures = Question.objects.count()
    by_table = {
        name: {"table_mib": table / 2**20, "indexes_mib": indexes / 2**20,
               "bytes_a_picture": (table + indexes) / n_pictures}
        for name, table, indexes in tables
    }  # fmt: skip
    report("disk", votes=Vote.objects.count(), whole_mib=whole / 2**20, bytes_a_picture=whole / n_pictures)
    for name, figures in by_table.items():
        report(f"disk: {name}", **figures)


# --- What is measured -----------------------------------------------------------------------------------------


def _freeze() -> None:
    from datasets.choosing import Choice
    from datasets.freezing import freeze
    from labeling.models import Collection

    collection = Collection.objects.get(slug=SLUG)
    snapshot, seconds = timed(lambda: freeze(collection, Choice(may_lack=True)))
    report("freeze", seconds=seconds, rows=snapshot.n_images, **_own())


def _pages() -> Iterator[tuple[str, str, bool]]:
    """Yield what a page is, its address, and whether it is asked for by the owner instead of a volunteer."""
    from django.urls import reverse

    from labeling.models import Question

    settled = Question.objects.examples().earliest("pk")

    def of(name: str, *more: Any) -> str:
        return reverse(f"labeling:{name}", args=[SLUG, *more])

    yield "home", reverse("home"), False
    yield "home, its counts", reverse("counts"), False
    yield "list of collections", reverse("labeling:collections"), False
    yield "collection", of("collection"), False
    yield "collection, its progress", of("progress"), False
    yield "label page", of("label"), False
    yield "noun", reverse("taxonomy:synset", args=["b20000000"]), False
    yield "pictures of the commonest noun", reverse("labeling:synset-pictures", args=["b20000000"]), False
    yield "pictures of the root", reverse("labeling:synset-pictures", args=[ROOT_NOUN]), False
    yield "picture, about it", reverse("labeling:about", args=[settled.image.sha256]), False
    yield "own votes", reverse("labeling:my-votes"), False
    yield "how they stand", reverse("labeling:standing"), False
    yield "board of the site", reverse("labeling:board"), False
    yield "dashboard", of("dashboard"), True
    yield "quality", of("quality"), True
    yield "edit", of("edit"), True
    yield "examples to choose from", of("examples"), True
    yield "gold questions", of("gold"), True
    yield "look-alikes", of("duplicates"), True
    yield "disputes", of("disputes"), True
    yield "pictures of a collection", of("pictures"), True
    yield "why one label", of("why", settled.pk), True
    yield "snapshot", reverse("datasets:snapshot", args=[SLUG, 1]), True
    yield "form to freeze", reverse("datasets:freeze", args=[SLUG]), True
    yield "admin, pictures", reverse("admin:labeling_image_changelist"), True
    yield "admin, questions", reverse("admin:labeling_question_changelist"), True
    yield "admin, votes", reverse("admin:labeling_vote_changelist"), True
    for path in ("collections", f"collections/{SLUG}", "synsets", "snapshots", "intakes", "changes"):
        yield f"API, {path}", f"/api/{path}/", True


def _report_pages(n_turns: int) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    clients = {}
    for name in ("owner", "voter-1"):
        clients[name] = Client(headers={"host": "127.0.0.1"})
        clients[name].force_login(User.objects.get(username=name))
    for what, url, is_owner in _pages():
        client = clients["owner" if is_owner else "voter-1"]
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(url)
        if answer.status_code != 200:
            raise RuntimeError(f"Expected a page at {url}; found {answer.status_code} {answer.headers}.")
        asked = queries.captured_queries
        slowest = max(asked, key=lambda query: float(query["time"]), default={"time": "0", "sql": ""})
        taken = [1000 * timed(lambda: client.get(url))[1] for _turn in range(n_turns)]  # noqa: B023
        report(
            f"page: {what}",
            median_ms=statistics.median(taken),
            least_ms=min(taken),
            queries=len(asked),
            slowest_query_ms=1000 * float(slowest["time"]),
            slowest_query=(slowest["sql"] or "")[:300] if float(slowest["time"]) > 0.05 else "",
        )


def _hand_out(seconds: float) -> None:
    """Report leases and votes, each in a request of its own, by one client and by several at once."""
    from django.db import connection

    from benchmarks.handout import Client, Load, pair_in_two

    tokens, classes = make_annotators(N_CLIENTS), [f"b2{i:07}" for i in range(2)]
    settle()
    connection.close()
    with running_server() as port:
        for n_clients in (1, N_CLIENTS):
            # Until each process of the web server has read what the last refit learnt.
            warm = Load(seconds)
            asyncio.run(warm.run([Client(port, SLUG, token, classes) for token in tokens], pair_in_two))
            load = Load(seconds)
            some = [Client(port, SLUG, token, classes) for token in tokens[:n_clients]]
            asyncio.run(load.run(some, pair_in_two))
            for what, took in (("hand out", load.lease_s), ("vote", load.vote_s)):
                figures = _spread(took)
                report(f"{what}, {n_clients} at once", n=len(took), **figures, load=os.getloadavg()[0])
            report(f"pairs, {n_clients} at once", a_second=load.n_votes / load.elapsed_s)
    _report_periodic()


def _spread(took: list[float]) -> dict[str, float]:
    if not took:
        return {}
    ms = [1000 * each for each in took]
    parts = statistics.quantiles(ms, n=100) if len(ms) > 1 else ms * 99
    return {"p50_ms": parts[49], "p99_ms": parts[98]}


def _report_periodic() -> None:
    """Report how long each task takes that beat sends, with nothing left to do: run twice, the second one counts."""
    from config.celery import SCHEDULE, app

    app.loader.import_default_modules()
    for name, entry in SCHEDULE.items():
        if not isinstance(entry["schedule"], int):
            continue  # at night
        _, first = timed(app.tasks[str(entry["task"])])
        _, again = timed(app.tasks[str(entry["task"])])
        report(f"periodic: {name}", every=entry["schedule"], first_s=first, again_ms=1000 * again)


def _merge() -> None:
    """Report a merge that touches a tenth of all labels, as curators make one: it is previewed, then committed. For
    `locked_s` of the commit votes wait.
    """
    from accounts.models import User
    from labeling.models import Question
    from taxonomy import drafting

    n_labels = Question.objects.filter(label__wnid="b20000000").count()
    owner, second = (User.objects.get(username=name) for name in ("owner", "second-curator"))
    merging = {"synset": "b20000000", "target": "b20000001"}
    draft = drafting.propose("merge", merging, author=owner, reason="a benchmark")
    _, preview_s = timed(drafting.work_due)
    draft.refresh_from_db()
    draft.commit()
    draft.approve(second)
    locked_s: list[float] = []
    switch = drafting._switch

    def timed_switch(*arguments: Any) -> Any:
        change, seconds = timed(lambda: switch(*arguments))
        locked_s.append(seconds)
        return change

    with patch.object(drafting, "_switch", timed_switch):
        _, commit_s = timed(drafting.work_due)
    draft.refresh_from_db()
    if draft.change is None:
        raise RuntimeError(f"The merge was not made: {draft.state} {draft.error}")
    report("merge", labels=n_labels, preview_s=preview_s, commit_s=commit_s, locked_s=sum(locked_s), **_own())


if __name__ == "__main__":
    main()
