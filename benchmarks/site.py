"""A thousand volunteers at once, in a browser's rhythm, before two web workers. Prints one JSON object a line.

    python -m benchmarks.site [--volunteers 1000] [--minutes 3] [--seconds 10]

PostgreSQL and Redis of its own, which write to disk as a real site's do; gunicorn as docker-compose.yml has it. The
volunteers live in one process of their own, which shares the machine with all that.

Each does what label.js and outbox.js have a browser do: opens the page with its modules (asking for those that are
kept whether they have changed), looks at a picture for `--seconds` on average, keeps the next ones at hand - first 6,
and as many more as were answered, up to 32, new ones by eights - fetches each picture once, and sends an answer a
second after it was given. They come one by one within the first half of the first minute, and in that minute nothing
is counted.

A line for each kind of request says how many there were, how many went wrong, and how long they took, from sending to
the last byte; one for each process how much memory it had after the first minute and at the end.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reporting import report, report_machine
from benchmarks.staging import a_site, make_nouns, running_server, settle

N_PICTURES = 400  # files; as a browser has no use for what it shows, many questions share one
SIZE_PX = (480, 360)
WARMS_UP_S = 60.0
COMES_WITHIN_S = 30.0
READY_FIRST, READY_MOST, REFILL_BY = 6, 32, 8  # as label.js
SENDS_AFTER_S = 1.0  # as outbox.js
IDLE_S = 1.0  # after which the server may close a connection; a browser then opens another one
WAITS_S = 30.0  # for an answer, before it counts as an error
ROOT = Path(__file__).resolve().parent.parent
SLUG = "load"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.site", description=__doc__.splitlines()[0])
    parser.add_argument("--volunteers", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="from one answer to the next")
    parser.add_argument("--play", metavar="STAGE", help="be the volunteers of a site that runs (for itself)")
    options = parser.parse_args()
    if options.play:
        asyncio.run(_play(json.loads(Path(options.play).read_text()), options.minutes * 60, options.seconds))
        return
    from tests.with_servers import servers

    report_machine()
    with servers(durable=True) as urls:
        os.environ |= {**urls, "GUEST_VOTES_PER_HOUR": "0"}
        with a_site():
            _measure(options)


def _measure(options: argparse.Namespace) -> None:
    from django.db import connection

    with tempfile.NamedTemporaryFile("w", suffix=".json") as stage:
        n_answers = int(options.volunteers * 60 * options.minutes / options.seconds)
        json.dump({"sessions": _fill(options.volunteers, n_answers)} | _pages(), stage)
        stage.flush()
        settle()
        connection.close()
        with running_server() as port:
            play = [sys.executable, "-m", "benchmarks.site", "--play", stage.name]
            env = {**os.environ, "LOAD_PORT": str(port)}
            rhythm = ["--minutes", str(options.minutes), "--seconds", str(options.seconds)]
            volunteers = subprocess.Popen([*play, *rhythm], cwd=ROOT, env=env)
            memory = _watch(volunteers, WARMS_UP_S)
        for name, (first, last) in memory.items():
            report(f"memory of {name}", mib_at_first=first, mib_at_end=last, grew=last / first - 1)
    _report_rows()


def _fill(n_volunteers: int, n_answers: int) -> list[str]:
    """Make a collection with pictures enough, and guests who are signed in; return their sessions' keys."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from accounts.models import User
    from labeling.models import Collection
    from taxonomy.models import Synset
    from tests.factories import make_many_questions, make_photograph

    classes = make_nouns()
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    collection = Collection.objects.create(slug=SLUG, name="Load", root=synsets["b00000000"])
    collection.set_classes(synsets[wnid] for wnid in classes)
    for number in range(N_PICTURES):
        default_storage.save(f"load/{number}.jpg", ContentFile(make_photograph(number, SIZE_PX)))
    n_questions = n_answers + READY_MOST * n_volunteers
    make_many_questions(collection, [f"load/{i % N_PICTURES}.jpg" for i in range(n_questions)], SIZE_PX)

    def session(user: User) -> str:
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save()
        return str(store.session_key)

    return [session(User.objects.create_guest()) for _ in range(n_volunteers)]


