"""Statements that lend questions: one on PostgreSQL; a few on SQLite, which changes nothing inside a query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.sql import IS_POSTGRESQL, rows, run, select
from labeling.models.questions import Question, QuestionQuerySet
from labeling.models.sql import among, keys, locked, to_moment

# The columns of questions and their pictures that the requests of volunteers read.
QUESTION = ("id", "collection_id", "image_id", "position", "state", "open_places", "n_votes", "label_id",
            "confidence", "gain", "fit_id", "narrowing_id", "is_gold", "is_starter",
            "truth_id", "about_id")  # fmt: skip
IMAGE = ("id", "sha256", "width", "height")
# Of a question q; takes the annotator twice. One that is being narrowed is another question than it was: which kind
# of dog, not what. Asked for each question by itself, by the index of its votes: as NOT EXISTS, and without "+ 0",
# PostgreSQL may read all that the annotator ever answered, which it takes for as much as others did.
NEVER_ANSWERED = """(SELECT 1 FROM labeling_vote v WHERE v.question_id = q.id AND v.annotator_id + 0 = %s
        AND COALESCE(v.narrowing_id, 0) = COALESCE(q.narrowing_id, 0) LIMIT 1) IS NULL
    AND (SELECT 1 FROM labeling_skip k WHERE k.question_id = q.id AND k.annotator_id = %s LIMIT 1) IS NULL"""
LENT = f"{select('q', QUESTION)}, {select('i', IMAGE)}"
AHEAD = "q.collection_id = %s AND q.open_places > 0 AND q.position > %s"
# How many started questions are looked at for one request, those on which one more vote tells most: whoever was asked
# all of these goes on along their walk, so that it costs the same however many there are.
BEST = 32
IS_BEST = "q.open_places > 0 AND q.gain IS NOT NULL"
HAS_BEST = f"EXISTS (SELECT 1 FROM labeling_question q WHERE q.collection_id = w.collection_id AND {IS_BEST})"
INSERT = "INSERT INTO labeling_lease (question_id, annotator_id, expires_at)"
# One UPDATE both checks and takes places: the constraint refuses to go below none.
TAKE = "UPDATE labeling_question SET open_places = labeling_question.open_places - 1"
WALK = "UPDATE labeling_walk SET position ="


@dataclass(frozen=True, slots=True)
class Borrower:
    """Who borrows from a collection, and which of its questions they hold, more and more; keys all."""

    collection: int
    annotator: int
    held: list[int]  # read before, so that it is not looked for with every question
    expires_at: datetime  # of what is lent now


# Of a question q whose noun others have become: whether the same picture asks the same by another question, o, that
# this annotator was asked, or that comes first. Takes those nouns, then the annotator three times.
ASKED_ALIKE = """EXISTS (SELECT 1 FROM labeling_question o WHERE o.image_id = q.image_id
    AND o.collection_id = q.collection_id AND o.id <> q.id AND {nouns} AND (o.id < q.id AND o.open_places > 0
        OR EXISTS (SELECT 1 FROM labeling_lease l WHERE l.question_id = o.id AND l.annotator_id = %s)
        OR EXISTS (SELECT 1 FROM labeling_vote v WHERE v.question_id = o.id AND v.annotator_id = %s)
        OR EXISTS (SELECT 1 FROM labeling_skip k WHERE k.question_id = o.id AND k.annotator_id = %s)))"""


@dataclass(frozen=True)
class Only:
    """Which questions somebody's walk leads to: all, or those about some nouns, or about none of some others."""

    about: Sequence[int] | None = None  # all that ask about one noun today
    besides: Sequence[int] = ()

    @property
    def condition(self) -> str:
        """The condition on a question q; see `values`."""
        if self.about is None:
            return f"NOT {among('q.about_id')}" if self.besides else "TRUE"
        if len(self.about) == 1:
            return "q.about_id = %s"  # so that an index gives them in the order of their positions
        alike = ASKED_ALIKE.format(nouns=among("o.about_id"))
        return f"q.about_id IS NOT NULL AND {among('q.about_id')} AND NOT {alike}"

    def values(self, annotator: int) -> list[Any]:
        """What `condition` takes."""
        if self.about is None:
            return [keys(self.besides)] if self.besides else []
        if len(self.about) == 1:
            return [self.about[0]]
        nouns = keys(self.about)
        return [nouns, nouns, *[annotator] * 3]

    def questions(self) -> QuestionQuerySet:
        if self.about is None:
            return (
                Question.objects.exclude(about__in=self.besides) if self.besides else Question.objects.all()
            )
        return Question.objects.filter(about__in=self.about)


ALL = Only()


def lend_gold(to: Borrower, n_wanted: int, only: Only = ALL) -> list[tuple[Any, ...]]:
    """Lend up to `n_wanted` gold questions that are not being asked of everybody; they need no place.

    Return (lease, *QUESTION, *IMAGE) of each.
    """
    find = _unasked(LENT, "q.collection_id = %s AND q.is_gold AND q.state <> 'open'", only, n_wanted)
    return _lend(to, find, _values(to, [], only))


