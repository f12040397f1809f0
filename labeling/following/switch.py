"""One collection's part of a change, as it is written."""

from functools import cache
from typing import Any

from django.db.models import F, Q

from labeling.following.turn import Turn
from labeling.models import (
    Choices,
    Collection,
    ConsensusFit,
    Lease,
    Narrowing,
    Question,
    Reclass,
    Relabel,
    Skill,
    Vote,
)
from labeling.models.fits import known_as_json, known_from_json
from taxonomy.dependants import OutdatedError
from taxonomy.models import Draft, Synset


class Switch:
    """One collection's part of a change, as it is written: in the change's own transaction."""

    def __init__(self, reclass: Reclass, draft: Draft, turn: Turn) -> None:
        self.reclass, self.draft, self.turn, self.collection = reclass, draft, turn, reclass.collection
        self.relabels = Relabel.objects.filter(draft=draft, question__collection=self.collection)

    def run(self) -> None:
        self._set_classes()
        Collection.objects.filter(pk=self.collection.pk).update(root=self.reclass.root_after)
        self._keep_narrowings()
        if self.reclass.fit is not None:
            self._keep_fit({**self.reclass.fit})
        late = set(self.relabels.exclude(_as_prepared()).values_list("question", flat=True))
        self._drop_leases()
        Relabel.objects.write_labels(self.draft, self.collection, late)
        self._decide(late | self._not_prepared())

    def _set_classes(self) -> None:
        present = [synset.wnid for synset in self.collection.ordered_classes()]
        if present != self.reclass.before:
            raise OutdatedError(f"{self.collection} was given other classes meanwhile")
        if present != self.reclass.after:
            classes = {synset.wnid: synset for synset in Synset.objects.filter(wnid__in=self.reclass.after)}
            self.collection.set_classes(classes[wnid] for wnid in self.reclass.after)

    def _keep_narrowings(self) -> None:
        """Begin to narrow the noun that is split, or end it where its split is undone."""
        if self.turn.unsplit is not None:
            self.collection.narrowings.filter(noun=self.turn.unsplit).update(is_over=True)
        if self.turn.split is None or self.turn.stands_at is None:
            return
        gone = set(self.reclass.before) - set(self.reclass.after)
        was_asked_for = Synset.objects.filter(pk=self.turn.split, wnid__in=gone).exists()
        was_narrowed = self.collection.narrowings.filter(noun=self.turn.split).exists()
        if not (was_asked_for or was_narrowed or self.relabels.filter(is_narrowed=True).exists()):
            return
        narrowing, _made = Narrowing.objects.update_or_create(
            collection=self.collection,
            noun_id=self.turn.split,
            defaults={"stands_at_id": self.turn.stands_at, "is_over": False},
        )
        narrowing.parts.set(self.turn.parts)
        self.relabels.filter(is_narrowed=True).update(narrowing_after=narrowing)

    def _keep_fit(self, fit: dict[str, Any]) -> None:
        """Keep the parameters over the new classes as the latest fit, with what it has learnt of annotators, so that
        votes go on from there. What was known of them before is kept beside it, for the undo.
        """
        self.collection.refresh_from_db(fields=["latest_fit"])
        before = self.collection.latest_fit_id
        if before is not None:
            skills = known_as_json(self.collection.skills.filter(fit=before).known())
            Reclass.objects.filter(pk=self.reclass.pk).update(known_before={"fit": before, "skills": skills})
        known = known_from_json(fit.pop("skills", []))  # what was prepared by earlier versions has none
        row = ConsensusFit.objects.keep(self.collection, **fit)
        Skill.objects.keep(row, known)
        self.relabels.filter(is_fitted=True, is_narrowed=False).update(fit_after=row)

    def _drop_leases(self) -> None:
        """Whoever was just asked another question about a picture is told to look again."""
        same = Q(narrowing_before=F("narrowing_after")) | Q(narrowing_before=None, narrowing_after=None)
        Lease.objects.filter(question__in=self.relabels.exclude(same).values("question")).delete()

    def _not_prepared(self) -> set[int]:
        """Return the questions that came to be touched after the change was prepared."""
        votes = Vote.objects.filter(question__collection=self.collection, synset__among=self.reclass.moved)
        mine = Question.objects.filter(collection=self.collection)
        labels = mine.filter(label__among=self.reclass.moved)
        ended = mine.filter(narrowing__is_over=True)
        touched = set(votes.values_list("question", flat=True)) | set(labels.values_list("pk", flat=True))
        touched |= set(ended.values_list("pk", flat=True)) | self._asked_in_vain()
        return touched - set(self.relabels.values_list("question", flat=True))

    def _asked_in_vain(self) -> set[int]:
        """Return the questions that are being asked about a noun that is asked about no more."""
        if not self.collection.is_verifying:
            return set()
        choices = Choices.read(self.collection, None)
        gone = [pk for pk in self.reclass.moved if choices.about(pk) is None]
        asked = Question.objects.filter(
            collection=self.collection,
            about__among=gone,
            state__in=(Question.State.WAITING, Question.State.OPEN),
        )
        return set(asked.values_list("pk", flat=True))

    def _decide(self, late: set[int]) -> None:
        """Decide by their votes, as they count now, what was not prepared or has changed since."""
        relabels = {row.question_id: row for row in self.relabels.filter(question__among=late)}
        found = Question.objects.filter(pk__among=late).select_related("narrowing").order_by("pk")
        questions = list(found.select_for_update(of=("self",)))
        turned = [q.pk for q in questions if q.narrowing and q.narrowing.is_over]
        Lease.objects.filter(question__among=turned).delete()  # they ask another question now
        for question in questions:
            question.collection = self.collection
            if question.narrowing and question.narrowing.is_over:
                # Any other is left to its votes: they narrow it where they still say a noun that was split.
                prepared = relabels.get(question.pk)
                question.narrowing = prepared.narrowing_after if prepared else None
        # What is being changed is not kept beyond this: another change may come to have this one's number.
        read = cache(lambda narrowing: Choices.read(self.collection, narrowing))
        Vote.objects.decide(questions, lambda question: read(question.narrowing))


def _as_prepared() -> Q:
    """The condition that a question is still as its change was prepared for."""
    found = Q(n_votes=F("question__n_votes"))
    for name in Relabel.ANSWER:
        then, now = f"{name}_before", f"question__{name}"
        found &= Q(**{then: F(now)}) | Q(**{f"{then}__isnull": True, f"{now}__isnull": True})
    return found
