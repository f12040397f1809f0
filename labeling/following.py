"""What labels do about a change of the taxonomy: worked out beforehand, switched over with it, restored by its undo.

No vote is edited. A vote for a noun that has left the tree counts as what that noun became, so a collection's classes
and the labels of its questions are worked out anew from the votes, and what they were is kept beside them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from labeling import consensus
from labeling.models import (
    Collection,
    ConsensusFit,
    Lease,
    Narrowing,
    Question,
    Reclass,
    Relabel,
    Vote,
)
from taxonomy import tree
from taxonomy.changes import ChangeRefusedError
from taxonomy.dependants import Impact
from taxonomy.models import Ancestry, Change, Draft, Synset
from taxonomy.models.ledger import Kind
from taxonomy.patch import Patch

BATCH = 2000  # questions worked out at a time; between batches the worker says that it lives
ANSWER = ("label", "confidence", "state", "fit", "narrowing")  # what a Relabel keeps of a question
WORDS = frozenset({Kind.RENAME, Kind.EDIT})  # kinds that touch no label


@dataclass(frozen=True)
class Turn:
    """How nouns count before and after a change; keys are primary keys, None where nothing is left."""

    before: Mapping[int, int | None]  # of retired nouns, as Synset.objects.resolution() gives it
    after: Mapping[int, int | None]
    moved: frozenset[int]  # nouns that count as another one after it
    split: int | None = None  # the noun whose pictures are to be narrowed
    parts: tuple[int, ...] = ()
    stands_at: int | None = None  # their label until they are

    @classmethod
    def of(cls, draft: Draft, patch: Patch) -> "Turn":
        keys = dict(Synset.objects.filter(wnid__in=_named(draft, patch)).values_list("wnid", "pk"))
        becomes = dict(Synset.objects.filter(is_retired=True).values_list("pk", "becomes"))
        before = {pk: tree.follow(pk, becomes) for pk in becomes}
        leaving = {keys[wnid] for wnid in patch.removed}
        becomes |= dict(Synset.objects.filter(pk__in=leaving).values_list("pk", "becomes"))
        for edit in patch.edited:
            if edit.field == "becomes" and keys[edit.wnid] in becomes:
                becomes[keys[edit.wnid]] = keys[edit.after] if edit.after else None
        for wnid in patch.added:
            becomes.pop(keys[wnid], None)
        after = {pk: tree.follow(pk, becomes) for pk in becomes}
        moved = {pk for pk in {*before, *after} if before.get(pk, pk) != after.get(pk, pk)}
        if draft.kind != Kind.SPLIT:
            return cls(before, after, frozenset(moved))
        split = keys[draft.arguments["synset"]]
        parts = tuple(keys[wnid] for wnid in draft.arguments["parts"])
        return cls(before, after, frozenset(moved | {split}), split, parts, after.get(split, split))

    def classes(self, before: list[int]) -> list[int]:
        """Return a collection's classes after the change: a noun that left gives its place to what it became, one
        that was split to its parts; twice the same is one.
        """
        after: list[int | None] = []
        for pk in before:
            after += self.parts if pk == self.split else (self.after.get(pk, pk),)
        return [pk for pk in dict.fromkeys(after) if pk is not None]

    def label(self, before: int | None) -> int | None:
        """Return the label of a picture that was labelled `before` and has nothing else to go by."""
        return before if before is None else self.after.get(before, before)


def _named(draft: Draft, patch: Patch) -> set[str]:
    stand_ins = {edit.after for edit in patch.edited if edit.field == "becomes" and edit.after}
    parts = {draft.arguments["synset"], *draft.arguments["parts"]} if draft.kind == Kind.SPLIT else set()
    return patch.ends | stand_ins | parts


class Labels:
    """The dependant that keeps collections, questions and their labels in step with the taxonomy."""

    def prepare(self, draft: Draft, patch: Patch) -> list[Impact]:
        with transaction.atomic():
            draft.beat()
            self.forget(draft)
        turn = Turn.of(draft, patch)
        for collection in _touched_collections(turn, draft):
            _Preparation(draft, collection, turn).run()
        return _impacts(draft, patch, turn)

    def switch(self, draft: Draft, change: Change) -> None:
        for reclass in draft.reclasses.select_related("collection", "root_after"):
            _Switch(reclass, change).run()

    def forget(self, draft: Draft) -> None:
        draft.relabels.all().delete()
        draft.reclasses.all().delete()


def _touched_collections(turn: Turn, draft: Draft) -> list[Collection]:
    """Return the collections that ask for a noun which counts otherwise afterwards, or have labels or votes on
    one; for an undo also those that the change reclassed.
    """
    classes = Q(collectionclass__synset__in=turn.moved) | Q(root__in=turn.moved)
    undone = Q(
        pk__in=Reclass.objects.filter(draft__change=draft.arguments.get("change", 0)).values("collection")
    )
    labels = Q(pk__in=Question.objects.filter(label__in=turn.moved).values("collection"))
    return list(Collection.objects.filter(classes | undone | labels).distinct().order_by("pk"))


class _Preparation:
    """One collection's part of a change: what its classes and its questions' labels will be."""

    def __init__(self, draft: Draft, collection: Collection, turn: Turn) -> None:
        self.draft, self.collection, self.turn = draft, collection, turn
        self.before = [synset.pk for synset in collection.ordered_classes()]
        self.undone = _undone(draft, collection)
        self.after = self._classes_after()
        # What is voted on from here on is decided anew at the switch.
        last = Vote.objects.filter(question__collection=collection).order_by("-pk").first()
        self.last_vote = last.pk if last else 0

    def run(self) -> None:
        if not self.after:
            raise ChangeRefusedError(
                f"Expected that every collection keeps a class; found that {self.collection} would be left without."
            )
        answers = self._answers(self._touched_questions())
        while batch := list(islice(answers, BATCH)):
            with transaction.atomic():
                self.draft.beat()
                Relabel.objects.bulk_create(batch)
        with transaction.atomic():
            self.draft.beat()
            self._keep_reclass()

    def _classes_after(self) -> list[int]:
        if self.undone and self._wnids(self.before) == self._today(self.undone.after):
            # Nobody chose other classes meanwhile, so those of then come back, as they count now.
            keys = dict(Synset.objects.filter(wnid__in=self.undone.before).values_list("wnid", "pk"))
            after = [self.turn.label(keys[wnid]) for wnid in self.undone.before]
            return [pk for pk in dict.fromkeys(after) if pk is not None]
        return self.turn.classes(self.before)

    def _today(self, wnids: list[str]) -> list[str]:
        """Return what classes of the past are by now, before this change."""
        keys = dict(Synset.objects.filter(wnid__in=wnids).values_list("wnid", "pk"))
        today = [self.turn.before.get(keys[wnid], keys[wnid]) for wnid in wnids]
        return self._wnids([pk for pk in dict.fromkeys(today) if pk is not None])

    def _wnids(self, keys: list[int]) -> list[str]:
        wnids = dict(Synset.objects.filter(pk__in=keys).values_list("pk", "wnid"))
        return [wnids[pk] for pk in keys]

    def _touched_questions(self) -> list[int]:
        """Return the questions whose label, or a vote on them, counts otherwise afterwards, or whose label the
        change that is undone had changed.
        """
        questions = Question.objects.filter(collection=self.collection)
        voted = Vote.objects.filter(question__collection=self.collection, synset__in=self.turn.moved)
        found = set(questions.filter(label__in=self.turn.moved).values_list("pk", flat=True))
        found |= set(voted.values_list("question", flat=True))
        found |= set(self._undone_relabels().values_list("question", flat=True))
        return sorted(found)

    def _undone_relabels(self) -> QuerySet[Relabel]:
        if self.undone is None:
            return Relabel.objects.none()
        return Relabel.objects.filter(draft=self.undone.draft_id, question__collection=self.collection)

    @cached_property
    def _fit(self) -> "_Fitted | None":
        """A fit over the classes after; None where classes merely change their nouns, which changes no number."""
        if self.after == [self.turn.after.get(pk, pk) for pk in self.before]:
            return None
        votes, keys, n_votes = Vote.objects.as_arrays(self.collection, self.after, self.turn.after)
        fit = consensus.fit(votes, len(keys.questions), len(self.after))
        n_named = np.bincount(votes.item, minlength=len(keys.questions))
        return _Fitted(fit, {pk: i for i, pk in enumerate(keys.questions)}, n_named, n_votes)

    def _keep_reclass(self) -> None:
        root = self.undone.root_before_id if self.undone else self.collection.root_id
        Reclass.objects.create(
            draft=self.draft,
            collection=self.collection,
            root_before_id=self.collection.root_id,
            root_after_id=self.turn.label(root) or self.collection.root_id,
            before=self._wnids(self.before),
            after=self._wnids(self.after),
            fit=self._parameters(),
            last_vote=self.last_vote,
        )

    def _parameters(self) -> dict[str, object] | None:
        """Return what a fit over the classes after goes on from: the one of then, where a change is undone; the
        present one, where classes merely change their nouns; or a new one.
        """
        then = self.collection.fits.filter(classes=self._wnids(self.after)).order_by("-pk").first()
        present = self.collection.fit_over(self.collection.ordered_classes())
        known = then if self.undone and then else present if self._fit is None else None
        if known:
            return {
                "parameters": known.parameters,
                "n_votes": known.n_votes,
                "log_likelihood": known.log_likelihood,
            }
        return self._fit.to_json() if self._fit else None

    def _answers(self, touched: list[int]) -> Iterator[Relabel]:
        rest = iter(touched)
        while part := list(islice(rest, BATCH)):
            kept = {row.question_id: row for row in self._undone_relabels().filter(question__in=part)}
            for pk, question in Question.objects.in_bulk(part).items():
                yield self._answer(question, kept.get(pk))

    def _answer(self, question: Question, kept: Relabel | None) -> Relabel:
        """Work out one question: as it was before, where the change that is undone finds it as it left it;
        asked again, where its noun is split; by a fit of all votes; or simply by what its label became.
        """
        row = Relabel(draft=self.draft, question=question, n_votes=question.n_votes)
        for name in ANSWER:
            setattr(row, f"{name}_before", getattr(question, name))
            setattr(row, f"{name}_after", getattr(question, name))
        today = self.turn.label(question.label_id)
        row.label_after_id = today
        if kept is not None and _is_as_left(question, kept):
            for name in ANSWER:
                setattr(row, f"{name}_after", getattr(kept, f"{name}_before"))
            row.label_after_id, row.is_restored = self.turn.label(kept.label_before_id), True
        elif _is_ambiguous(question, self.turn):
            row.label_after_id, row.state_after, row.is_narrowed = (
                self.turn.stands_at,
                Question.State.OPEN,
                True,
            )
        elif question.narrowing_id is None and self._fit and self._fit.names(question.pk):
            row.label_after_id, row.confidence_after, row.state_after = self._fit.answer(
                question.pk, self.after, self.collection.policy
            )
            row.fit_after, row.is_fitted = None, True
        elif today is None and question.label_id is not None:
            row.state_after, row.confidence_after = Question.State.OPEN, None
        row.is_flip = row.label_after_id != today and not (row.is_narrowed or row.is_restored)
        return row


def _undone(draft: Draft, collection: Collection) -> Reclass | None:
    """Return what `collection` kept of the change that `draft` undoes."""
    if draft.kind != Kind.UNDO:
        return None
    return Reclass.objects.filter(draft__change=draft.arguments["change"], collection=collection).first()


def _is_ambiguous(question: Question, turn: Turn) -> bool:
    """A settled picture of the noun that is split shows one of its parts, and nobody has said which."""
    is_split = turn.split is not None and question.label_id == turn.split
    return is_split and question.state == Question.State.SETTLED


def _is_as_left(question: Question, kept: Relabel) -> bool:
    """Say whether `question` is as the change left it that kept this record. Votes that only narrowed it do not
    speak about what it was before.
    """
    if kept.is_narrowed:
        return question.narrowing_id == kept.narrowing_after_id
    left = (
        kept.n_votes,
        kept.label_after_id,
        kept.confidence_after,
        kept.state_after,
        kept.narrowing_after_id,
    )
    return left == (
        question.n_votes,
        question.label_id,
        question.confidence,
        question.state,
        question.narrowing_id,
    )


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A fit of all votes of a collection, as they count after a change."""

    fit: consensus.Fit
    place: Mapping[int, int]  # question -> item
    n_named: consensus.Ints  # (n_items,) votes that name a class
    n_votes: consensus.Ints  # (n_items,)

    def names(self, question: int) -> bool:
        """Say whether any vote on `question` names a class."""
        return question in self.place and self.n_named[self.place[question]] > 0

    def answer(self, question: int, classes: list[int], policy: consensus.Policy) -> tuple[int, float, str]:
        item = self.place[question]
        confidence = float(self.fit.confidence[item])
        decision = consensus.decide(confidence, int(self.n_named[item]), int(self.n_votes[item]), policy)
        return classes[self.fit.label[item]], confidence, Question.State.after(decision).value

    def to_json(self) -> dict[str, object]:
        return {
            "parameters": self.fit.parameters.to_json(),
            "n_votes": int(self.n_votes.sum()),
            "log_likelihood": self.fit.log_likelihood,
        }


