"""Standing rows -> the two charts of a contest: errors over the years, and errors against what an answer costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from competition import charts
from competition.cells import PERCENT, words
from competition.charts import Chart, Mark
from competition.models import Contest, Standing
from competition.standings import board, leaders

MOST_DRAWN = 100  # entries against their costs: those that are best by the board


@dataclass(frozen=True)
class Cost:
    """What an answer can cost: a field of Submission, or what it is the inverse of."""

    field: str
    words: Promise
    is_inverse: bool = False


COSTS = {
    "multiply-adds": Cost("n_multiply_adds", gettext_lazy("multiply-adds for one picture")),
    "parameters": Cost("n_parameters", gettext_lazy("parameters")),
    "seconds": Cost("pictures_per_second", gettext_lazy("seconds for one picture"), is_inverse=True),
}


@dataclass(frozen=True)
class Year:
    """The least error that a contest's board tells."""

    contest: Contest
    standing: Standing
    error: float
    interval: tuple[float, float] | None
    mark: Mark


@dataclass(frozen=True)
class OverYears:
    chart: Chart
    years: list[Year]

    @property
    def has_human(self) -> bool:
        return bool(self.chart.human)


@dataclass(frozen=True)
class Point:
    standing: Standing
    cost: float
    error: float
    mark: Mark
    is_on_front: bool

    @property
    def error_words(self) -> str:
        return words(self.error, PERCENT, str(get_format("DECIMAL_SEPARATOR")))

    @property
    def cost_words(self) -> str:
        return f"{self.cost:,.0f}" if self.cost >= 100 else f"{self.cost:.3g}"


@dataclass(frozen=True)
class AgainstCost:
    cost: str  # one of COSTS
    choices: list[tuple[str, Promise]]  # those that some entry has, with their words
    chart: Chart
    points: list[Point]

    @property
    def words(self) -> str:
        return str(COSTS[self.cost].words)

    @property
    def front(self) -> list[Point]:
        """The points on it, by rising cost."""
        return sorted((each for each in self.points if each.is_on_front), key=lambda each: each.cost)


def over_years(contest: Contest) -> OverYears | None:
    """Return the least error of each contest of its collection that ranks by the same metric; None as long as there
    is nothing to compare: one of them alone, of which nobody knows what people err.
    """
    others = Contest.objects.filter(
        snapshot__collection=contest.snapshot.collection_id, ranked_by=contest.ranked_by
    )
    leading = sorted(leaders(others.order_by("year", "pk")).values(), key=lambda each: each.contest.year)
    if not leading or (len(leading) == 1 and leading[0].contest.human_error is None):
        return None
    said = [each.metrics[contest.ranked_by] for each in leading]
    points = [(each.contest.year, one["value"]) for each, one in zip(leading, said, strict=True)]
    intervals = [None if one["low"] is None else (one["low"], one["high"]) for one in said]
    chart = charts.over_years(points, intervals, [each.contest.human_error for each in leading])
    years = [
        Year(each.contest, each, error, interval, mark)
        for each, (_year, error), interval, mark in zip(leading, points, intervals, chart.marks, strict=True)
    ]
    return OverYears(chart, years)


def against_cost(contest: Contest, cost: str) -> AgainstCost | None:
    """Return entries against what an answer of theirs costs; None where no cost is known.

    cost: one of COSTS; any other is the first of them that some entry has.
    """
    rows = list(board(contest).filter(rank__isnull=False)[:MOST_DRAWN])
    known = {name: found for name in COSTS if (found := _costs(rows, name))}
    if not known:
        return None
    cost = cost if cost in known else next(iter(known))
    found = known[cost]
    points = [(spent, each.metrics[contest.ranked_by]["value"]) for each, spent in found]
    chart, front = charts.against_cost(points, contest.human_error), set(charts.front(points))
    return AgainstCost(
        cost,
        [(name, COSTS[name].words) for name in known],
        chart,
        [
            Point(each, spent, error, mark, place in front)
            for place, ((each, _spent), (spent, error), mark) in enumerate(
                zip(found, points, chart.marks, strict=True)
            )
        ],
    )


def _costs(rows: Sequence[Standing], cost: str) -> list[tuple[Standing, float]]:
    """Return the rows whose cost is known and above 0, with it."""
    name, is_inverse = COSTS[cost].field, COSTS[cost].is_inverse
    known = [(each, value) for each in rows if (value := getattr(each.submission, name))]
    return [(each, 1 / value if is_inverse else float(value)) for each, value in known]
