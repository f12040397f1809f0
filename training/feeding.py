"""A split -> batches of it on the device, in whatever order is asked for."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augmenting import scaled
from training.dataset import Bytes, Picked, Split

# Of a GPU's free memory, what a split may fill for good; the rest is the network's.
SHARE_OF_MEMORY = 0.5
# Pictures on their way to the GPU at a time, where the whole split goes there.
MOST_BYTES = 2**26
# Of memory, for pictures that are scaled beforehand.
MOST_SCALED_BYTES = 2**30

Batch = tuple[Tensor, Tensor]
Job = TypeVar("Job")
Result = TypeVar("Result")


class Feed:
    """Hands out a split in batches on `device`.

        for pictures, targets in feed.batches(order, batch_size): ...

    On a processor batches are gathered from the array, or the map of the packed file, as they are wanted. On a GPU
    the whole split is copied there at once if it takes no more than `most_bytes`; else a thread gathers one batch
    ahead into pinned memory, which the GPU fetches while it works on the batch before.

    most_bytes: by default half of what the GPU has free.
    """

    def __init__(self, split: Split, device: torch.device, most_bytes: int | None = None) -> None:
        self.device = device
        pictures = split.pictures
        # An array even where it is a map: NumPy is quicker with it. And where each picture is in it, if not in order.
        self.packed: Bytes = np.asarray(pictures.packed if isinstance(pictures, Picked) else pictures)
        self.places = pictures.places if isinstance(pictures, Picked) else None
        # (n,) int64, or (n, n_classes) float32
        self.targets: NDArray[np.int64 | np.float32] = (
            split.labels if split.targets is None else split.targets
        )
        self.resident: Batch | None = None
        if device.type == "cuda":
            size = int(np.prod(pictures.shape)) + self.targets.nbytes
            if most_bytes is None:
                most_bytes = int(torch.cuda.mem_get_info(device)[0] * SHARE_OF_MEMORY)
            if size <= most_bytes:
                self.resident = self._whole()

    def __len__(self) -> int:
        return len(self.targets)

    def scale(self) -> None:
        """Scale all pictures now, on a processor, instead of each anew in each batch: for networks so small that this
        would be a good part of the work, and where nothing else is done to pictures. Not if it takes a gibibyte.
        """
        shape = (len(self), self.packed.shape[3], *self.packed.shape[1:3])
        if 4 * int(np.prod(shape)) > MOST_SCALED_BYTES:
            return
        pictures = torch.empty(shape)
        step = max(1, MOST_BYTES // int(np.prod(shape[1:])))
        for start in range(0, len(self), step):
            rows = np.arange(start, min(start + step, len(self)))
            pictures[start : start + len(rows)] = scaled(torch.from_numpy(self._take(rows)))
        self.resident = pictures, torch.from_numpy(self.targets)

    def batches(self, order: NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
        """Yield the rows of `order`, `batch_size` at a time and then what is left, as (pictures, targets).

        order:   (n,) int64, rows of the split; any of them, as often as wanted.
        pictures (batch, size, size, 3) uint8; targets (batch,) int64 class indices, or (batch, n_classes) float32
        where the split has targets. Both are on the device, and whoever gets them may overwrite them. After scale()
        pictures are float32 (batch, 3, size, size) from 0 to 1.
        Raises IndexError if a row is not there.
        """
        if len(order) and not 0 <= order.min() <= order.max() < len(self):
            raise IndexError(
                f"Expected rows from 0 to {len(self) - 1}; found {order.min()} to {order.max()}."
            )
        if self.resident is not None:
            pictures, targets = self.resident
            for rows in torch.from_numpy(order).to(self.device).split(batch_size):
                yield pictures.index_select(0, rows), targets.index_select(0, rows)
            return
        parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        if self.device.type != "cuda":
            for part in parts:
                yield self._gather(part)
            return
        side = torch.cuda.Stream(self.device)
        for batch, is_there in ahead(lambda part: self._send(part, side), parts):
            current = torch.cuda.current_stream(self.device)
            current.wait_event(is_there)
            for tensor in batch:
                tensor.record_stream(current)  # its memory is not reused before this stream is done with it
            yield batch

    def _gather(self, rows: NDArray[np.int64], *, pinned: bool = False) -> Batch:
        targets = torch.from_numpy(self.targets.take(rows, axis=0))
        if not pinned:
            return torch.from_numpy(self._take(rows)), targets
        pictures = torch.empty((len(rows), *self.packed.shape[1:]), dtype=torch.uint8, pin_memory=True)
        self._take(rows, pictures.numpy())
        return pictures, targets.pin_memory()

    def _take(self, rows: NDArray[np.int64], out: Bytes | None = None) -> Bytes:
        """Return a copy of these rows' pictures, in `out` if that is given."""
        places = rows if self.places is None else self.places[rows]
        # As fast as torch.index_select, and it takes a map that is read only. Nothing is clipped, since no row is out
        # of range: the other modes would write to `out` by way of a copy.
        taken: Bytes = self.packed.take(places, axis=0, out=out, mode="clip")
        return taken

    def _send(self, rows: NDArray[np.int64], side: torch.cuda.Stream) -> tuple[Batch, torch.cuda.Event]:
        """Gather a batch and let the GPU fetch it; return it with the event that says it is there."""
        pictures, targets = self._gather(rows, pinned=True)
        with torch.cuda.stream(side):
            batch = pictures.to(self.device, non_blocking=True), targets.to(self.device, non_blocking=True)
            return batch, side.record_event()

    def _whole(self) -> Batch:
        shape = (len(self), *self.packed.shape[1:])
        pictures = torch.empty(shape, dtype=torch.uint8, device=self.device)
        step = max(1, MOST_BYTES // int(np.prod(shape[1:])))
        for start in range(0, len(self), step):
            rows = np.arange(start, min(start + step, len(self)))
            pictures[start : start + len(rows)] = torch.from_numpy(self._take(rows))
        return pictures, torch.from_numpy(self.targets).to(self.device)


def ahead(work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
    """Yield work(job) for each job, in their order, while a thread works on the next one; raise what it raises."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="feeding") as thread:
        coming = [thread.submit(work, job) for job in jobs[:1]]
        for job in [*jobs[1:], None]:
            done = coming.pop()
            result = done.result()
            if job is not None:
                coming.append(thread.submit(work, job))
            yield result
