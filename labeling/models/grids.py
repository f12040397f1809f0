"""A grid: many pictures, all asked about one noun. Which of a collection's questions come next, and for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.models import User
from labeling.models.answers import NotAClassError
from labeling.models.choices import Choices
from labeling.models.questions import Question, QuestionQuerySet
from labeling.models.sql import among, keys
from taxonomy.models import Synset

if TYPE_CHECKING:  # they come to this module to have grids filled
    from labeling.models.leases import Lease, Walk

GRID = 48  # pictures
MOST_NOUNS = 5  # tried in one request: others may just have taken what was left of one

# Of a question q whose noun others have become: whether the same picture asks the same by another question, o, that
# this annotator was asked, or that comes first. Takes those nouns, then the annotator three times.
ASKED_ALIKE = """EXISTS (SELECT 1 FROM labeling_question o WHERE o.image_id = q.image_id
    AND o.collection_id = q.collection_id AND o.id <> q.id AND {nouns} AND (o.id < q.id AND o.open_places > 0
        OR EXISTS (SELECT 1 FROM labeling_lease l WHERE l.question_id = o.id AND l.annotator_id = %s)
        OR EXISTS (SELECT 1 FROM labeling_vote v WHERE v.question_id = o.id AND v.annotator_id = %s)
        OR EXISTS (SELECT 1 FROM labeling_skip k WHERE k.question_id = o.id AND k.annotator_id = %s)))"""


@dataclass(frozen=True)
class Grid:
    """Pictures on loan to one annotator, and the noun that all are asked about; None where nothing is left."""

    about: Synset | None
    leases: "list[Lease]"


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
        alike = ASKED_ALIKE.format(nouns=among("o.about_id"))
        return among("q.about_id") + (f" AND NOT {alike}" if len(self.about) > 1 else "")

    def values(self, annotator: User) -> list[Any]:
        """What `condition` takes."""
        if self.about is None:
            return [keys(self.besides)] if self.besides else []
        nouns = keys(self.about)
        return [nouns, nouns, *[annotator.pk] * 3] if len(self.about) > 1 else [nouns]

    def questions(self) -> QuestionQuerySet:
        if self.about is None:
            return (
                Question.objects.exclude(about__in=self.besides) if self.besides else Question.objects.all()
            )
        return Question.objects.filter(about__in=self.about)


class Filling:
    """One annotator's grid, being filled. Their walk is locked, and the taxonomy held still."""

    def __init__(self, walk: "Walk", choices: Choices, held: "list[Lease]") -> None:
        self.walk, self.choices, self.held = walk, choices, held

    def run(self, noun: Synset | None, count: int) -> Grid:
        """Raises NotAClassError if the collection does not ask about `noun`."""
        if noun is not None:
            about = self._asked(noun.pk)
            if about is None:
                raise NotAClassError(f"Expected a noun that {self.walk.collection} asks about; found {noun}.")
            self.walk.position = (
                self.walk.START
            )  # where its questions lie has nothing to do with the last noun's
        else:
            nouns = (self._asked(lease.question.about_id) for lease in self.held)
            about = next((each for each in nouns if each), None)
        leases = self._keep(about)
        n_new = count - len(leases) if self.walk.collection.is_asking else 0
        if n_new > 0 and about is None:
            return self._next(n_new)
        if n_new > 0 and about is not None:
            leases += self._claim(about, n_new)
        return _grid(about, leases[:count])

    def _asked(self, noun: int | None) -> Synset | None:
        """Return what `noun` is today, if volunteers are asked about that."""
        about = self.choices.about(noun)
        return about if about and about.is_askable else None

    def _keep(self, about: Synset | None) -> "list[Lease]":
        """Return the leases on questions about this noun; give back what is held of others."""
        others = [each for each in self.held if about is None or self._asked(each.question.about_id) != about]
        if others:
            type(others[0]).objects.filter(pk__in=[each.pk for each in others]).release()
        return [each for each in self.held if each not in others]

    def _claim(self, about: Synset, n_wanted: int) -> "list[Lease]":
        return self.walk.claim_next(n_wanted, Only(self.choices.asked_as(about)))

    def _next(self, n_wanted: int) -> Grid:
        """Fill it with the noun of the next question along the walk."""
        besides = list(self.choices.not_asked_about)
        for _noun in range(MOST_NOUNS):
            found = self.walk.look_ahead(Only(besides=besides))
            about = self._asked(found)
            if about and (leases := self._claim(about, n_wanted)):
                return _grid(about, leases)
            if found is None:
                break
            besides += [found, *(self.choices.asked_as(about) if about else ())]
        return Grid(None, [])


def _grid(about: Synset | None, leases: "list[Lease]") -> Grid:
    for lease in leases:
        lease.question.asks_about = about  # so that nobody looks it up for each
    return Grid(about, leases)
