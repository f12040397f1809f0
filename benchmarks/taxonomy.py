"""Time and memory of the taxonomy on the whole of WordNet 3.0. Prints one JSON object a line.

    python -m benchmarks.taxonomy WORDNET_FOLDER [--pictures N]
    python -m tests.with_servers --durable python -m benchmarks.taxonomy WORDNET_FOLDER

WORDNET_FOLDER holds data.noun and index.noun, as Debian's wordnet-base brings them. The first line measures SQLite
in a folder that is thrown away, the second a PostgreSQL of its own. The database has to be empty. Labels are
synthetic: N pictures (3,000,000 unless given), most with one label, every tenth with one in each of two
collections, at random leaves.
"""

import argparse
import os
import platform
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import django
from django.db import transaction

from benchmarks.reporting import report
from benchmarks.staging import make_images

REPEATS = 15


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.taxonomy", description=__doc__.splitlines()[0]
    )
    parser.add_argument("wordnet", type=Path, metavar="WORDNET_FOLDER")
    parser.add_argument("--pictures", type=int, default=3_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        django.setup()
        _measure(options.wordnet, options.pictures)


def _measure(wordnet: Path, n_pictures: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        version = "SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version"
        cursor.execute(version)
        [server] = cursor.fetchone()
    report(
        "machine",
        cpu=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        django=django.__version__,
        database=f"{connection.vendor} {server}",
    )
    _time_import(wordnet)
    _time_queries()
    _time_move()
    _time_tally(n_pictures)


def _time_import(folder: Path) -> None:
    from taxonomy.importing import import_synsets
    from taxonomy.models import Ancestry
    from taxonomy.wordnet import read_wordnet

    start = time.perf_counter()
    records = read_wordnet(folder).records
    read_s = time.perf_counter() - start
    n_added = import_synsets(records, reason="a benchmark")
    report(
        "import of all nouns",
        nouns=n_added,
        ancestry_rows=Ancestry.objects.count(),
        read_s=read_s,
        whole_s=time.perf_counter() - start,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )
    start = time.perf_counter()
    Ancestry.objects.rebuild()
    report("rebuild of the ancestry", seconds=time.perf_counter() - start)


def _time_queries() -> None:
    from taxonomy.models import Ancestry, Synset

    nouns = {name: Synset.objects.named(name) for name in ("animal.n.01", "physical_entity.n.01", "dog.n.01")}
    for name, synset in nouns.items():
        _report_times(f"keys below {name}", partial(_keys, Ancestry.objects.below(synset)))
    for name, synset in nouns.items():
        _report_times(f"keys above {name}", partial(_keys, Ancestry.objects.above(synset)))
    dog = nouns["dog.n.01"]
    _report_times("nouns above dog.n.01, as objects", lambda: list(Synset.objects.above(dog)))
    _report_times("every path to the root of dog.n.01", dog.hypernym_paths)
    _report_times("search for head", lambda: list(Synset.objects.search("head")[:50]))


def _keys(rows: Any) -> list[int]:
    return list(rows.all())  # all() asks the database anew


def _report_times(what: str, call: Callable[[], Any]) -> None:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    report(what, rows=len(result), median_ms=1000 * statistics.median(seconds), best_ms=1000 * min(seconds))


def _time_move() -> None:
    from taxonomy import ledger
    from taxonomy.models import Ancestry, Synset

    mammal, vertebrate, animal = (
        Synset.objects.named(n) for n in ("mammal.n.01", "vertebrate.n.01", "animal.n.01")
    )

    def move(target: Synset) -> float:
        start = time.perf_counter()
        ledger.make("move", {"synset": mammal.wnid, "target": target.wnid}, author=None, reason="a benchmark")
        return time.perf_counter() - start

    with _readers() as waits:
        seconds = [move(target) for target in (animal, vertebrate) * 5]
    report(
        "mammal moves to another hypernym and back",
        nouns=len(Ancestry.objects.below(mammal)),
        median_s=statistics.median(seconds),
        slowest_s=max(seconds),
        reads_meanwhile=len(waits),
        slowest_read_ms=1000 * max(waits),
    )


@contextmanager
def _readers() -> Iterator[list[float]]:
    """Have a thread read the tree all the time; give the list of how long each of its reads took."""
    from django.db import connection

    from taxonomy.models import Synset

    waits: list[float] = []
    stop = threading.Event()
    dog, mammal = Synset.objects.named("dog.n.01"), Synset.objects.named("mammal.n.01")

    def read() -> None:
        try:
            # A pause between reads: a thread that never rests takes Python's lock from the one that is timed.
            while not stop.wait(0.005):
                start = time.perf_counter()
                list(Synset.objects.above(dog))
                list(mammal.hyponyms.all())
                waits.append(time.perf_counter() - start)
        finally:
            connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()


def _time_tally(n_pictures: int) -> None:
    from labeling.tallying import tally
    from taxonomy.models import Synset, Tally

    _label(n_pictures)
    _vacuum()
    _report_times_of_tally(tally)
    root = Synset.objects.roots().order_by("wnid").get(wnid="n00001740")
    report("pictures below the root", pictures=Tally.objects.get(synset=root).n_pictures)


def _report_times_of_tally(tally: Callable[[], int]) -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        n_nouns = tally()
        seconds.append(time.perf_counter() - start)
    report("pictures rolled up over the whole tree", nouns=n_nouns, median_s=statistics.median(seconds))


def _vacuum() -> None:
    """Do what PostgreSQL does by itself within a minute after so many rows have come in."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE labeling_question")


@transaction.atomic
def _label(n_pictures: int) -> None:
    """Give pictures labels at random leaves: each one in a first collection, every tenth one in a second."""
    import numpy as np
    from django.db import connection

    from labeling.models import Collection, Image, Question
    from taxonomy.models import Synset
    from taxonomy.models.synsets import analyze, copy_in

    root = Synset.objects.get(wnid="n00001740")
    leaves = np.array(Synset.objects.leaves().order_by("pk").values_list("pk", flat=True))
    first, second = (Collection.objects.create(slug=s, name=s, root=root) for s in ("first", "second"))
    rng = np.random.default_rng(0)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-1000000")  # or the indexes of random labels take an hour
    make_images(n_pictures)
    pictures = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    columns = [
        "collection_id",
        "image_id",
        "position",
        "is_gold",
        "is_starter",
        "state",
        "open_places",
        "n_votes",
        "label_id",
        "confidence",
    ]
    for collection, every in ((first, 1), (second, 10)):
        images = pictures[::every]
        labels = rng.choice(leaves, len(images)).tolist()
        copy_in(
            Question,
            columns,
            (
                (collection.pk, i, i, False, False, "settled", 0, 3, label, 0.99)
                for i, label in zip(images, labels, strict=True)
            ),
        )
    analyze(Image, Question)


if __name__ == "__main__":
    main()
