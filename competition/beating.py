"""Saying, while long work runs, that its worker lives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import connection

BEAT_EVERY_S = 20.0


@contextmanager
def beating(beat: Callable[[], bool]) -> Iterator[None]:
    """Call `beat` in a thread now and then, until the block ends or `beat` says that the work is held no more."""
    has_ended = Event()

    def keep_beating() -> None:
        try:
            while not has_ended.wait(BEAT_EVERY_S) and beat():
                pass
        finally:
            connection.close()  # this thread's own

    thread = Thread(target=keep_beating, name="beating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()
