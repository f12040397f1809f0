"""How long a collection takes to be frozen, and how much memory.

    python -m benchmarks.freezing cifar10h FOLDER
    python -m benchmarks.freezing rows [--rows 3200000]
    python -m tests.with_servers --durable python -m benchmarks.freezing rows

`cifar10h` imports the published crowd of that folder and freezes it. `rows` makes as many settled questions, each
with a picture whose file is empty, and two votes. Freezing runs as `manage.py freeze`, in a process of its own, the
seconds that it takes to start included; the second time, nothing has changed.
"""

import argparse
import resource
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone

from benchmarks.reporting import report
from benchmarks.staging import N_CLASSES, a_site, make_nouns, make_pictures

SLUG = "frozen"
N_ANNOTATORS = 1000
VOTES_A_PICTURE = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    published = commands.add_parser("cifar10h", help="10,000 photographs with 500,000 votes")
    published.add_argument("folder", type=Path)
    rows = commands.add_parser("rows", help="rows alone, with empty files")
    rows.add_argument("--rows", type=int, default=3_200_000)
    args = parser.parse_args()
    with a_site():
        if args.what == "cifar10h":
            _import(args.folder)
        else:
            _fill(args.rows)
        for more in ([], [], ["--with-votes"]):
            _freeze(SLUG, more)


def _freeze(slug: str, more: list[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "manage.py", "freeze", slug, "--may-lack", *more]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report(
        "freeze",
        options=" ".join(more),
        seconds=time.perf_counter() - start,
        cpu_s=after.ru_utime - before.ru_utime,
        peak_mib=after.ru_maxrss / 1024,  # of the largest process so far
        said=said,
    )


def _import(folder: Path) -> None:
    from django.core.management import call_command

    call_command("import_taxonomy", "taxonomy/data/nouns.csv", verbosity=0)
    call_command(
        "import_votes",
        collection=SLUG,
        pictures=folder / "images.zip",
        labels=folder / "labels.csv.gz",
        votes=folder / "votes.csv.gz",
        named=["cat=domestic_cat.n.01"],
    )


@transaction.atomic
def _fill(n_rows: int) -> None:
    from accounts.models import User
    from labeling.models import Collection, Image, Question, Vote
    from taxonomy.models import Synset
    from taxonomy.models.synsets import analyze, copy_in

    start = time.perf_counter()
    classes = make_nouns()
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    collection = Collection.objects.create(slug=SLUG, name="Frozen", root=synsets["b00000000"])
    collection.set_classes(synsets[wnid] for wnid in classes)
    User.objects.bulk_create(User(username=f"annotator-{i}", password="!") for i in range(N_ANNOTATORS))
    people = list(User.objects.order_by("pk").values_list("pk", flat=True))
    make_pictures(n_rows)
    images = list(Image.objects.order_by("pk").values_list("pk", flat=True))
    nouns = [synsets[wnid].pk for wnid in classes]
    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "state", "open_places", "n_votes",
               "label_id", "confidence"]  # fmt: skip
    copy_in(
        Question,
        columns,
        (
            (
                collection.pk,
                image,
                i,
                False,
                False,
                "settled",
                0,
                VOTES_A_PICTURE,
                nouns[i % N_CLASSES],
                0.98 + i % 19 / 1000,
            )
            for i, image in enumerate(images)
        ),
    )
    # All of them first: PostgreSQL answers no query while it is being copied to.
    rows = Question.objects.order_by("pk").values_list("pk", "label_id").iterator(chunk_size=20_000)
    asked = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 2)
    now = timezone.now()
    columns = ["question_id", "annotator_id", "synset_id", "answer", "taxonomy_version", "cast_at"]
    copy_in(
        Vote,
        columns,
        (
            (question, people[(i + turn) % N_ANNOTATORS], label, "present", 1, now)
            for i, (question, label) in enumerate(map(np.ndarray.tolist, asked))
            for turn in range(VOTES_A_PICTURE)
        ),
    )
    analyze(User, Image, Question, Vote)
    report("filled", rows=n_rows, seconds=time.perf_counter() - start)


if __name__ == "__main__":
    main()
