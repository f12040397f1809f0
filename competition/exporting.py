"""The leaderboard as files: one row an entry, as CSV and as JSON."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from competition.leaderboard import Board, Row
from competition.models import Metric

# A table program takes a cell that begins with one of these for a formula, and runs it.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def records(board: Board) -> Iterator[dict[str, Any]]:
    """Yield one record a row: what the page shows of it, and nothing else."""
    for row in board.rows:
        yield _record(row)


def _record(row: Row) -> dict[str, Any]:
    standing, submission = row.standing, row.standing.submission
    return {
        "rank": standing.rank,
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "team": submission.team.name if submission.team else None,
        "method": submission.method,
        "submission": submission.pk,
        "is_baseline": submission.is_baseline,
        "is_late": submission.is_late,
        "grade": standing.grade,
        "n_images": standing.n_images,
        "metrics": {name: dict(said) for name, said in row.said.items()},
        "n_parameters": submission.n_parameters,
        "n_multiply_adds": submission.n_multiply_adds,
        "pictures_per_second": submission.pictures_per_second,
        "handed_in_at": submission.created_at.astimezone(timezone.get_default_timezone()).isoformat(),
    }


def table(board: Board) -> Iterator[list[Any]]:
    """Yield the rows of a table, its header first: of each metric the value and its interval in columns of their
    own; a cell that a table program would run begins with an apostrophe.
    """
    names: list[str] = []
    for place, record in enumerate(records(board)):
        flat = _flat(record)
        if not place:
            names = list(flat)
            yield names
        yield [_safe(flat[name]) for name in names]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in record.items() if name != "metrics"}
    for metric in Metric.values:
        said = record["metrics"].get(metric, {})
        flat |= {
            metric: said.get("value"),
            f"{metric}_low": said.get("low"),
            f"{metric}_high": said.get("high"),
        }
    return flat


def _safe(cell: Any) -> Any:
    """Return a cell that no table program takes for a formula. Numbers are ours and stay."""
    if isinstance(cell, str) and cell.startswith(FORMULAS):
        return f"'{cell}"
    return cell
