"""Whoever uses a site while it breaks: each sends again what was not answered, and notes what was acknowledged."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import uuid4

from tests.faults.site import Site

WAITS_S = 30  # for an answer
IDLE_S = 1.0  # after which the server may close a connection that a request is just being sent on
AGAIN_S = 0.1  # after an error
LOOKS_S = 0.1  # a volunteer, at two pictures
ENTERS_EVERY_S = 1.0  # a team


@dataclass
class Notes:
    """What clients were told. Appending is safe from several threads."""

    votes: list[int] = field(default_factory=list)  # leases of those that were recorded, or repeated
    entries: list[tuple[str, int]] = field(
        default_factory=list
    )  # the key that it was sent under, and its number
    changes: list[str] = field(default_factory=list)  # reasons of drafts whose commit was accepted
    statuses: list[tuple[float, int]] = field(default_factory=list)  # when what was answered; 0: nothing was
    wrong: list[str] = field(default_factory=list)  # answers that nobody should get
    mended_at: float = 0.0  # when what was broken last worked again, by the steady clock

    def silence_s(self, since: float = 0.0) -> float:
        """Return the longest time in which nobody was answered well, of those that ended after `since`."""
        good = sorted(at for at, status in self.statuses if 200 <= status < 300)
        return max((later - at for at, later in pairwise(good) if later >= since), default=0.0)

    def answered_s(self, after: float) -> float:
        """Return how long after this moment of the steady clock somebody was answered well again."""
        return min(at for at, status in self.statuses if 200 <= status < 300 and at > after) - after

    def n_troubles(self, since: float = 0.0) -> int:
        """Return how many requests were not answered, or that something is broken."""
        return sum((status == 0 or status >= 500) and at >= since for at, status in self.statuses)


class Client:
    """Somebody's program, on a connection that is opened anew whenever it fails."""

    def __init__(self, site: Site, token: str, notes: Notes, stopping: threading.Event) -> None:
        self.site, self.token, self.notes, self.stopping = site, token, notes, stopping
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask once; (0, None) if nothing is answered."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json", **headers}
        if time.monotonic() - self._used_at > IDLE_S:
            self.close()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=WAITS_S)
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            status, text = 0, b""
        self._used_at = time.monotonic()
        self.notes.statuses.append((self._used_at, status))
        is_json = text.startswith((b"{", b"["))
        if status >= 500 and not is_json:
            self.notes.wrong.append(f"{path} answered {status}: {text[:200]!r}")
        return status, json.loads(text) if is_json else None

    def insist(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask until it is answered well, or the show is over; then None."""
        while not self.stopping.is_set():
            status, found = self.ask(method, path, body, **headers)
            if 200 <= status < 300:
                return found
            if 400 <= status < 500:
                self.notes.wrong.append(f"{path} answered {status}: {found}")
            time.sleep(AGAIN_S)
        return None

    def close(self) -> None:
        if self._connection:
            with suppress(OSError):
                self._connection.close()
        self._connection = None


def volunteer(client: Client) -> None:
    """Borrow pictures and answer, in batches of two."""
    classes, slug = client.site.stage["classes"], client.site.stage["collection"]
    while not client.stopping.is_set():
        found = client.insist("POST", f"/api/collections/{slug}/leases/", {"count": 2})
        if not found or not found["leases"]:
            return
        votes = [
            {"lease": lease["id"], "synset": classes[lease["id"] % len(classes)], "answer": "present"}
            for lease in found["leases"]
        ]
        told = client.insist("POST", "/api/votes/", {"votes": votes})
        for result in told["results"] if told else ():
            if result["status"] == "refused":
                client.notes.wrong.append(f"A vote was refused: {result['detail']}")
            else:
                client.notes.votes.append(result["lease"])
        client.stopping.wait(LOOKS_S)


def entrant(client: Client) -> None:
    """Hand in one entry after the other, each under a key of its own."""
    while not client.stopping.is_set():
        key = uuid4().hex
        fields = {"contest": client.site.stage["contest"], "method": "guessing"}
        body, kind = form(fields, client.site.stage["guesses"].encode())
        headers = {"Content-Type": kind, "Idempotency-Key": key}
        if told := client.insist("POST", "/api/submissions/", body, **headers):
            client.notes.entries.append((key, told["id"]))
        client.stopping.wait(ENTERS_EVERY_S)


def curator(client: Client) -> None:
    """Add one noun after the other, and commit each."""
    while not client.stopping.is_set():
        reason = uuid4().hex
        noun = {"name": f"kind {reason}", "gloss": "what was added", "lemmas": []}
        arguments = {"synset": noun, "hypernyms": [client.site.stage["root"]]}
        draft = client.insist(
            "POST", "/api/drafts/", {"kind": "add", "arguments": arguments, "reason": reason}
        )
        while draft and draft["state"] == "previewing":
            client.stopping.wait(0.1)
            draft = client.insist("GET", f"/api/drafts/{draft['id']}/")
        if draft and client.insist("POST", f"/api/drafts/{draft['id']}/commit/"):
            client.notes.changes.append(reason)


def form(
    fields: dict[str, str], data: bytes, name: str = "file", file_name: str = "p.csv"
) -> tuple[bytes, str]:
    """Return a form with one file, and what it is called."""
    edge = uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'.encode()
        for key, text in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
    parts += [
        f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(),
        data,
        f"\r\n--{edge}--\r\n".encode(),
    ]
    return b"".join(parts), f"multipart/form-data; boundary={edge}"


class Crowd:
    """All of them at once, from `with` to its end."""

    def __init__(self, site: Site) -> None:
        self.notes, self._stopping = Notes(), threading.Event()
        stage = site.stage
        roles: list[tuple[Callable[[Client], None], list[str]]] = [
            (volunteer, stage["volunteers"]),
            (entrant, stage["teams"]),
            (curator, [stage["curator"]]),
        ]
        clients = [
            (role, Client(site, token, self.notes, self._stopping))
            for role, tokens in roles
            for token in tokens
        ]
        self._threads = [threading.Thread(target=self._play, args=each) for each in clients]

    @staticmethod
    def _play(role: Callable[[Client], None], client: Client) -> None:
        try:
            role(client)
        finally:
            client.close()

    def __enter__(self) -> Notes:
        for thread in self._threads:
            thread.start()
        return self.notes

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * WAITS_S)
            if thread.is_alive():
                raise AssertionError("A client was not answered, and hangs.")