class _Switch:
    """One collection's part of a change, as it is written: in the change's own transaction."""

    def __init__(self, reclass: Reclass, change: Change) -> None:
        self.reclass, self.change, self.collection = reclass, change, reclass.collection
        self.relabels = Relabel.objects.filter(draft=reclass.draft, question__collection=self.collection)

    def run(self) -> None:
        self._lock_questions()
        if self.reclass.before != self.reclass.after:
            classes = {synset.wnid: synset for synset in Synset.objects.filter(wnid__in=self.reclass.after)}
            self.collection.set_classes(classes[wnid] for wnid in self.reclass.after)
        Collection.objects.filter(pk=self.collection.pk).update(root=self.reclass.root_after)
        if self.reclass.fit is not None:
            self._keep_fit(self.reclass.fit)
        if self.relabels.filter(is_narrowed=True).exists():
            self._keep_narrowing()
        voted_on = self._voted_on_meanwhile()
        self._write_labels(voted_on)
        self._decide(voted_on)

    def _lock_questions(self) -> None:
        """Whoever else locks several questions does so in this order too, and waits instead of deadlocking."""
        touched = Question.objects.filter(pk__in=self.relabels.values("question"))
        list(touched.select_for_update().order_by("pk").values_list("pk"))

    def _keep_fit(self, fit: dict[str, object]) -> None:
        """Keep the parameters over the new classes as the latest fit, so that votes go on from there."""
        row = ConsensusFit.objects.create(
            collection=self.collection, classes=self.reclass.after, taxonomy_version=self.change.pk, **fit
        )
        self.relabels.filter(is_fitted=True).update(fit_after=row)

    def _keep_narrowing(self) -> None:
        narrowed = self.relabels.filter(is_narrowed=True)
        stands_at = narrowed.values_list("label_after", flat=True)[0]
        narrowing = Narrowing.objects.create(
            collection=self.collection, change=self.change, stands_at_id=stands_at
        )
        narrowing.parts.set(Synset.objects.filter(wnid__in=self.change.arguments["parts"]))
        narrowed.update(narrowing_after=narrowing)

    def _voted_on_meanwhile(self) -> set[int]:
        late = Vote.objects.filter(question__collection=self.collection, pk__gt=self.reclass.last_vote)
        return set(late.values_list("question", flat=True))

    def _write_labels(self, voted_on: set[int]) -> None:
        """Give every question that nobody voted on meanwhile its prepared answer."""
        mine = self.relabels.filter(question=OuterRef("pk"))
        answers = {name: Subquery(mine.values(f"{name}_after")[:1]) for name in ANSWER}
        keys = [pk for pk in self.relabels.values_list("question", flat=True) if pk not in voted_on]
        for start in range(0, len(keys), BATCH):
            batch = Question.objects.filter(pk__in=keys[start : start + BATCH])
            going = self.relabels.filter(question__in=batch).exclude(state_after=Question.State.OPEN)
            batch.filter(pk__in=going.values("question")).update(open_places=0)
            batch.update(**answers)
            waiting = batch.open().filter(open_places=0).exclude(pk__in=Lease.objects.values("question"))
            waiting.exclude(narrowing=None).update(open_places=self.collection.min_votes)
            waiting.filter(narrowing=None).update(open_places=1)

    def _decide(self, voted_on: set[int]) -> None:
        """Decide anew what was voted on after it was prepared: by its votes as they count now."""
        classes = self.collection.ordered_classes()
        for question in Question.objects.filter(pk__in=voted_on).order_by("pk").select_for_update():
            question.collection = self.collection
            question.decide(question.choices() if question.narrowing else classes)


