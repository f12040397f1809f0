"""What a label costs: the votes that were cast for each question that they decided, as time goes on.

A question counts on the day of its last vote. Gold questions, which their known answers decide, and the votes on
them are left out; votes on questions that are not decided yet are bought all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import CharField, Count, Max, OuterRef, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Substr

from labeling.models import Collection, Vote
from labeling.pace import HEIGHT, WIDTH, Bar

MOST_PERIODS = 52  # that are drawn: by day up to some weeks, by week up to a year
LENGTHS = (1, 7, 28, 91, 364)  # days of one
MOST_TIMES_USUAL = 2.5  # how much is drawn, as against what a label has cost in all


@dataclass(frozen=True)
class Period:
    begins: date
    n_votes: int
    n_decided: int
    all_votes: int  # up to its end
    all_decided: int

    @property
    def each(self) -> float | None:
        """Votes for each question decided in this period."""
        return self.n_votes / self.n_decided if self.n_decided else None

    @property
    def so_far(self) -> float | None:
        """Votes for each question decided up to its end."""
        return self.all_votes / self.all_decided if self.all_decided else None


@dataclass(frozen=True)
class Cost:
    """Periods of so many days each, drawn over one axis from 0 to `most` votes: what a label has cost so far as a
    line, what those of each period cost as bars. What would be higher than the drawing ends at its edge.
    """

    length: int
    periods: list[Period]
    most: float
    line: str
    bars: list[Bar]

    @property
    def so_far(self) -> float | None:
        return self.periods[-1].so_far if self.periods else None

    @property
    def end(self) -> list[str]:
        """Where the line ends: x and y."""
        return self.line.rpartition(" ")[2].split(",")

    @property
    def newest_first(self) -> list[Period]:
        return self.periods[::-1]


def measure(collection: Collection) -> dict[str, Any]:
    votes = Vote.objects.filter(question__collection=collection, question__is_gold=False)
    n_votes = votes.order_by().values_list(_day("cast_at")).annotate(n=Count("pk"))
    last = (
        Vote.objects.filter(question=OuterRef("pk")).order_by().values("question").annotate(at=Max("cast_at"))
    )
    decided = collection.questions.decided().filter(is_gold=False, n_votes__gt=0).order_by()
    on_day = decided.annotate(on=Subquery(last.values(on=_day("at")))).values_list("on")
    n_decided = dict(on_day.annotate(n=Count("pk")))
    n_decided.pop(
        None, None
    )  # what no vote decided; left out in the statement, each would be looked up twice
    return in_periods(dict(n_votes), n_decided)


def _day(moment: str) -> Combinable:
    """The day of a moment in UTC, as text. SQLite would call back into Python for each row of TruncDate."""
    return Substr(Cast(moment, CharField()), 1, 10)


def in_periods(n_votes: Mapping[str, int], n_decided: Mapping[str, int]) -> dict[str, Any]:
    """Add up what was counted on days into periods that are as long as MOST_PERIODS of them need."""
    days = {date.fromisoformat(day) for day in n_votes}
    if not days:
        return {"length": LENGTHS[0], "first": None, "periods": []}
    first, n_days = min(days), (max(days) - min(days)).days + 1
    length = next((each for each in LENGTHS if n_days <= each * MOST_PERIODS), LENGTHS[-1])
    periods = [[0, 0] for _ in range(-(-n_days // length))]
    for place, counted in enumerate((n_votes, n_decided)):
        for day, n in counted.items():
            periods[(date.fromisoformat(day) - first).days // length][place] += n
    return {"length": length, "first": first.isoformat(), "periods": periods}


def shown(found: Mapping[str, Any]) -> Cost:
    """Draw what was counted."""
    length, counted = found["length"], found["periods"]
    votes, decided = ([*accumulate(row[place] for row in counted)] for place in (0, 1))
    periods = []
    for i, (n_votes, n_decided) in enumerate(counted):
        begins = date.fromisoformat(found["first"]) + timedelta(days=i * length)
        periods.append(Period(begins, n_votes, n_decided, votes[i], decided[i]))
    usual = (periods[-1].so_far or 0.0) if periods else 0.0
    highest = max((max(period.each or 0.0, period.so_far or 0.0) for period in periods), default=0.0)
    most = min(highest, MOST_TIMES_USUAL * usual) or 1.0
    return Cost(length, periods, most, _line(periods, most), _bars(periods, most))


def _line(periods: list[Period], most: float) -> str:
    """The points of a polyline, each in the middle of its period, from the first that decided something on."""
    place = WIDTH / max(len(periods), 1)
    return " ".join(
        f"{(i + 0.5) * place:.1f},{HEIGHT * (1 - min(period.so_far / most, 1.0)):.1f}"
        for i, period in enumerate(periods)
        if period.so_far is not None
    )


def _bars(periods: list[Period], most: float) -> list[Bar]:
    place = WIDTH / max(len(periods), 1)
    highs = [HEIGHT * min((period.each or 0.0) / most, 1.0) for period in periods]
    return [
        Bar(round((i + 0.125) * place, 1), round(HEIGHT - high, 1), round(0.75 * place, 1), round(high, 1))
        for i, high in enumerate(highs)
        if high
    ]
