"""A site of its own for a benchmark: pictures' rows, questions, annotators, and the web server before them."""

import hashlib
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.db import transaction
from django.utils import timezone

from benchmarks.reporting import report

N_CLASSES = 10
VETERAN_VOTES = 100_000


@contextmanager
def a_site() -> Iterator[None]:
    """Set Django up over an empty database, in a folder that is thrown away, and say what it runs on."""
    with tempfile.TemporaryDirectory() as folder:
        set_up(folder)
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        report(
            "machine",
            cpu=platform.processor() or platform.machine(),
            cores=os.cpu_count(),
            python=platform.python_version(),
            django=django.__version__,
            database=connection.vendor,
        )
        yield


def set_up(folder: str) -> None:
    """Set Django up over a site whose files are in `folder`."""
    os.environ |= {
        "VAR_DIR": folder,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "a benchmark's",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DEBUG": "0",
        "VOTES_PER_HOUR": "0",
    }
    django.setup()


@contextmanager
def running_server() -> Iterator[int]:
    """Run gunicorn as docker-compose.yml has it; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [*command, "--workers", "2", "--threads", "4", "--log-level", "warning"],
        cwd=Path(__file__).resolve().parent.parent,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def make_nouns() -> list[str]:
    from taxonomy.importing import import_synsets
    from taxonomy.records import Lemma, SynsetRecord

    names = ["thing", *(f"kind {i}" for i in range(N_CLASSES))]
    records = [
        SynsetRecord(f"b{i:08}", (Lemma(name, 1),), ("b00000000",) if i else (), name)
        for i, name in enumerate(names)
    ]
    import_synsets(records, reason="a benchmark")
    return [record.wnid for record in records[1:]]


def make_annotators(count: int) -> list[str]:
    from accounts.models import ApiToken, User

    users = [User.objects.create_user(f"annotator-{i}") for i in range(count)]
    return [ApiToken.objects.create(user=user, name="a benchmark")[1] for user in users]


@transaction.atomic
def make_collection(slug: str, n_questions: int, is_half_answered: bool, classes: list[str]) -> str:
    """Make a collection with its pictures' rows, and a veteran of it; return the veteran's token."""
    import numpy as np
    from django.db import connection

    from accounts.models import ApiToken, User
    from labeling.models import Collection, Image, Question, Vote
    from taxonomy.models import Synset
    from taxonomy.models.synsets import copy_in

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-1000000")
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    collection = Collection.objects.create(slug=slug, name=slug, root=synsets["b00000000"])
    collection.set_classes(synsets[wnid] for wnid in classes)
    make_images(n_questions)
    images = list(Image.objects.order_by("pk").values_list("pk", flat=True)[:n_questions])
    rng = np.random.default_rng(0)
    positions = rng.permutation(np.arange(n_questions)).tolist()
    n_settled = n_questions // 2 if is_half_answered else 0
    label = synsets[classes[0]].pk

    def question(image: int, position: int) -> tuple[Any, ...]:
        if position < n_settled:
            return collection.pk, image, position, False, False, "settled", 0, 2, label, 0.99
        return collection.pk, image, position, False, False, "waiting", 0, 0, None, None

    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "state", "open_places",
               "n_votes"]  # fmt: skip
    copy_in(
        Question,
        [*columns, "label_id", "confidence"],
        (question(image, position) for image, position in zip(images, positions, strict=True)),
    )
    veteran = User.objects.create_user(f"veteran-of-{slug}")
    voters = [User.objects.create_user(f"voter-{i}-of-{slug}") for i in range(2)]
    asked = list(
        Question.objects.filter(collection=collection).order_by("position").values_list("pk", flat=True)
    )
    now = timezone.now()
    n_veteran = min(VETERAN_VOTES, n_settled)
    columns = ["question_id", "annotator_id", "synset_id", "answer", "taxonomy_version", "cast_at"]
    copy_in(
        Vote,
        columns,
        (
            (question, voter.pk, label, "present", 1, now)
            for voter, n in [(voters[0], n_settled), (voters[1], n_settled), (veteran, n_veteran)]
            for question in asked[:n]
        ),
    )
    return str(ApiToken.objects.create(user=veteran, name="a benchmark")[1])


def settle() -> None:
    """Have PostgreSQL do at once what it does by itself within some minutes of a load: count rows for its planner,
    tidy up behind the load, and write it all to the disk. A table that is empty is left as a new site has it.
    """
    from django.db import connection

    from labeling.models import Image, Lease, Question, Vote

    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for model in (Image, Question, Lease, Vote):
            if model.objects.exists():
                cursor.execute(f"VACUUM (ANALYZE) {model._meta.db_table}")
        cursor.execute("CHECKPOINT")


def make_images(count: int) -> None:
    from labeling.models import Image
    from taxonomy.models.synsets import copy_in

    now, present = timezone.now(), Image.objects.count()
    columns = [
        "sha256",
        "file",
        "display",
        "thumbnail",
        "width",
        "height",
        "source",
        "licence",
        "credit",
        "split",
    ]
    copy_in(
        Image,
        [*columns, "created_at"],
        ((f"{i:064x}", "", "", "", 1, 1, "", "", "", "train", now) for i in range(present, count)),
    )


def make_pictures(count: int) -> None:
    """Make pictures that can be frozen: what is known of each is made up, and its file is there and empty."""
    import numpy as np
    from django.conf import settings

    from labeling.models import Image
    from labeling.splits import split_of
    from taxonomy.models.synsets import copy_in

    folder = Path(settings.VAR_DIR) / "pictures"
    for byte in range(256):
        (folder / f"{byte:02x}").mkdir(parents=True)
    looks = np.random.default_rng(0).integers(0, 2**63, count)
    now = timezone.now()

    def rows() -> Iterator[tuple[Any, ...]]:
        for i, look in enumerate(looks.tolist()):
            sha256 = hashlib.sha256(str(i).encode()).hexdigest()
            name = f"{sha256[:2]}/{sha256}.jpg"
            os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY))
            yield (sha256, name, "", "", 1, 1, "", "CC0", "", split_of(sha256), look, 1000 + i % 100, i, now)

    columns = ["sha256", "file", "display", "thumbnail", "width", "height", "source", "licence", "credit", "split",
               "perceptual_hash", "n_bytes", "crc32", "created_at"]  # fmt: skip
    copy_in(Image, columns, rows())