# --- What a preview says ----------------------------------------------------------------------------------


def _impacts(draft: Draft, patch: Patch, turn: Turn) -> list[Impact]:
    relabels = draft.relabels.aggregate(
        n=Count("pk"),
        n_named_anew=Count("pk", filter=~Q(label_after=F("label_before"))),
        n_flips=Count("pk", filter=Q(is_flip=True)),
        n_restored=Count("pk", filter=Q(is_restored=True)),
        n_asked_again=Count(
            "pk", filter=Q(state_after=Question.State.OPEN) & ~Q(state_before=Question.State.OPEN)
        ),
    )
    votes = Vote.objects.filter(synset__in=turn.moved).aggregate(
        n=Count("pk"), who=Count("annotator", distinct=True)
    )
    names = tuple(draft.reclasses.exclude(before=F("after")).values_list("collection__name", flat=True)[:5])
    n_touched = max(_count_labels(draft, patch), relabels["n"])
    return [
        Impact("labels at these nouns or below them", n_touched, is_size=draft.kind not in WORDS),
        Impact("labels that name another noun", relabels["n_named_anew"]),
        Impact("consensus results that flip", relabels["n_flips"]),
        Impact("labels that come back as they were", relabels["n_restored"]),
        Impact("questions to ask again", relabels["n_asked_again"]),
        Impact("votes that count for another noun", votes["n"]),
        Impact("volunteers whose votes are touched", votes["who"]),
        Impact(
            "collections that ask for other nouns", draft.reclasses.exclude(before=F("after")).count(), names
        ),
    ]


def _count_labels(draft: Draft, patch: Patch) -> int:
    about = patch.wnids | ({draft.synset.wnid} if draft.synset else set())
    below = Ancestry.objects.filter(ancestor__wnid__in=about).values("descendant")
    return Question.objects.labelled().filter(label__in=below).count()
