"""What votes say of those who cast them: one's own votes, how they stand, and the board.

Nothing here counts pictures of the test split. A number that moves with one's own vote would tell its label, which
contests keep secret. Where there are many votes, what stands here is what was last counted: see labeling.counting.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Sum, Value, When, Window
from django.db.models.functions import Rank
from django.utils.translation import gettext as _

from accounts.models import User
from labeling.models import (
    AGREES,
    IS_KNOWN,
    Collection,
    Figures,
    Question,
    SiteFigures,
    Standing,
    Standings,
    Vote,
    is_right,
    tell_inner,
)
from labeling.splits import TEST, TRAIN, VAL

OWN_VOTES = 30  # on one page
NAMES = 50  # on one page of a board

# That a vote can be compared with what was decided: its question is, and it is no secret.
IS_OPEN_TO_ALL = Q(question__image__split__in=[TRAIN, VAL])
IS_JUDGED = Q(question__state__in=[Question.State.SETTLED, Question.State.ABSENT]) & IS_OPEN_TO_ALL
AGREEING = IS_JUDGED & AGREES
IS_MEASURED = IS_KNOWN & IS_OPEN_TO_ALL


@dataclass(frozen=True)
class Board:
    """One page of a board: names with their counts and ranks, and how many are counted without a name."""

    rows: list[dict[str, Any]]  # rank, name, n_agreed
    n_named: int
    n_nameless: int
    page: int
    counted: Figures | SiteFigures | None  # None: at this moment

    @property
    def next_page(self) -> int | None:
        return self.page + 1 if self.page * NAMES < self.n_named else None


@dataclass(frozen=True)
class Place:
    """How one volunteer's votes stand beside everybody's."""

    n_agreed: int
    n_judged: int  # votes on settled pictures
    rank: int  # among those with a vote that agrees; 0 without one
    n_ranked: int
    counted: SiteFigures | None = None  # None: at this moment


@dataclass(frozen=True)
class Accuracy:
    """How often votes were right where the answer was known beforehand."""

    n_right: int
    n_known: int
    counted: SiteFigures | None = None

    @property
    def share(self) -> float | None:
        return self.n_right / self.n_known if self.n_known else None


def count(collection: Collection) -> Standings:
    """Count what each annotator's votes in `collection` come to. Two queries; one passes over all of them."""
    votes = Vote.objects.filter(question__collection=collection).order_by().values_list("annotator")
    every = votes.annotate(
        n_votes=Count("pk"),
        n_judged=Count("pk", filter=IS_JUDGED),
        n_agreed=Count("pk", filter=AGREEING),
    )
    measured = votes.filter(IS_MEASURED).annotate(n_known=Count("pk"), n_right=Count("pk", filter=is_right()))
    known = {annotator: (n_known, n_right) for annotator, n_known, n_right in measured}
    return {annotator: (*counts, *known.get(annotator, (0, 0))) for annotator, *counts in every}


def _counted(collection: Collection | None, is_kept: bool) -> QuerySet[Any, Any]:
    """Volunteers by the number of their votes that say what was decided: `annotator`, `name`, `n_agreed`; from
    what was last counted, or from the votes themselves.
    """
    rows: QuerySet[Any] = Standing.objects.filter(agreed__gt=0) if is_kept else Vote.objects.filter(AGREEING)
    if collection:
        rows = rows.filter(**{"collection" if is_kept else "question__collection": collection})
    rows = rows.filter(annotator__kind__in=[User.Kind.PERSON, User.Kind.GUEST])
    by_annotator: QuerySet[Any, Any] = rows.order_by().values("annotator", name=F("annotator__board_name"))
    counted: QuerySet[Any, Any] = by_annotator.annotate(n_agreed=Sum("agreed") if is_kept else Count("pk"))
    return counted


def board(collection: Collection | None, page: int) -> Board:
    """Return a page of those who chose a name, the most votes that agree with a label first.

    Ranks are among everybody. Raises IndexError for a page that is not there. Two queries.
    """
    kept: Figures | SiteFigures | None = (
        Figures.objects.of(collection) if collection else Figures.objects.of_site()
    )
    ranked = _counted(collection, kept is not None).annotate(
        rank=Window(Rank(), order_by=F("n_agreed").desc()),
        n_named=Window(Count("annotator", filter=~Q(annotator__board_name=""))),
        n_nameless=Window(Count("annotator", filter=Q(annotator__board_name=""))),
        is_nameless=Case(When(annotator__board_name="", then=Value(1)), default=Value(0)),
    )
    # Who has no name comes last, so a page of names is a slice, and the first of them carries their number.
    found = list(ranked.order_by("is_nameless", "-n_agreed", "annotator")[(page - 1) * NAMES : page * NAMES])
    rows = [row for row in found if row["name"]]
    if page > 1 and not rows:
        raise IndexError(_("Expected the number of a page of the board; found %(page)s.") % {"page": page})
    counts = found[0] if found else {"n_named": 0, "n_nameless": 0}
    return Board(rows, counts["n_named"], counts["n_nameless"], page, kept)


def place(annotator: User) -> Place:
    """Say how many votes of `annotator` agree with a label, and where that stands among volunteers. Three queries."""
    kept = Figures.objects.of_site()
    sums = Standing.objects.sums(annotator) if kept else _judged(annotator)
    n_of = list(_counted(None, kept is not None).values_list("n_agreed", flat=True))
    rank = 1 + sum(n > sums["agreed"] for n in n_of) if sums["agreed"] else 0
    return Place(sums["agreed"], sums["judged"], rank, len(n_of), kept)


def _judged(annotator: User) -> dict[str, int]:
    judged = Vote.objects.filter(IS_JUDGED, annotator=annotator)
    return judged.aggregate(judged=Count("pk"), agreed=Count("pk", filter=AGREES))


def accuracy(annotator: User) -> Accuracy:
    """Say how often `annotator` was right where the answer was known. "Cannot tell" is no answer there."""
    kept = Figures.objects.of_site()
    sums = Standing.objects.sums(annotator) if kept else _measured(annotator)
    return Accuracy(sums["right"], sums["known"], kept)


def _measured(annotator: User) -> dict[str, int]:
    measured = Vote.objects.filter(IS_MEASURED, annotator=annotator)
    return measured.aggregate(known=Count("pk"), right=Count("pk", filter=is_right()))


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
    tell_inner(vote.question for vote in shown)
    for vote in shown:
        vote.outcome = outcome(vote.question)  # type: ignore[attr-defined]
        vote.is_as_decided = vote.says(vote.question)  # type: ignore[attr-defined]
    return shown, shown[-1].pk if len(page) > OWN_VOTES else None


def outcome(question: Question) -> dict[str, Any]:
    """Return what a page may say of `question`: a word for its state, and only where it is no secret the label, which
    `words` name.
    """
    if question.image.split == TEST:
        return {"word": "secret"}
    if question.state == Question.State.UNDECIDED:
        return {"word": "undecided"}
    if question.state == Question.State.ABSENT and question.about is not None:
        is_hidden = question.about.is_sensitive
        about = {"label": question.about, "words": question.about.name}
        return {"word": "hidden"} if is_hidden else {"word": "absent", **about}
    if question.state != Question.State.SETTLED or question.label is None:
        return {"word": "open"}
    if question.label.is_sensitive:
        return {"word": "hidden"}
    return {"word": "settled", "label": question.label, "words": question.label_words}
