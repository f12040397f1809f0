"""Leases and votes a second, through the site's own web server. Prints one JSON object a line.

    python -m benchmarks.handout [--questions 1000 100000 3200000] [--seconds 10]
    python -m tests.with_servers --durable python -m benchmarks.handout

The first line measures SQLite in a folder that is thrown away, the second a PostgreSQL and a Redis of its own, whose
database has to be empty. gunicorn runs as docker-compose.yml has it, two workers of four threads; the clients share
the machine with it and with the database, so what they take counts too.

For each number of questions there is a fresh collection and one whose first half is settled by two votes each. A
pair is one lease and one vote: in two requests, or in one that votes and asks for more. "Veteran" is a client whose
account has answered the settled half, up to 100,000 questions of it. Before it measures, and again after a while of
warming up, it has PostgreSQL tidy up, as that does by itself within some minutes.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from benchmarks.consensus import report
from benchmarks.site import a_site, make_annotators, make_collection, make_nouns, running_server, settle

N_ANNOTATORS = 64
BATCH = 24


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handout", description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, nargs="+", default=[1000, 100_000, 3_200_000])
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with a_site():
        _measure(options.questions, options.seconds)


def _measure(sizes: list[int], seconds: float) -> None:
    from django.db import connection

    classes = make_nouns()
    tokens = make_annotators(N_ANNOTATORS)
    for n_questions in sizes:
        for is_half_answered in (False, True):
            slug = f"q{n_questions}-{'half' if is_half_answered else 'fresh'}"
            start = time.perf_counter()
            veteran = make_collection(slug, n_questions, is_half_answered, classes)
            report(f"{slug} made", seconds=time.perf_counter() - start)
            settle()
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
    settle()
    for n in (1, 8):
        run(f"pairs in two requests, {n} clients", clients(n), pair_in_two)
        run(f"pairs in one request, {n} clients", clients(n), pair_in_one)
    run(f"batches of {BATCH}, 8 clients", clients(8), batch_in_one)
    run("pairs in two requests, veteran", [Client(port, slug, veteran, classes)], pair_in_two)
    report(f"{slug}: wrong", **_wrong(slug))


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


# --- What is left behind ------------------------------------------------------------------------------------


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
