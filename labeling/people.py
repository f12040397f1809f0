"""What votes say of those who cast them: one's own votes, how they stand, and the board.

Nothing here counts pictures of the test split. A number that moves with one's own vote would tell its label, which
contests keep secret.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import Rank

from accounts.models import User
from labeling.models import AGREES, Collection, Question, Vote, is_right
from labeling.splits import TEST, TRAIN, VAL

OWN_VOTES = 30  # on one page
NAMES = 50  # on one page of a board


@dataclass(frozen=True)
class Board:
    """One page of a board: names with their counts and ranks, and how many are counted without a name."""

    rows: list[dict[str, Any]]  # rank, name, n_agreed
    n_named: int
    n_nameless: int
    page: int

    @property
    def next_page(self) -> int | None:
        return self.page + 1 if self.page * NAMES < self.n_named else None


@dataclass(frozen=True)
class Standing:
    """How one volunteer's votes stand beside everybody's."""

    n_agreed: int
    n_judged: int  # votes on settled pictures
    rank: int  # among those with a vote that agrees; 0 without one
    n_ranked: int


@dataclass(frozen=True)
class Accuracy:
    """How often votes were right where the answer was known beforehand."""

    n_right: int
    n_gold: int

    @property
    def share(self) -> float | None:
        return self.n_right / self.n_gold if self.n_gold else None


def judged(collection: Collection | None = None) -> QuerySet[Vote]:
    """The votes that can be compared with what was decided: their question is, and it is no secret."""
    decided = (Question.State.SETTLED, Question.State.ABSENT)
    votes = Vote.objects.filter(question__state__in=decided, question__image__split__in=[TRAIN, VAL])
    return votes.filter(question__collection=collection) if collection else votes


def _counted(collection: Collection | None) -> QuerySet[Any, Any]:
    """Volunteers by the number of their votes that say what was decided: `annotator`, `name`, `n_agreed`."""
    agreed = judged(collection).filter(AGREES, annotator__kind__in=[User.Kind.PERSON, User.Kind.GUEST])
    by_annotator = agreed.order_by().values("annotator", name=F("annotator__board_name"))
    return by_annotator.annotate(n_agreed=Count("pk"))


def board(collection: Collection | None, page: int) -> Board:
    """Return a page of those who chose a name, the most votes that agree with a label first.

    Ranks are among everybody. Raises IndexError for a page that is not there. One query.
    """
    ranked = _counted(collection).annotate(
        rank=Window(Rank(), order_by=F("n_agreed").desc()),
        n_named=Window(Count("annotator", filter=~Q(annotator__board_name=""))),
        n_nameless=Window(Count("annotator", filter=Q(annotator__board_name=""))),
        is_nameless=Case(When(annotator__board_name="", then=Value(1)), default=Value(0)),
    )
    # Who has no name comes last, so a page of names is a slice, and the first of them carries their number.
    found = list(ranked.order_by("is_nameless", "-n_agreed", "annotator")[(page - 1) * NAMES : page * NAMES])
    rows = [row for row in found if row["name"]]
    if page > 1 and not rows:
        raise IndexError(f"Expected the number of a page of the board; found {page}.")
    counts = found[0] if found else {"n_named": 0, "n_nameless": 0}
    return Board(rows, counts["n_named"], counts["n_nameless"], page)


def standing(annotator: User) -> Standing:
    """Say how many votes of `annotator` agree with a label, and where that stands among volunteers. Two queries."""
    mine = judged().filter(annotator=annotator)
    counts = mine.aggregate(n_judged=Count("pk"), n_agreed=Count("pk", filter=AGREES))
    n_of = list(_counted(None).values_list("n_agreed", flat=True))
    rank = 1 + sum(n > counts["n_agreed"] for n in n_of) if counts["n_agreed"] else 0
    return Standing(rank=rank, n_ranked=len(n_of), **counts)


def accuracy(annotator: User) -> Accuracy:
    """Say how often `annotator` was right on gold questions. "Cannot tell" is no answer there."""
    gold = Vote.objects.filter(
        annotator=annotator, synset__isnull=False, question__truth__isnull=False, narrowing=None
    )
    gold = gold.filter(question__image__split__in=[TRAIN, VAL])
    counts = gold.aggregate(n_gold=Count("pk"), n_right=Count("pk", filter=is_right()))
    return Accuracy(**counts)


def own_votes(annotator: User, before: int | None) -> tuple[list[Vote], int | None]:
    """Return a page of votes, the newest first, from right below the vote `before`; and where the next page begins.

    Each vote's `outcome` is what a page may say of its question; `is_as_decided` compares them where that is decided.
    """
    votes = Vote.objects.filter(annotator=annotator).order_by("-pk")
    if before is not None:
        votes = votes.filter(pk__lt=before)
    joined = votes.select_related(
        "synset", "question__image", "question__label", "question__about", "question__collection"
    )
    page = list(joined[: OWN_VOTES + 1])
    shown = page[:OWN_VOTES]
    for vote in shown:
        vote.outcome = outcome(vote.question)  # type: ignore[attr-defined]
        vote.is_as_decided = vote.says(vote.question)  # type: ignore[attr-defined]
    return shown, shown[-1].pk if len(page) > OWN_VOTES else None


def outcome(question: Question) -> dict[str, Any]:
    """Return what a page may say of `question`: a word for its state, and the label only where it is no secret."""
    if question.image.split == TEST:
        return {"word": "secret"}
    if question.state == Question.State.UNDECIDED:
        return {"word": "undecided"}
    if question.state == Question.State.ABSENT and question.about is not None:
        is_hidden = question.about.is_sensitive
        return {"word": "hidden"} if is_hidden else {"word": "absent", "label": question.about}
    if question.state != Question.State.SETTLED or question.label is None:
        return {"word": "open"}
    if question.label.is_sensitive:
        return {"word": "hidden"}
    return {"word": "settled", "label": question.label}
