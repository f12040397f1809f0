"""Leases and votes a second, through the site's own web server. Prints one JSON object a line.

    python -m benchmarks.handout [--questions 1000 100000 3200000] [--seconds 10]
    python -m tests.with_servers --durable python -m benchmarks.handout

The first line measures SQLite in a folder that is thrown away, the second a PostgreSQL and a Redis of its own, whose
database has to be empty. gunicorn runs as docker-compose.yml has it, two workers of four threads; the clients share
the machine with it and with the database, so what they take counts too.

For each number of questions there is a fresh collection and one whose first half is settled by two votes each. A
pair is one lease and one vote: in two requests, or in one that votes and asks for more. "Veteran" is a client whose
account has answered the settled half, up to 100,000 questions of it.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
from django.db import transaction
from django.utils import timezone

from benchmarks.consensus import report

N_ANNOTATORS = 64
N_CLASSES = 10
BATCH = 24
VETERAN_VOTES = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handout", description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, nargs="+", default=[1000, 100_000, 3_200_000])
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "VAR_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "a benchmark's",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DEBUG": "0",
            "VOTES_PER_HOUR": "0",
        }
        django.setup()
        _measure(options.questions, options.seconds)


def _measure(sizes: list[int], seconds: float) -> None:
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
    classes = make_nouns()
    tokens = _make_annotators(N_ANNOTATORS)
    for n_questions in sizes:
        for is_half_answered in (False, True):
            slug = f"q{n_questions}-{'half' if is_half_answered else 'fresh'}"
            start = time.perf_counter()
            veteran = _make_collection(slug, n_questions, is_half_answered, classes)
            report(f"{slug} made", seconds=time.perf_counter() - start)
            connection.close()
            with running_server() as port:
                _measure_one(slug, port, tokens, veteran, classes, seconds)


def _measure_one(
    slug: str, port: int, tokens: list[str], veteran: str, classes: list[str], seconds: float
) -> None:
    def run(what: str, clients: list["Client"], work: "Work") -> None:
        before = _n_votes(slug)
        load = Load(seconds)
        asyncio.run(load.run(clients, work))
        _report_load(f"{slug}: {what}", load, _n_votes(slug) - before)

    def clients(n: int) -> list["Client"]:
        return [Client(port, slug, token, classes) for token in tokens[:n]]

    run("warming up", clients(8), pair_in_two)
    _analyze()
    for n in (1, 8):
        run(f"pairs in two requests, {n} clients", clients(n), pair_in_two)
        run(f"pairs in one request, {n} clients", clients(n), pair_in_one)
    run(f"batches of {BATCH}, 8 clients", clients(8), batch_in_one)
    run("pairs in two requests, veteran", [Client(port, slug, veteran, classes)], pair_in_two)
    report(f"{slug}: wrong", **_wrong(slug))


def _analyze() -> None:
    """Count the new rows for the planner, as autovacuum does within a minute: what was planned while there were no
    votes reads all of them.
    """
    from labeling.models import Lease, Question, Vote
    from taxonomy.models.synsets import analyze

    analyze(Lease, Question, Vote)


# --- The load ---------------------------------------------------------------------------------------------


class Client:
    """One annotator's program on one connection that is kept open. Says no more HTTP than it must."""

    def __init__(self, port: int, slug: str, token: str, classes: list[str]) -> None:
        self.port, self.token, self.classes = port, token, classes
        self.leases_url, self.votes_url = f"/api/collections/{slug}/leases/", "/api/votes/"
        self.held: list[int] = []

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises RuntimeError unless the answer is 200."""
        data = json.dumps(body).encode()
        head = (
            f"POST {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self.writer.write(head.encode() + data)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        text = await self.reader.readexactly(length)
        if " 200 " not in lines[0]:
            raise RuntimeError(f"{url} answered {lines[0]}: {text[:300]!r}")
        if "connection: close" in lines:
            self.writer.close()
            await self.open()
        return dict(json.loads(text))

    def votes(self, leases: list[int]) -> list[dict[str, Any]]:
        # All name the same class of a question, so most settle at two votes; a tenth errs.
        return [
            {
                "lease": lease,
                "synset": self.classes[0 if lease % 10 else 1],
                "answer": "present",
                "seconds": 2,
            }
            for lease in leases
        ]


@dataclass
class Load:
    """What clients did within some seconds."""

    seconds: float
    n_votes: int = 0
    lease_s: list[float] = field(default_factory=list)
    vote_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0

    async def run(self, clients: list[Client], work: "Work") -> None:
        for client in clients:
            await client.open()
        start = time.perf_counter()
        self.ends = start + self.seconds
        await asyncio.gather(*(self._keep_on(client, work) for client in clients))
        self.elapsed_s = time.perf_counter() - start
        for client in clients:
            client.writer.close()

    async def _keep_on(self, client: Client, work: "Work") -> None:
        while time.perf_counter() < self.ends:
            if not await work(client, self):
                return

    async def lease(self, client: Client, body: dict[str, Any]) -> list[int]:
        start = time.perf_counter()
        answer = await client.post(client.leases_url, body)
        self.lease_s.append(time.perf_counter() - start)
        self._count(answer.get("results", []))
        return [lease["id"] for lease in answer["leases"]]

    async def vote(self, client: Client, leases: list[int]) -> None:
        start = time.perf_counter()
        answer = await client.post(client.votes_url, {"votes": client.votes(leases)})
        self.vote_s.append(time.perf_counter() - start)
        self._count(answer["results"])

    def _count(self, results: list[dict[str, Any]]) -> None:
        for result in results:
            if result["status"] != "recorded":
                raise RuntimeError(f"A vote was not recorded: {result}")
        self.n_votes += len(results)


Work = Callable[[Client, Load], Coroutine[Any, Any, bool]]


async def pair_in_two(client: Client, load: Load) -> bool:
    leases = await load.lease(client, {"count": 1})
    if leases:
        await load.vote(client, leases)
    return bool(leases)


async def pair_in_one(client: Client, load: Load) -> bool:
    return await _vote_and_lease(client, load, 1)


async def batch_in_one(client: Client, load: Load) -> bool:
    return await _vote_and_lease(client, load, BATCH)


async def _vote_and_lease(client: Client, load: Load, count: int) -> bool:
    body: dict[str, Any] = {"count": count}
    if client.held:
        body["votes"] = client.votes(client.held)
    client.held = await load.lease(client, body)
    return bool(client.held)


def _report_load(what: str, load: Load, n_kept: int) -> None:
    def ms(seconds: list[float]) -> dict[str, float]:
        if len(seconds) < 2:
            return {}
        return {
            "median_ms": 1000 * statistics.median(seconds),
            "p99_ms": 1000 * statistics.quantiles(seconds, n=100)[98],
        }

    report(
        what,
        votes=load.n_votes,
        votes_kept=n_kept,
        votes_per_s=load.n_votes / load.elapsed_s,
        lease=ms(load.lease_s),
        vote=ms(load.vote_s),
    )


# --- The site ---------------------------------------------------------------------------------------------


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


def _make_annotators(count: int) -> list[str]:
    from accounts.models import ApiToken, User

    users = [User.objects.create_user(f"annotator-{i}") for i in range(count)]
    return [ApiToken.objects.create(user=user, name="a benchmark")[1] for user in users]


@transaction.atomic
def _make_collection(slug: str, n_questions: int, is_half_answered: bool, classes: list[str]) -> str:
    """Make a collection with its pictures' rows, and a veteran of it; return the veteran's token."""
    import numpy as np
    from django.db import connection

    from accounts.models import ApiToken, User
    from labeling.models import Collection, Image, Question, Vote
    from taxonomy.models import Synset
    from taxonomy.models.synsets import analyze, copy_in

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-1000000")
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    collection = Collection.objects.create(slug=slug, name=slug, root=synsets["b00000000"])
    collection.set_classes(synsets[wnid] for wnid in classes)
    _make_images(n_questions)
    images = list(Image.objects.order_by("pk").values_list("pk", flat=True)[:n_questions])
    rng = np.random.default_rng(0)
    positions = rng.permutation(np.arange(n_questions)).tolist()
    n_settled = n_questions // 2 if is_half_answered else 0
    label = synsets[classes[0]].pk

    def question(image: int, position: int) -> tuple[Any, ...]:
        if position < n_settled:
            return collection.pk, image, position, False, "settled", 0, 2, label, 0.99
        return collection.pk, image, position, False, "waiting", 0, 0, None, None

    columns = ["collection_id", "image_id", "position", "is_gold", "state", "open_places", "n_votes"]
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
    analyze(
        Image, Question, *([Vote] if n_settled else [])
    )  # a table that was never counted is not taken for empty
    return str(ApiToken.objects.create(user=veteran, name="a benchmark")[1])


def _make_images(count: int) -> None:
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


def _n_votes(slug: str) -> int:
    from labeling.models import Vote

    return Vote.objects.filter(question__collection__slug=slug, lease_number__isnull=False).count()


def _wrong(slug: str) -> dict[str, int]:
    """Count what must not be: places sold twice, questions put twice, counts that are off."""
    from django.db.models import Count, F, Q

    from labeling.models import Question, Vote

    mine = Question.objects.filter(collection__slug=slug)
    voted = Vote.objects.filter(question__collection__slug=slug, lease_number__isnull=False)
    counted = mine.filter(votes__lease_number__isnull=False).annotate(
        n=Count("votes", filter=Q(votes__lease_number__isnull=False), distinct=True)
    )
    return {
        "asked_of_too_many": counted.filter(n__gt=F("collection__max_votes")).count(),
        "put_twice": voted.values("question", "annotator").annotate(n=Count("pk")).filter(n__gt=1).count(),
        "unclear_counts": counted.filter(state="waiting").count(),
    }


if __name__ == "__main__":
    main()
