"""What 64 rough clients leave behind: every vote sent twice at once, a tenth of the clients killed. Prints one JSON
object a line, and fails if anything was lost, doubled, repeated or oversold.

    python -m tests.with_servers --durable python -m benchmarks.rough [--seconds 20] [--questions 2000]

The clients work on one small collection through the site's own web server, as those of benchmarks.handout do, and are
in each other's way as much as can be. A killed client's connections break off in the midst of a request, at a moment
of its own, and it never comes back; whether its last votes were cast it does not know.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

from benchmarks.handout import Client
from benchmarks.reporting import report
from benchmarks.staging import a_site, make_annotators, make_collection, make_nouns, running_server

N_CLIENTS = 64
KILLED = 10  # of so many clients one
MOST_LENT = 5  # leases that a client asks for at once


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rough", description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with a_site():
        sys.exit(_run(options.questions, options.seconds))


def _run(n_questions: int, seconds: float) -> int:
    from django.db import connection

    classes = make_nouns()
    tokens = make_annotators(N_CLIENTS)
    make_collection("rough", n_questions, False, classes)
    connection.close()
    with running_server() as port:
        clients = [RoughClient(port, "rough", token, classes) for token in tokens]
        start = time.perf_counter()
        asyncio.run(_load(clients, seconds))
        elapsed_s = time.perf_counter() - start
    wrong = _wrong(clients)
    report(
        f"{N_CLIENTS} clients, every vote sent twice",
        database=connection.vendor,
        killed=sum(client.is_killed for client in clients),
        leases=sum(len(client.lent) for client in clients),
        votes_acknowledged=sum(len(client.acknowledged) for client in clients),
        votes_per_s=sum(len(client.acknowledged) for client in clients) / elapsed_s,
        **wrong,
    )
    return int(any(wrong.values()))


class RoughClient(Client):
    """Sends each vote by two connections at once, and notes what it was lent and told."""

    def __init__(self, port: int, slug: str, token: str, classes: list[str]) -> None:
        super().__init__(port, slug, token, classes)
        self.echo = Client(port, slug, token, classes)
        self.lent: dict[int, str] = {}  # each lease with its picture
        self.acknowledged: list[int] = []
        self.recorded: list[int] = []
        self.is_killed = False

    async def work(self, ends: float) -> None:
        """Borrow and vote until `ends`, in the loop's time, or until nothing is left."""
        await self.open()
        await self.echo.open()
        while asyncio.get_running_loop().time() < ends:
            answer = await self.post(self.leases_url, {"count": random.randint(1, MOST_LENT)})
            if answer["is_finished"]:
                return
            self.lent |= {lease["id"]: lease["image_url"] for lease in answer["leases"]}
            leases = [lease["id"] for lease in answer["leases"]]
            if leases:
                await self._vote(leases)

    async def _vote(self, leases: list[int]) -> None:
        votes = {"votes": self.votes(leases)}
        for answer in await asyncio.gather(
            self.post(self.votes_url, votes), self.echo.post(self.votes_url, votes)
        ):
            for result in answer["results"]:
                if result["status"] not in ("recorded", "repeated"):
                    raise RuntimeError(f"A vote on a lease that is held was not taken: {result}")
                if result["status"] == "recorded":
                    self.recorded.append(result["lease"])
        self.acknowledged += leases

    def kill(self) -> None:
        """Break off, whatever is under way."""
        self.is_killed = True
        for client in (self, self.echo):
            client.writer.transport.abort()


async def _load(clients: list[RoughClient], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    works = [asyncio.create_task(client.work(ends)) for client in clients]
    await asyncio.gather(
        *(
            _kill(client, work, random.uniform(0.2, 0.8) * seconds)
            for client, work in zip(clients[::KILLED], works[::KILLED], strict=True)
        )
    )
    for client, outcome in zip(clients, await asyncio.gather(*works, return_exceptions=True), strict=True):
        if isinstance(outcome, BaseException) and not client.is_killed:
            raise outcome


async def _kill(client: RoughClient, work: "asyncio.Task[None]", after_s: float) -> None:
    await asyncio.sleep(after_s)
    client.kill()
    work.cancel()


def _wrong(clients: list[RoughClient]) -> dict[str, int]:
    """Count what must not be."""
    from django.db.models import Count, F, Q
    from django.db.models.functions import Greatest

    from labeling.models import Question, Vote

    kept = Counter(Vote.objects.values_list("lease_number", flat=True))
    acknowledged = [lease for client in clients for lease in client.acknowledged]
    told = Counter(lease for client in clients for lease in client.recorded)
    pictures = [Counter(client.lent.values()) for client in clients]
    counted = Question.objects.annotate(
        n=Count("votes", distinct=True), n_held=Count("leases", distinct=True)
    )
    by_annotator = Vote.objects.values("question", "annotator").annotate(n=Count("pk"))
    # So many more may be asked of an open question: those that it wants at least, or one beyond them.
    more = Greatest(F("collection__min_votes") - F("n"), 1)
    is_oversold = Q(n__gt=F("collection__max_votes")) | Q(state="open", open_places__gt=more - F("n_held"))
    return {
        "lost": sum(lease not in kept for lease in acknowledged),
        "doubled": sum(n > 1 for n in kept.values()) + by_annotator.filter(n__gt=1).count(),
        "recorded_twice": sum(n > 1 for n in told.values()),
        "put_twice": sum(n > 1 for lent in pictures for n in lent.values()),
        "oversold": counted.filter(is_oversold).count(),
        "miscounted": counted.exclude(n=F("n_votes")).count(),
    }


if __name__ == "__main__":
    main()
