"""The broker where there is no Redis: a folder with a file for each message.

Kombu's own transport writes a message under the name that readers look for, so that a quick one finds half of it, and
moves it away to read it, which copies where the other folder is on another disk, so that two may get it.
"""

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """A message is there whole or not at all, and one reader gets it."""

    # Kombu's own two classes above it do not agree on what it takes.
    def _put(self, queue: str, message: dict[str, Any], **_options: Any) -> None:  # type: ignore[override]
        """Write beside the name that readers look for, then rename."""
        # Names sort by when they were sent, by a clock that all processes of a machine share.
        file = Path(self.data_folder_out, f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg")
        unfinished = file.with_suffix(".part")
        unfinished.write_text(dumps(message))
        unfinished.rename(file)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Return the oldest message; of several that have read it, the one that removes its file has it."""
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            file = Path(self.data_folder_in, name)
            with contextlib.suppress(FileNotFoundError):
                text = file.read_text()
                file.unlink()
                return loads(text)
        raise Empty

    # Kombu locks a table of who listens once it has opened it, and so made it: others would find it empty.
    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        with self._tables(fcntl.LOCK_SH):
            table: list[filesystem.exchange_queue_t] = super().get_table(exchange)
            return table

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        with self._tables(fcntl.LOCK_EX):
            super()._queue_bind(exchange, routing_key, pattern, queue)

    @contextlib.contextmanager
    def _tables(self, how: int) -> Iterator[None]:
        with (self.control_folder / "lock").open("a") as lock:
            fcntl.flock(lock, how)  # until it is closed
            yield


class Transport(filesystem.Transport):
    """Named by CELERY_BROKER_TRANSPORT."""

    Channel = Channel