def _pages() -> dict[str, Any]:
    from django.core.management import call_command
    from django.templatetags.static import static
    from django.urls import reverse

    call_command("collectstatic", interactive=False, verbosity=0)
    modules = ("nestwork.css", "label.js", "choosing.js", "meanings.js", "outbox.js", "streak.js")
    return {
        "page": reverse("labeling:label", args=[SLUG]),
        "leases": reverse("collection-leases", args=[SLUG]),
        "votes": reverse("votes"),
        "classes": [f"b{i:08}" for i in range(1, 11)],
        "modules": [static(name) for name in modules],
    }


def _watch(volunteers: subprocess.Popen[bytes], first_after_s: float) -> dict[str, tuple[float, float]]:
    """Wait for the volunteers to end; return what memory each process had, in MiB, early and at the end."""
    began = time.monotonic()
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    while volunteers.poll() is None:
        time.sleep(1)
        last = _memory() or last
        if not first and time.monotonic() - began >= first_after_s:
            first = last
    if volunteers.returncode:
        raise RuntimeError(f"The volunteers ended with status {volunteers.returncode}.")
    return {name: (first.get(name, mib), mib) for name, mib in last.items()}


def _memory() -> dict[str, float]:
    """Return the memory of the web server's processes that no other shares, in MiB."""
    from training import minding

    found = {}
    for pid in minding.descendants(os.getpid()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if "gunicorn" in words and minding.parent_of(pid) != os.getpid():
            kib = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
            found[f"web worker {pid}"] = kib / 1024
    return found


def _report_rows() -> None:
    from django.db.models import Count

    from labeling.models import Lease, Vote

    twice = Vote.objects.values("question", "annotator").annotate(n=Count("pk")).filter(n__gt=1)
    report("rows", votes=Vote.objects.count(), leases=Lease.objects.count(), put_twice=twice.count())


# --- The volunteers, in a process of their own ----------------------------------------------------------------


@dataclass
class Told:
    """How long each kind of request took, in seconds, and what went wrong; once it counts."""

    counts_from: float
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    n_votes: int = 0
    said: set[str] = field(default_factory=set)

    def note(self, kind: str, began: float, error: str = "") -> None:
        if began < self.counts_from:
            return
        self.took[kind].append(time.monotonic() - began)
        if error:
            self.wrong[kind] += 1
            self.said.add(f"{kind}: {error}"[:200])


class Browser:
    """One volunteer's: a connection that is kept open, pictures at hand, answers on their way."""

    def __init__(self, stage: dict[str, Any], session: str, seconds: float, told: Told) -> None:
        self.stage, self.session, self.seconds, self.told = stage, session, seconds, told
        self.chance = random.Random(session)
        self.ready: list[int] = []
        self.known: set[int] = set()
        self.unsent: list[dict[str, Any]] = []
        self.n_answered = 0
        self.turn = (
            asyncio.Lock()
        )  # a browser has more connections; one asks for no more at once than the site has
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.used_at = 0.0

    async def label(self, ends: float) -> None:
        await asyncio.sleep(self.chance.uniform(0, COMES_WITHIN_S))
        await self._ask("page", "GET", self.stage["page"])
        for module in self.stage["modules"]:
            await self._ask("module, unchanged", "GET", module, since=True)
        await self._refill()
        while time.monotonic() < ends:
            await asyncio.sleep(self.chance.expovariate(1 / self.seconds))
            if not self.ready:
                await self._refill()
                continue
            self._answer(self.ready.pop(0))
            refilling = asyncio.create_task(self._refill_when_low())
            await asyncio.sleep(SENDS_AFTER_S)
            await self._send()
            await refilling
        if self.streams:
            self.streams[1].close()

    def _answer(self, lease: int) -> None:
        classes = self.stage["classes"]
        # All name the same class of a question, so most settle at two votes; a tenth errs.
        synset = classes[0 if self.chance.random() < 0.9 else 1]
        self.unsent.append({"lease": lease, "synset": synset, "answer": "present", "seconds": self.seconds})
        self.n_answered += 1

    def _missing(self) -> int:
        return min(READY_FIRST + self.n_answered, READY_MOST) - len(self.ready)

    async def _refill_when_low(self) -> None:
        if len(self.ready) < READY_FIRST or self._missing() >= REFILL_BY:
            await self._refill()

    async def _refill(self) -> None:
        wanted = self._missing()
        if wanted <= 0:
            return
        count = len(self.ready) + len(self.unsent) + wanted
        found = await self._ask("leases", "POST", self.stage["leases"], {"count": count})
        for lease in found["leases"] if found else ():
            if lease["id"] not in self.known:
                self.known.add(lease["id"])
                await self._ask("picture", "GET", lease["image_url"])
                self.ready.append(lease["id"])

    async def _send(self) -> None:
        if not self.unsent:
            return
        batch = self.unsent[:50]
        if found := await self._ask("votes", "POST", self.stage["votes"], {"votes": batch}):
            self.unsent = self.unsent[len(batch) :]
            refused = [result for result in found["results"] if result["status"] == "refused"]
            self.told.n_votes += len(batch) - len(refused)
            if refused:
                self.told.note("votes refused", time.monotonic(), refused[0]["detail"])

    async def _ask(
        self, kind: str, method: str, path: str, body: dict[str, Any] | None = None, since: bool = False
    ) -> Any:
        """Ask once, and note how long it took; None if it was not answered well."""
        async with self.turn:
            began = time.monotonic()
            try:
                status, data = await asyncio.wait_for(self._exchange(method, path, body, since), WAITS_S)
            except (OSError, EOFError, TimeoutError) as error:
                self.streams = None
                self.told.note(kind, began, repr(error))
                return None
        self.told.note(kind, began, "" if status in (200, 304) else f"{status} {data[:150]!r}")
        return json.loads(data) if body is not None and status == 200 else None

    async def _exchange(
        self, method: str, path: str, body: dict[str, Any] | None, since: bool
    ) -> tuple[int, bytes]:
        if self.streams and time.monotonic() - self.used_at > IDLE_S:
            self.streams[1].close()
            self.streams = None
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", int(os.environ["LOAD_PORT"]))
        reader, writer = self.streams
        data = json.dumps(body).encode() if body is not None else b""
        lines = [
            f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(data)}",
            f"Cookie: sessionid={self.session}; csrftoken={'c' * 32}", f"X-CSRFToken: {'c' * 32}",
            "Content-Type: application/json",
        ]  # fmt: skip
        if since:
            lines.append("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT")
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        said = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        status = int(head[0].split()[1])
        found = b"" if status == 304 else await _body(reader, said)
        self.used_at = time.monotonic()
        if said.get("connection") == "close":
            writer.close()
            self.streams = None
        return status, found


