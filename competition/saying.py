"""Score rows of one entry -> what the board says of it: while the contest goes on what was told, then all."""

from functools import lru_cache

from competition.frozen import Frozen
from competition.models import Contest, Metric, Score
from competition.telling import told_interval
from datasets.models import Snapshot

Said = dict[str, float | None]  # value, low and high of one metric
KEPT = 16  # snapshots that a process remembers: they never change


def said(contest: Contest, scores: dict[str, Score], is_over: bool) -> dict[str, Said]:
    """Return what the board says of an entry's `scores` on one part, for each metric in their usual order.

    While the contest goes on the private part says nothing: Score.told is empty there.
    """
    order = [metric for metric in Metric.values if metric in scores]
    if is_over:
        return {metric: dict(scores[metric].as_dict()) for metric in order}
    told = {metric: value for metric in order if (value := scores[metric].told) is not None}
    top1_error = told.get(Metric.TOP1)
    return {
        metric: _with_interval(contest, scores[metric], value, top1_error) for metric, value in told.items()
    }


def _with_interval(contest: Contest, score: Score, value: float, top1_error: float | None) -> Said:
    n, at_most = score.n_images, most(contest, score.metric)
    if score.metric == Metric.SEVERITY:  # the mean of those pictures alone that were wrong
        n = round((1.0 if top1_error is None else top1_error) * n)
    if score.metric == Metric.CALIBRATION or not n:  # no mean of pictures
        return {"value": value, "low": None, "high": None}
    low, high = told_interval(min(max(value, 0.0), at_most), n, at_most)
    return {"value": value, "low": low, "high": high}


def most(contest: Contest, metric: str) -> float:
    """Return the most that one picture can cost."""
    if metric in (Metric.HIERARCHICAL, Metric.SEVERITY):
        return _highest(contest.snapshot.digest)
    return 2.0 if metric == Metric.BRIER else 1.0


@lru_cache(KEPT)
def _highest(digest: str) -> float:
    taxonomy = Snapshot.objects.filter(digest=digest).values_list("taxonomy", flat=True)[0]
    return float(Frozen.of(taxonomy).lch_height.max()) or 1.0
