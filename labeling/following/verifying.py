"""One collection's part of a change, worked out beforehand, where each question is about one noun."""

from collections.abc import Iterator
from functools import cached_property

from django.db.models import F

from labeling.following.preparation import Preparation, column, is_as_left
from labeling.following.turn import Turn
from labeling.models import Choices, Collection, Question, Relabel, Vote
from taxonomy.models import Draft, Synset
from taxonomy.patch import Patch

ANEW = 2**31 - 1  # votes that no question has, so that it is decided by those that it has


class Verifying(Preparation):
    """What questions are about follows the taxonomy, and their labels with it; no consensus changes by that, since
    votes say present or absent.

    A noun that was split is asked about no more: what is settled stays, and what was being asked is given up. There
    is no telling which of its parts a picture shows without asking about each, which the owner can do.
    """

    def __init__(self, draft: Draft, collection: Collection, turn: Turn, patch: Patch) -> None:
        super().__init__(draft, collection, turn)
        self.choices = Choices.read(collection, None)
        standing = set(self._standing_after().values_list("noun", flat=True))
        split = standing | ({turn.split} if turn.split else set())
        self.becomes = Synset.objects.resolution(patch, split)
        abouts = collection.questions.order_by().values_list("about", flat=True).distinct()
        self.turned = [pk for pk in abouts if pk and self._turns(pk)]
        self.moved |= {*self.turned}

    def _asked_before(self, noun: int | None) -> int | None:
        about = self.choices.about(noun)
        return about.pk if about else None

    def _asked_after(self, noun: int | None) -> int | None:
        """Return what questions about `noun` ask about after the change; None if they are asked no more."""
        today = self.becomes.get(noun, noun) if noun else None
        return today if today in self.after else None

    def _turns(self, noun: int) -> bool:
        is_named_anew = self.turn.before.get(noun, noun) != self.turn.label(noun)
        return is_named_anew or self._asked_before(noun) != self._asked_after(noun)

    def _touched_questions(self) -> list[int]:
        found = set(self.collection.questions.filter(about__in=self.turned).values_list("pk", flat=True))
        return sorted(
            found | set(self._undone_relabels().values_list("question", flat=True)) | self._recounted
        )

    @cached_property
    def _recounted(self) -> set[int]:
        """The questions with a vote that counts before the change and not after it, or the other way round."""
        votes = Vote.objects.filter(question__collection=self.collection, synset__isnull=False)
        others = votes.exclude(synset=F("question__about")).order_by()
        found: set[int] = set()
        for about, synset in others.values_list("question__about", "synset").distinct():
            before = self._asked_before(about) is not None and (
                self._asked_before(about) == self._asked_before(synset)
            )
            after = self._asked_after(about) is not None and (
                self._asked_after(about) == self._asked_after(synset)
            )
            if before != after:
                turned = others.filter(question__about=about, synset=synset)
                found |= set(turned.values_list("question", flat=True))
        return found

    def _answers(self, touched: list[int]) -> Iterator[Relabel]:
        # Whatever was voted on and is not prepared would be decided anew.
        return (row for row in super()._answers(touched) if row.n_votes or _changes(row))

    def _answer(self, question: Question, kept: Relabel | None) -> Relabel:
        """Work out one question: as it was before, where the change that is undone finds it as it left it; by its
        votes, where others count; or simply by what its noun became.
        """
        row = self._unchanged(question)
        if kept is not None and is_as_left(question, kept):
            self._restore(row, kept)
        elif question.pk in self._recounted:
            row.n_votes = ANEW
        label, is_asked = self.turn.label(question.about_id), self._asked_after(question.about_id) is not None
        if row.label_after_id is not None:
            row.label_after_id = label
        if row.state_after == Question.State.SETTLED and label is None:
            row.state_after = Question.State.UNDECIDED
        if row.state_after in (Question.State.WAITING, Question.State.OPEN) and not is_asked:
            row.label_after_id, row.state_after = None, Question.State.UNDECIDED
        elif not row.is_restored and is_asked and self._asked_before(question.about_id) is None:
            self._ask_again(row)
        return row

    def _ask_again(self, row: Relabel) -> None:
        """Its noun is asked about once more, so what was given up is not."""
        if row.state_after == Question.State.UNDECIDED:
            row.state_after = Question.State.OPEN if row.n_votes else Question.State.WAITING

    def _parameters(self) -> None:
        """Whether a noun is there is weighed as before, whatever it is called."""


def _changes(row: Relabel) -> bool:
    """Say whether the change does anything to this question."""
    return any(
        getattr(row, column(name, "_before")) != getattr(row, column(name, "_after"))
        for name in Relabel.ANSWER
    )
