"""Rescoring rows -> what moved on a board when its entries were scored anew."""

from dataclasses import dataclass

from competition.models import Contest, Rescoring, Submission
from competition.standings import board

MOST_SHOWN = 50


@dataclass(frozen=True)
class Moved:
    submission: Submission
    before: dict[str, float | None]  # value and rank
    after: dict[str, float | None]


@dataclass(frozen=True)
class Rescored:
    """The last time that all entries were scored anew, and those of the board of today that moved then."""

    rescoring: Rescoring
    moved: list[Moved]
    n_moved: int


def latest(contest: Contest) -> Rescored | None:
    """Return what moved the last time that entries were scored anew and shown; None where none ever were.

    Rescoring.moved has one record an entry: submission, and before and after with value and rank. Of those that are
    told today only: another phase, or part, is none of this board's.
    """
    rescoring = contest.rescorings.filter(status=Rescoring.Status.SWITCHED).first()
    if rescoring is None:
        return None
    on_board = {
        row.submission_id: row.submission for row in board(contest).filter(submission__in=_moved(rescoring))
    }
    moved = [
        Moved(on_board[each["submission"]], each["before"], each["after"])
        for each in rescoring.moved
        if each["submission"] in on_board and each["before"] != each["after"]
    ]
    return Rescored(rescoring, moved[:MOST_SHOWN], len(moved))


def _moved(rescoring: Rescoring) -> list[int]:
    return [each["submission"] for each in rescoring.moved if each["before"] != each["after"]]
