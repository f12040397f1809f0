"""Standing rows -> the leaderboard as it is shown: sorted, searched, of some nouns alone, a hundred at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict
from django.utils.formats import get_format
from django.utils.translation import gettext as _

from competition import standings, subtree
from competition.cells import LEVELS, PERCENT, PLAIN, Cell, Said, axis_end, cell, place, ranks_words, words
from competition.models import Contest, Metric, Part, Standing, Team
from competition.subtree import Noun

A_PAGE = 100
UNITS: dict[str, str] = {
    Metric.TOP1: PERCENT,
    Metric.TOP5: PERCENT,
    Metric.HIERARCHICAL: LEVELS,
    Metric.SEVERITY: LEVELS,
    Metric.CALIBRATION: PERCENT,
    Metric.BRIER: PLAIN,
}


@dataclass(frozen=True)
class Chosen:
    """What an address asks to see; what it asks for and there is not is passed over."""

    part: str = ""  # of a contest that is over, the one that it does not rank by
    sort: str = ""  # a metric; empty: the order of the board
    below: str = ""  # a noun, by its wnid or name
    search: str = ""  # in the names of teams and methods

    @classmethod
    def of(cls, asked: QueryDict) -> "Chosen":
        part, sort = asked.get("part", ""), asked.get("sort", "")
        below, search = (asked.get(name, "").replace("\0", "").strip()[:100] for name in ("below", "q"))
        return cls(part if part in Part.values else "", sort if sort in Metric.values else "", below, search)

    def query(self, **changes: str) -> str:
        """Return the address's query with these changes."""
        asked = {"part": self.part, "sort": self.sort, "below": self.below, "q": self.search, **changes}
        return urlencode({name: value for name, value in asked.items() if value})


@dataclass(frozen=True)
class Head:
    """A measure's column: what it is called, by which query it sorts, and the axis on which it is drawn."""

    metric: str
    words: str
    query: str
    end: float
    is_sorted: bool
    human: int | None  # where people lie on its axis, in units of the drawing

    @property
    def end_words(self) -> str:
        return words(self.end, UNITS[self.metric], decimal_point())


@dataclass(frozen=True)
class Row:
    """One entry: the measures that are told of it, and their cells in the order of the columns."""

    standing: Standing
    said: dict[str, Said]
    cells: list[Cell]

    @property
    def pk(self) -> int:
        return self.standing.submission_id

    @property
    def rank(self) -> int | None:
        return self.standing.rank

    @property
    def method(self) -> str:
        return self.standing.submission.method

    @property
    def team(self) -> Team | None:
        """Whose it is; None for a baseline."""
        return self.standing.submission.team

    @property
    def ranks(self) -> str:
        """Between which ranks it lies; empty where it is not ranked."""
        low, high = self.standing.rank_low, self.standing.rank_high
        return ranks_words(low, high) if low is not None and high is not None else ""

    @property
    def is_span(self) -> bool:
        """Whether the data allow more ranks than one."""
        return self.standing.rank_low != self.standing.rank_high


@dataclass(frozen=True)
class Board:
    """A page of a leaderboard."""

    contest: Contest
    part: Part
    chosen: Chosen
    page: Page[Any]
    heads: list[Head]
    rows: list[Row]
    shared: set[int]  # ranks that several entries have, on this page or not
    noun: Noun | None  # the one that was asked for
    is_below: bool  # the rows are about its pictures alone; not so where it has too few of them

    @property
    def n_images(self) -> int:
        return max((row.standing.n_images for row in self.rows), default=0)

    @property
    def public_query(self) -> str:
        return self.chosen.query(part=Part.PUBLIC.value)

    @property
    def private_query(self) -> str:
        return self.chosen.query(part=Part.PRIVATE.value)

    @property
    def human_words(self) -> str:
        """What people err, as it is read; empty where nobody has measured it."""
        error = self.contest.human_error
        return "" if error is None else words(error, PERCENT, decimal_point())

    @property
    def is_in_order(self) -> bool:
        """Whether the rows stand by rank."""
        return not (self.is_below or self.chosen.sort)

    @property
    def groups(self) -> list[tuple[bool, list[Row]]]:
        """The rows. In the order of the board those that share a rank are together; and whether they share one."""
        if not self.is_in_order:
            return [(False, self.rows)]
        return [
            (rank in self.shared, list(rows)) for rank, rows in groupby(self.rows, key=lambda row: row.rank)
        ]


