"""Leases and votes a second, through the site's own web server. Prints one JSON object a line.

    python -m benchmarks.handout [--questions 1000 100000 3200000] [--turns 5] [--seconds 1]
    python -m tests.with_servers --durable python -m benchmarks.handout

The first line measures SQLite in a folder that is thrown away, the second a PostgreSQL and a Redis of its own, whose
database has to be empty. gunicorn runs as docker-compose.yml has it, two workers of four threads; the clients share
the machine with it and with the database, so what they take counts too.

For each number of questions there is a fresh collection and one whose first half is settled by two votes each. A
pair is one lease and one vote: in two requests, or in one that votes and asks for more. "Veteran" is a client whose
account has answered the settled half, up to 100,000 questions of it.

All collections are in one database before one server, and take turns of `--seconds`, so that what else the machine
does meets all of them alike. What is printed is the median over the turns, the slowest and the fastest, and how the
median compares with that of the smallest collection. Of small collections each turn has one of its own, or its
questions would run out. Before the turns, and again after one that warms up and does not count, PostgreSQL tidies up,
as it does by itself within some minutes.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from benchmarks.reporting import report
from benchmarks.staging import a_site, make_annotators, make_collection, make_nouns, running_server, settle

N_ANNOTATORS = 64
BATCH = 24
SMALL = 20_000  # questions, below which a turn may use them up


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handout", description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, nargs="+", default=[1000, 100_000, 3_200_000])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    options = parser.parse_args()
    with a_site():
        _measure(options.questions, options.turns, options.seconds)


@dataclass
class Contest:
    """Some collections alike, of which each turn takes the next: what a load is measured on."""

    name: str
    n_questions: int
    slugs: list[str]
    veterans: list[str]  # their tokens, one a collection
    n_taken: int = 0

    @classmethod
    def make(cls, n_questions: int, is_half_answered: bool, n_turns: int, classes: list[str]) -> "Contest":
        name = f"{n_questions:,} {'half answered' if is_half_answered else 'fresh'}"
        state = "half" if is_half_answered else "fresh"
        n_alike = n_turns if n_questions < SMALL else 1
        slugs = [f"q{n_questions}-{state}-{i}" for i in range(n_alike)]
        start = time.perf_counter()
        veterans = [make_collection(slug, n_questions, is_half_answered, classes) for slug in slugs]
        report(f"{name}: made {n_alike}", seconds=time.perf_counter() - start)
        return cls(name, n_questions, slugs, veterans)

    def next(self) -> tuple[str, str]:
        """Return a collection and the token of its veteran."""
        i = self.n_taken % len(self.slugs)
        self.n_taken += 1
        return self.slugs[i], self.veterans[i]


def _measure(sizes: list[int], n_turns: int, seconds: float) -> None:
    from django.db import connection

    classes = make_nouns()
    tokens = make_annotators(N_ANNOTATORS)
    n_each = (n_turns + 1) * len(LOADS)
    contests = [Contest.make(n, is_half, n_each, classes) for is_half in (False, True) for n in sizes]
    settle()
    connection.close()
    loads: dict[tuple[str, str], list[Load]] = defaultdict(list)
    with running_server() as port:
        for turn in range(n_turns + 1):
            for what, n_clients, work in LOADS:
                for contest in contests:
                    load = _take_turn(contest, what, port, tokens[:n_clients], classes, work, seconds)
                    if turn:
                        loads[contest.name, what].append(load)
            if turn == 0:
                settle()
    for is_half in (False, True):
        _report_loads(contests[is_half * len(sizes) :][: len(sizes)], loads)
    for contest in contests:
        report(f"{contest.name}: wrong", **_wrong(contest.slugs))


def _take_turn(
    contest: Contest,
    what: str,
    port: int,
    tokens: list[str],
    classes: list[str],
    work: "Work",
    seconds: float,
) -> "Load":
    slug, veteran = contest.next()
    if what == VETERAN:
        tokens = [veteran]
    # Of a collection that would run out, no more is asked than a half: its end is slower, and another matter.
    load = Load(seconds, contest.n_questions // 2 if contest.n_questions < SMALL else None)
    before = _n_votes()
    asyncio.run(load.run([Client(port, slug, token, classes) for token in tokens], work))
    if (n_kept := _n_votes() - before) != load.n_votes:
        raise RuntimeError(f"{slug}: {load.n_votes} votes were said to be recorded, {n_kept} are kept.")
    return load


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
    """What clients did within some seconds, or until they had cast some votes."""

    seconds: float
    most_votes: int | None = None
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
        while time.perf_counter() < self.ends and (self.most_votes is None or self.n_votes < self.most_votes):
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


VETERAN = "pairs in two requests, a veteran"
LOADS: list[tuple[str, int, Work]] = [
    ("pairs in two requests, 1 client", 1, pair_in_two),
    (VETERAN, 1, pair_in_two),
    ("pairs in one request, 1 client", 1, pair_in_one),
    ("pairs in two requests, 8 clients", 8, pair_in_two),
    ("pairs in one request, 8 clients", 8, pair_in_one),
    (f"batches of {BATCH}, 8 clients", 8, batch_in_one),
]


def _report_loads(contests: list[Contest], loads: dict[tuple[str, str], list[Load]]) -> None:
    for what, _n_clients, _work in LOADS:
        smallest = _rate(loads[contests[0].name, what])
        for contest in contests:
            turns = loads[contest.name, what]
            rates = [load.n_votes / load.elapsed_s for load in turns]
            figures: dict[str, Any] = {
                "votes_per_s": _rate(turns),
                "slowest": min(rates),
                "fastest": max(rates),
                "of_smallest": _rate(turns) / smallest,
            }
            if what == VETERAN:
                figures["of_a_newcomer"] = _rate(turns) / _rate(loads[contest.name, LOADS[0][0]])
            for name, seconds in (("lease", "lease_s"), ("vote", "vote_s")):
                took = [1000 * each for load in turns for each in getattr(load, seconds)]
                if len(took) > 1:
                    figures[f"{name}_median_ms"] = statistics.median(took)
                    figures[f"{name}_p99_ms"] = statistics.quantiles(took, n=100)[98]
            report(f"{contest.name}: {what}", **figures)


def _rate(turns: list[Load]) -> float:
    return statistics.median(load.n_votes / load.elapsed_s for load in turns)


# --- What is left behind ------------------------------------------------------------------------------------


def _n_votes() -> int:
    """Count the votes that were cast on leases, by their index: no benchmark's own votes."""
    from labeling.models import Vote

    return Vote.objects.filter(lease_number__isnull=False).count()


def _wrong(slugs: list[str]) -> dict[str, int]:
    """Count what must not be: places sold twice, questions put twice, counts that are off."""
    from django.db.models import Count, F, Q

    from labeling.models import Question, Vote

    mine = Question.objects.filter(collection__slug__in=slugs)
    voted = Vote.objects.filter(question__collection__slug__in=slugs, lease_number__isnull=False)
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
