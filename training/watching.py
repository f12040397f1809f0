"""How far a run is: its place in the queue, its share of all pictures, and when it may end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from training import wording
from training.models import Epoch, Run

LAST_EPOCHS = 5  # by which the rest is foretold: a machine may get slower or faster


@dataclass(frozen=True)
class Watched:
    """How far a run is.

    epoch:    the one it is in, from 1; 0 before the first.
    n_shown:  pictures shown in that epoch, of `n_pictures`.
    share:    of all that it will be shown at most, 0..1.
    ends_at:  when it may end at the latest; None while nobody can know.
    place:    in the queue, from 1; None where it does not wait.
    """

    epoch: int
    n_shown: int
    n_pictures: int
    share: float
    ends_at: datetime | None
    place: int | None

    @property
    def is_about_to_end(self) -> bool:
        return self.ends_at is not None and self.ends_at - timezone.now() < timedelta(minutes=1)

    @property
    def per_mille(self) -> int:
        return round(1000 * self.share)


def watch(run: Run, epochs: Sequence[Epoch]) -> Watched:
    """Say how far `run` is, whose epochs these are, in order."""
    n_pictures = max(1, run.snapshot.card["by_split"]["train"])
    # What is written down between two epochs may be a little older than the last of them.
    n_all = max(run.n_shown, len(epochs) * n_pictures)
    n_most = run.n_epochs * n_pictures
    if run.status == Run.Status.FINISHED:
        n_all = n_most
    is_between = n_all and n_all % n_pictures == 0
    epoch = (
        min(run.n_epochs, n_all // n_pictures + (0 if is_between else 1)) if n_all or run.started_at else 0
    )
    n_shown = n_pictures if is_between else n_all % n_pictures
    left_s = seconds_left(n_most - n_all, n_pictures, [each.seconds for each in epochs])
    is_running = run.status == Run.Status.RUNNING
    return Watched(
        epoch=epoch,
        n_shown=n_shown,
        n_pictures=n_pictures,
        share=min(1.0, n_all / n_most),
        ends_at=timezone.now() + timedelta(seconds=left_s) if is_running and left_s is not None else None,
        place=place_in_queue(run),
    )


def seconds_left(n_left: int, n_pictures: int, seconds: Sequence[float]) -> float | None:
    """Return for how many seconds a run goes on that still has `n_left` pictures to see; None before its first epoch.

    n_pictures: in one epoch; seconds: what each epoch took, with its validation.
    """
    last = seconds[-LAST_EPOCHS:]
    return max(0, n_left) / n_pictures * sum(last) / len(last) if last else None


def place_in_queue(run: Run) -> int | None:
    """Return which of the waiting runs is taken when it is this one's turn: the oldest is the first."""
    if run.status != Run.Status.QUEUED:
        return None
    return Run.objects.queued().filter(pk__lt=run.pk).count() + 1


def history(epochs: Iterable[Epoch]) -> list[dict[str, Any]]:
    """Return what each epoch came to, as files and charts have it."""
    names = [field.name for field in Epoch._meta.fields if field.name not in ("id", "run")]
    return [{name: getattr(epoch, name) for name in names} for epoch in epochs]


def layers(run: Run) -> list[dict[str, Any]]:
    """Return a run's layers for a table: of its parameters and its multiply-adds each with its share, in thousandths,
    as (where the bar begins, how long it is).
    """
    counted = ("n_parameters", "n_multiply_adds")
    most = {name: max([layer[name] for layer in run.layers] or [0]) or 1 for name in counted}
    return [
        {
            "name": layer["name"],
            "kind": wording.KINDS.get(layer["kind"], layer["kind"]),
            "says": layer["says"],
            "shape": " × ".join(map(str, layer["shape"])),
            "counts": [(layer[name], _bar(layer[name] / most[name])) for name in counted],
        }
        for layer in run.layers
    ]


def _bar(share: float) -> tuple[int, int]:
    """Return a bar that stands at the right, as the number above it does; what is above 0 is seen."""
    length = max(8, round(1000 * share))
    return 1000 - length, length