def lend_best(to: Borrower, n_wanted: int, only: Only = ALL) -> list[tuple[Any, ...]]:
    """Lend up to `n_wanted` of the started questions on which one more vote tells most, and take a place on each.

    Return (lease, *QUESTION, *IMAGE) of each, what tells most first.
    """
    noun = only.about if only.about is not None and len(only.about) == 1 else []
    about = "AND q.about_id = %s" if noun else ""
    best = f"""(SELECT q.id, q.gain FROM labeling_question q WHERE q.collection_id = %s AND {IS_BEST} {about}
        ORDER BY q.gain DESC LIMIT {BEST}) best JOIN labeling_question q ON q.id = best.id"""
    # With "+ 0" no index of open questions is taken for finding each of these anew but its key.
    unasked = _unasked(LENT, "q.open_places + 0 > 0", only, n_wanted, best, "best.gain DESC")
    find = f"{unasked} {locked('q', skip=True)}"
    return _lend(to, find, _values(to, noun, only), "gain DESC", takes=True)


def lend_ahead(
    to: Borrower, n_wanted: int, walk: int, position: int, only: Only = ALL
) -> list[tuple[Any, ...]]:
    """Lend up to `n_wanted` open questions behind `position`, take a place on each, and move the walk there.

    Return (lease, *QUESTION, *IMAGE) of each, in the order of their positions.
    """
    # Rows that others are taking right now are passed over instead of waited for, so nobody deadlocks.
    find = f"{_unasked(LENT, AHEAD, only, n_wanted)} {locked('q', skip=True)}"
    return _lend(to, find, _values(to, [position], only), takes=True, walk=walk)


def next_about(to: Borrower, position: int, only: Only) -> int | None:
    """Return what the next question is about that `lend_ahead` would lend."""
    found = rows(_unasked("q.about_id", AHEAD, only, 1), _values(to, [position], only))
    return found[0][0] if found else None


def _unasked(
    columns: str,
    condition: str,
    only: Only,
    n_wanted: int,
    questions: str = "labeling_question q",
    order: str = "q.position",
) -> str:
    # The number stands in the text, or PostgreSQL would plan for a tenth of all questions.
    return f"""SELECT {columns} FROM {questions} JOIN labeling_image i ON i.id = q.image_id
        WHERE {condition} AND i.withdrawn_at IS NULL AND NOT ({among("q.id")})
            AND {NEVER_ANSWERED} AND {only.condition}
        ORDER BY {order} LIMIT {n_wanted}"""


def _values(to: Borrower, condition: Sequence[Any], only: Only) -> list[Any]:
    """What `_unasked` takes."""
    return [to.collection, *condition, keys(to.held), to.annotator, to.annotator, *only.values(to.annotator)]


def _lend(
    to: Borrower,
    find: str,
    values: list[Any],
    order: str = "position",
    takes: bool = False,
    walk: int | None = None,
) -> list[tuple[Any, ...]]:
    """Lend what the statement `find` finds, in `order`; where it `takes` places, one on each; and move a walk to the
    last of them.
    """
    if IS_POSTGRESQL:
        return _lend_at_once(to, find, values, order, takes, walk)
    found = rows(find, values)
    if not found:
        return []
    questions = keys(row[0] for row in found)
    if takes:
        run(f"{TAKE} WHERE {among('id')}", [questions])
    if walk is not None:
        run(f"{WALK} %s WHERE id = %s", [found[-1][QUESTION.index("position")], walk])
    made = rows(
        f"{INSERT} SELECT value, %s, %s FROM json_each(%s) RETURNING question_id, id",
        [to.annotator, to_moment(to.expires_at), questions],
    )
    lease = dict(made)
    return [(lease[row[0]], *row) for row in found]


def _lend_at_once(
    to: Borrower, find: str, values: Sequence[Any], order: str, takes: bool, walk: int | None
) -> list[tuple[Any, ...]]:
    columns = ", ".join([*QUESTION, *(f"picture_{name}" for name in IMAGE)])
    parts = [
        f"found ({columns}) AS ({find})",
        f"lent AS ({INSERT} SELECT id, %s, %s FROM found RETURNING id, question_id)",
    ]
    values = [*values, to.annotator, to.expires_at]
    if takes:
        parts.append(f"taken AS ({TAKE} FROM found WHERE labeling_question.id = found.id)")
    if walk is not None:
        to_last = "(SELECT MAX(position) FROM found) WHERE id = %s AND EXISTS (SELECT FROM found)"
        parts.append(f"walked AS ({WALK} {to_last})")
        values.append(walk)
    return rows(
        f"""WITH {", ".join(parts)}
            SELECT lent.id, found.* FROM found JOIN lent ON lent.question_id = found.id
            ORDER BY found.{order}""",
        values,
    )