def board(
    contest: Contest, chosen: Chosen | None = None, number: int | str = 1, a_page: int = A_PAGE
) -> Board:
    """Return what was asked for: the page of that number, or the nearest there is.

    What is asked by noun takes the tallies of all entries; all else is sorted and cut by the database.
    """
    chosen = chosen or Chosen()
    part = _part(contest, chosen.part)
    entries = _searched(standings.board(contest, part), chosen.search)
    noun = subtree.find(contest, chosen.below) if chosen.below else None
    said = _said_below(contest, part, entries, noun) if noun else None
    page: Page[Any]
    if said is None:
        page = Paginator(_sorted(entries, chosen.sort), a_page).get_page(number)
        told = [(each, each.metrics) for each in page]
    else:
        page = Paginator(_least_first(said, _sort_below(contest, chosen)), a_page).get_page(number)
        found = entries.in_bulk(list(page))
        told = [(found[pk], said[pk]) for pk in page]
    heads = _heads(contest, chosen, [each for _standing, each in told])
    made = [Row(standing, each, [_cell(head, each) for head in heads]) for standing, each in told]
    shared = _shared(standings.board(contest, part), made)
    return Board(contest, part, chosen, page, heads, made, shared, noun, is_below=said is not None)


def everything(contest: Contest, chosen: Chosen) -> Board:
    """Return all rows that were asked for, as one page."""
    return board(contest, chosen, a_page=1_000_000)


def _part(contest: Contest, asked: str) -> Part:
    """Return the part that is asked for, where it is told by now; else the one that the contest ranks by."""
    shown = contest.phase.shown_part if contest.phase else Part.PUBLIC
    return Part.PUBLIC if asked == Part.PUBLIC else shown


def _searched(entries: QuerySet[Standing], search: str) -> QuerySet[Standing]:
    if not search:
        return entries
    return entries.filter(
        Q(submission__method__icontains=search) | Q(submission__team__name__icontains=search)
    )


def _sorted(entries: QuerySet[Standing], metric: str) -> QuerySet[Standing]:
    """Sort by a metric, the least first; entries that do not have it come last."""
    if not metric:
        return entries
    return entries.order_by(F(f"metrics__{metric}__value").asc(nulls_last=True), "place")


def _said_below(
    contest: Contest, part: Part, entries: QuerySet[Standing], noun: Noun
) -> dict[int, dict[str, Said]] | None:
    """Return what is told by noun of each entry, by its row's key; None where nothing is."""
    row_of = dict(entries.values_list("submission", "pk"))
    said = subtree.said_below(contest, part, row_of, noun)
    return {row_of[pk]: each for pk, each in said.items()} if said else None


def _sort_below(contest: Contest, chosen: Chosen) -> str:
    return chosen.sort if chosen.sort in subtree.COUNTED else contest.ranked_by


def _least_first(said: dict[int, dict[str, Said]], metric: str) -> list[int]:
    return sorted(said, key=lambda pk: (said[pk][metric]["value"] or 0.0, pk))


def _heads(contest: Contest, chosen: Chosen, told: list[dict[str, Said]]) -> list[Head]:
    """Return a column for each metric that some entry has: first the one that the contest ranks by."""
    found = [metric for metric in Metric if any(metric in each for each in told)]
    found.sort(key=lambda metric: metric != contest.ranked_by)
    return [_head(contest, chosen, metric, told) for metric in found]


def _shared(entries: QuerySet[Standing], made: list[Row]) -> set[int]:
    """Return which ranks of these rows are shared, be it by others."""
    ranks = {row.rank for row in made if row.rank is not None}
    several = entries.filter(rank__in=ranks).order_by("rank").values("rank").annotate(n=Count("pk"))
    return {rank for rank in several.filter(n__gt=1).values_list("rank", flat=True) if rank is not None}


def decimal_point() -> str:
    """Return what stands before decimals in the reader's language."""
    return str(get_format("DECIMAL_SEPARATOR"))


def _cell(head: Head, said: dict[str, Said]) -> Cell:
    made = cell(head.words, said.get(head.metric), UNITS[head.metric], head.end, head.human, decimal_point())
    return replace(made, to=_("to"))


def _head(contest: Contest, chosen: Chosen, metric: Metric, told: Iterable[dict[str, Said]]) -> Head:
    end = axis_end(each.get(metric) for each in told)
    error = None if chosen.below or metric != contest.ranked_by else contest.human_error
    human = place(error, end) if error is not None and error <= end else None
    sort = "" if metric == chosen.sort else metric.value
    return Head(metric, str(metric.label), chosen.query(sort=sort), end, metric == chosen.sort, human)


def rows(contest: Contest) -> list[dict[str, Any]]:
    """Return one dict a row of the board that the contest shows today, in its order: rank, rank_low and rank_high
    (None where it is not ranked), grade, submission, method, team, author, is_baseline, is_late, n_images, metrics;
    each metric by its name, and in `ranked` the one that the contest ranks by.
    """
    return [_as_dict(each, contest.ranked_by) for each in standings.board(contest)]


def _as_dict(standing: Standing, ranked_by: str) -> dict[str, Any]:
    submission = standing.submission
    return {
        "rank": standing.rank,
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "grade": standing.grade,
        "submission": submission,
        "method": submission.method,
        "team": submission.team,
        "author": submission.team,
        "is_baseline": submission.is_baseline,
        "is_late": submission.is_late,
        "n_images": standing.n_images,
        "metrics": standing.metrics,
        "ranked": standing.metrics[ranked_by],
        **{metric: standing.metrics.get(metric) for metric in Metric.values},
    }
