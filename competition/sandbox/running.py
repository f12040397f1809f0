"""The worker's side of a confined process: start it, read what it says within bounds of time and bytes, and end it.

Nothing that it says is trusted. Imports no runtime for networks.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from competition.sandbox.bounds import MOST_LOG_BYTES, MOST_WORDS_BYTES, Limits, RefusedError

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from competition.sandbox.child import main; main()"
CONFINED = (sys.executable, "-I", "-c", PROGRAM, str(ROOT))
START_S = 120.0  # to import the libraries, on a busy machine
LOOK_EVERY_S = 2.0
WELL = "ended with status 0"
_PIECE = 2**20


class StoppedError(Exception):
    """Nobody waits for the answers any more."""


@dataclass
class Said:
    """What a process said besides its answers.

    words:   each line on the pipe for words.
    log:     the first bytes of what its libraries wrote on stderr.
    seconds: from its being ready to the last of its answers.
    ending:  how it ended.
    """

    words: list[dict[str, Any]] = field(default_factory=list)
    log: bytes = b""
    seconds: float = 0.0
    ending: str = ""

    def word(self, name: str) -> Any:
        """Return the first that it said by this name; None where it said nothing."""
        return next((words[name] for words in self.words if name in words), None)


def take_nothing(_piece: bytes) -> None:
    """Expect no answers."""


def always() -> bool:
    """Want the answers whatever comes."""
    return True


def run(
    ask: Callable[[int], str],
    limits: Limits,
    files: Sequence[int] = (),
    *,
    most_bytes: int = 0,
    take: Callable[[bytes], None] = take_nothing,
    is_wanted: Callable[[], bool] = always,
    program: Sequence[str] = CONFINED,
) -> Said:
    """Run `program` in an empty folder with an empty environment and return what it said.

    ask:        descriptor of its pipe for words -> what it reads on its standard input.
    files:      descriptors that it gets besides.
    most_bytes: of its answers; one more ends it.
    take:       is handed the answers as they come.
    is_wanted:  is asked every LOOK_EVERY_S; False ends it.
    Raises RefusedError where it takes too long, says too much, or is killed by a limit, and StoppedError. Of what it
    started nothing is left.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o555)  # who is nobody has to see that it is empty
        reader, writer = os.pipe()
        words = stack.enter_context(os.fdopen(reader, "rb"))
        with tempfile.TemporaryFile() as request, os.fdopen(writer, "wb"):
            request.write(ask(writer).encode())
            request.seek(0)
            process = subprocess.Popen(
                program,
                stdin=request,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[writer, *files],
                cwd=folder,
                env={},
                start_new_session=True,
            )
        said = Said()
        try:
            _Conversation(said, process, words, limits.seconds, most_bytes, take, is_wanted).listen()
            _await_end(process)
        finally:
            _end(process)
        said.ending = _ending(process.returncode)
        return said


class _Conversation:
    def __init__(
        self,
        said: Said,
        process: subprocess.Popen[bytes],
        words: IO[bytes],
        seconds: float,
        most_bytes: int,
        take: Callable[[bytes], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._said, self._take, self._is_wanted = said, take, is_wanted
        self._seconds, self._left = seconds, most_bytes
        self._deadline = time.monotonic() + START_S + seconds
        self._ready_at: float | None = None
        self._words = b""
        self._selector = selectors.DefaultSelector()
        for pipe, heard in (
            (process.stdout, self._answered),
            (process.stderr, self._logged),
            (words, self._spoken),
        ):
            self._selector.register(pipe, selectors.EVENT_READ, heard)  # type: ignore[arg-type]  # they are pipes

    def listen(self) -> None:
        """Return when it has closed its pipes. Raises RefusedError and StoppedError."""
        asked_at = time.monotonic()
        with self._selector:
            while self._selector.get_map():
                for key, _events in self._selector.select(LOOK_EVERY_S):
                    if piece := os.read(key.fd, _PIECE):
                        key.data(piece)
                    else:
                        self._selector.unregister(key.fileobj)
                if time.monotonic() > self._deadline:
                    raise RefusedError(f"Expected all answers within {self._seconds:g} s; they took longer.")
                if time.monotonic() > asked_at + LOOK_EVERY_S:
                    asked_at = time.monotonic()
                    if not self._is_wanted():
                        raise StoppedError("Nobody waits for these answers any more.")
        self._said.words = _read_words(self._words)

    def _answered(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise RefusedError("Expected one number for each class and picture; found more.")
        self._take(piece)
        if self._ready_at is not None:
            self._said.seconds = time.monotonic() - self._ready_at

    def _logged(self, piece: bytes) -> None:
        self._said.log = (self._said.log + piece)[:MOST_LOG_BYTES]

    def _spoken(self, piece: bytes) -> None:
        self._words += piece
        if len(self._words) > MOST_WORDS_BYTES:
            raise RefusedError("Expected few words besides the answers; found a flood of them.")
        if self._ready_at is None and b"is_ready" in self._words:
            self._ready_at = time.monotonic()


def _read_words(data: bytes) -> list[dict[str, Any]]:
    words = []
    for line in data.splitlines():
        with contextlib.suppress(
            ValueError, RecursionError
        ):  # a stranger's program may have got hold of the pipe
            found = json.loads(line)
            if isinstance(found, dict):
                words.append(found)
    return words


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for a process that has closed its pipes. Its number stays taken, for whoever kills it."""
    deadline = time.monotonic() + LOOK_EVERY_S
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return
        time.sleep(0.005)


def _ending(status: int) -> str:
    # A process in a namespace of its own ends behind one that tells of it as shells do.
    number = -status if status < 0 else status - 128
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"ended with status {status}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