async def _body(reader: asyncio.StreamReader, said: dict[str, str]) -> bytes:
    if said.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(said.get("content-length", 0)))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


async def _play(stage: dict[str, Any], lasts_s: float, seconds: float) -> None:
    now = time.monotonic()
    told = Told(counts_from=now + min(WARMS_UP_S, lasts_s / 3))
    browsers = [Browser(stage, session, seconds, told) for session in stage["sessions"]]
    began_cpu = time.process_time()
    await asyncio.gather(*(browser.label(now + lasts_s) for browser in browsers))
    counted_s = time.monotonic() - told.counts_from
    for kind, took in sorted(told.took.items()):
        report(kind, n=len(took), a_second=len(took) / counted_s, errors=told.wrong[kind], **_spread(took))
    everything = [each for took in told.took.values() for each in took]
    report(
        "all", n=len(everything), errors=sum(told.wrong.values()), votes=told.n_votes, **_spread(everything)
    )
    report("volunteers' own process", cores=(time.process_time() - began_cpu) / (time.monotonic() - now))
    for each in sorted(told.said)[:5]:
        sys.stderr.write(f"{each}\n")


def _spread(took: Iterable[float]) -> dict[str, float]:
    """Return the median, p95, p99 and the longest, in milliseconds."""
    ms = [1000 * each for each in took]
    parts = statistics.quantiles(ms, n=100) if len(ms) > 1 else ms * 99
    return {"p50_ms": parts[49], "p95_ms": parts[94], "p99_ms": parts[98], "longest_ms": max(ms)}


if __name__ == "__main__":
    main()
