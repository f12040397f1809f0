"""Runs side by side: rows and files -> curves, errors with intervals, and whether the data tell them apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import Any, BinaryIO, cast

from django.utils.translation import gettext as _

from labeling.calibration import wilson
from training.answers import Answers
from training.curves import Curve, chart
from training.models import Epoch, Run
from training.paired import TOLD_APART, Answered, Pair, compare, holm


@dataclass(frozen=True)
class Compared:
    """One run: the error after its last epoch, between which errors it truly lies with 95 %, and what it took."""

    run: Run
    place: int  # among those that are compared, from 0: by it a chart draws it
    error: float | None
    interval: tuple[float, float] | None
    n_pictures: int
    top5_error: float | None
    seconds: float

    @property
    def name(self) -> str:
        return _("%(network)s (run %(pk)d)") % {"pk": self.run.pk, "network": self.run.network}


@dataclass(frozen=True)
class Verdict:
    """Two runs on the same pictures; `p` is made larger for being one of several pairs."""

    first: Compared
    second: Compared
    pair: Pair
    p: float

    @property
    def is_told_apart(self) -> bool:
        return self.p < TOLD_APART

    @property
    def better(self) -> Compared:
        return self.first if self.pair.n_only_first < self.pair.n_only_second else self.second

    @property
    def worse(self) -> Compared:
        return self.second if self.better is self.first else self.first

    @property
    def p_words(self) -> str:
        return "< 0.001" if self.p < 0.001 else f"= {self.p:.3f}"


def lay_side_by_side(runs: Sequence[Run]) -> tuple[list[Compared], list[Verdict]]:
    """Return each run with what it came to, and a verdict on every two that have answered the same pictures."""
    answered = {run.pk: answers for run in runs if (answers := read(run)) is not None}
    compared = [_compared(run, place, answered.get(run.pk)) for place, run in enumerate(runs)]
    pairs = [
        (first, second, compare(answered[first.run.pk], answered[second.run.pk]))
        for first, second in combinations(compared, 2)
        if first.run.pk in answered
        and second.run.pk in answered
        and first.run.snapshot_id == second.run.snapshot_id
    ]
    adjusted = holm([pair.p for _first, _second, pair in pairs])
    return compared, [Verdict(*each, p) for each, p in zip(pairs, adjusted.tolist(), strict=True)]


def _compared(run: Run, place: int, answered: Answered | None) -> Compared:
    epochs = list(run.epochs.all())
    if answered is not None and len(answered.is_right):
        n_pictures, n_wrong = len(answered.is_right), answered.n_wrong
    else:
        n_pictures = run.snapshot.card["by_split"]["val"]
        n_wrong = round(epochs[-1].val_top1_error * n_pictures) if epochs else 0
    is_known = bool(n_pictures) and (bool(epochs) or answered is not None)
    return Compared(
        run=run,
        place=place,
        error=n_wrong / n_pictures if is_known else None,
        interval=wilson(n_wrong, n_pictures) if is_known else None,
        n_pictures=n_pictures,
        top5_error=epochs[-1].val_top5_error if epochs else None,
        seconds=sum(epoch.seconds for epoch in epochs),
    )


def read(run: Run) -> Answered | None:
    """Read which validation pictures a finished run was right about; None where it keeps no answers."""
    if not run.answers:
        return None
    with run.answers.open("rb") as file:
        kept = Answers.read(cast(BinaryIO, file))
    return Answered(sha256=kept.sha256, is_right=kept.is_right)


def charts(compared: Sequence[Compared]) -> list[Curve]:
    """Draw the runs over each other: errors and losses by epoch, and the error by the seconds that it took."""
    epochs = {each.name: list(each.run.epochs.all()) for each in compared}

    def by_epoch(name: str) -> dict[str, list[tuple[float, float]]]:
        return {run: [(epoch.number, getattr(epoch, name)) for epoch in rows] for run, rows in epochs.items()}

    return [
        chart(_("Top-1 error on the validation split"), "fraction", by_epoch("val_top1_error")),
        chart(_("Validation loss"), "", by_epoch("val_loss")),
        chart(_("Top-1 error by seconds of training"), "fraction by second", _by_second(epochs)),
        chart(_("Training loss"), "", by_epoch("train_loss")),
    ]


def _by_second(epochs: dict[str, list[Epoch]]) -> dict[str, list[Any]]:
    return {
        run: list(
            zip(accumulate(row.seconds for row in rows), (row.val_top1_error for row in rows), strict=True)
        )
        for run, rows in epochs.items()
    }
