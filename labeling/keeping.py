"""Checking pictures and storing their files, in this process or spread over others.

Knows nothing of the database, so that a process that does this work starts without the site's models.
"""

import multiprocessing
import os
import signal
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from multiprocessing.context import BaseContext

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from PIL import Image

from config.folders import beside_of
from labeling.pictures import PictureError, check_picture

# Memory for pixels, 16 MiB at most each, that a process uses again instead of returning it and asking anew: of four
# milliseconds a picture that saves one. See Pillow's block allocator.
N_BLOCKS = 4
CHUNK = 8  # pictures handed to a process at a time: enough that handing them over costs little
GLANCE_S = 1.0  # how long one waits for them in silence


@dataclass(frozen=True)
class Kept:
    """A picture that was checked, and whose files lie in the storage."""

    sha256: str
    file: str
    display: str  # "" where the file is small enough
    thumbnail: str
    width: int
    height: int
    perceptual_hash: int | None
    n_bytes: int  # of the stored file,
    crc32: int  # and their checksum, as archives want it


Checked = list[Kept | str]  # one for each picture, in their order; a string says why it is refused
Wait = Callable[[], Checked]  # waits until they are checked
Tick = Callable[[], object]  # called every now and then; what it raises stops everything


def nothing() -> None:
    """A tick of those who do not want to hear it."""


def check_and_keep(data: bytes, storage: Storage) -> Kept | str:
    """Check one picture and store its files; return the sentence that refuses it otherwise."""
    try:
        picture = check_picture(data)
    except PictureError as error:
        return str(error)

    def save(kind: str, content: bytes | None) -> str:
        name = f"{picture.sha256[:2]}/{picture.sha256}{kind}.{picture.ending}"
        return _save(storage, name, content) if content else ""

    return Kept(
        picture.sha256,
        file=save("", picture.data),
        display=save(".display", picture.display),
        thumbnail=save(".small", picture.thumbnail),
        width=picture.width,
        height=picture.height,
        perceptual_hash=picture.perceptual_hash,
        n_bytes=len(picture.data),
        crc32=zlib.crc32(picture.data),
    )


def _save(storage: Storage, name: str, content: bytes) -> str:
    """Store a file and return its name. In a folder it appears at once and whole, or, after a crash, not at all."""
    if not isinstance(storage, FileSystemStorage):
        return storage.save(name, ContentFile(content))
    path = os.path.join(storage.location, name)
    beside = beside_of(path)
    try:
        file = open(beside, "wb", buffering=0)  # noqa: SIM115
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = open(beside, "wb", buffering=0)  # noqa: SIM115
    try:
        with file:
            _write_whole(file, content)
        os.replace(beside, path)
    except BaseException:
        os.remove(beside)
        raise
    return name


def _write_whole(file: FileIO, content: bytes) -> None:
    """Write all of it: where the disk has become full, the system takes a part and refuses only what comes next."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


@contextmanager
def checker(n_processes: int, tick: Tick = nothing) -> Iterator[Callable[[list[bytes]], Wait]]:
    """Give a function that begins to check pictures and returns how to wait for them, which ticks.

    With one process they are checked here, when waited for. More are forked from one that is started for this alone,
    where the system can, so that they share neither a connection to the database nor a lock with this one.
    """
    if n_processes == 1:
        storage = storages["default"]
        yield lambda pictures: partial(_check_here, pictures, storage, tick)
        return
    context = _context()
    with ProcessPoolExecutor(n_processes, context, _begin, (storages["default"],)) as pool:

        def begin(pictures: list[bytes]) -> Wait:
            chunks = [pictures[at : at + CHUNK] for at in range(0, len(pictures), CHUNK)]
            waiting: deque[Future[Checked]] = deque(pool.submit(_check_chunk, chunk) for chunk in chunks)
            return lambda: [each for future in _emptied(waiting) for each in _result(future, tick)]

        try:
            yield begin
        except BaseException:
            pool.shutdown(cancel_futures=True)  # whoever stops does not wait for what has not begun
            raise


def may_start_processes() -> bool:
    """Say whether this process may have children: a Celery worker's own, unless it works with threads, may not."""
    return not multiprocessing.current_process().daemon


def _check_here(pictures: list[bytes], storage: Storage, tick: Tick) -> Checked:
    checked: Checked = []
    for data in pictures:
        tick()
        checked.append(check_and_keep(data, storage))
    return checked


def _result(future: Future[Checked], tick: Tick) -> Checked:
    tick()
    while not wait([future], GLANCE_S).done:
        tick()
    return future.result()


def _context() -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once for all of them
    return context


def _emptied(waiting: deque[Future[Checked]]) -> Iterable[Future[Checked]]:
    while waiting:
        yield waiting.popleft()


_storage: Storage


def _begin(storage: Storage) -> None:
    """Make a new process ready. Ctrl-C is for the process that started it, which ends it in order."""
    global _storage
    _storage = storage
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Image.core.set_blocks_max(N_BLOCKS)  # type: ignore[attr-defined]


def _end_with_parent() -> None:
    """One that is killed cannot say that there is nothing left to do: these processes would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _check_chunk(pictures: list[bytes]) -> Checked:
    return [check_and_keep(data, _storage) for data in pictures]
