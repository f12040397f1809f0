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
from taxonomy.changes import ChangeRefusedError
from taxonomy.dependants import Impact, OutdatedError
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
    unsplit: int | None = None  # the noun whose split is undone

    @classmethod
    def of(cls, draft: Draft, patch: Patch) -> "Turn":
        before, after = Synset.objects.resolution(), Synset.objects.resolution(patch)
        moved = {pk for pk in {*before, *after} if before.get(pk, pk) != after.get(pk, pk)}
        original, is_done = _original(draft)
        if original.kind != Kind.SPLIT:
            return cls(before, after, frozenset(moved))
        wnids = [original.arguments["synset"], *original.arguments["parts"]]
        keys = dict(Synset.objects.filter(wnid__in=wnids).values_list("wnid", "pk"))
        split, *parts = [keys[wnid] for wnid in wnids]
        moved |= {split}
        if not is_done:
            return cls(before, after, frozenset(moved), unsplit=split)
        return cls(before, after, frozenset(moved), split, tuple(parts), after.get(split, split))

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


def _original(draft: Draft) -> tuple[Draft | Change, bool]:
    """Return the change that a draft is in the end about, and whether the draft makes it or takes it back: the
    undoing of an undoing makes it again.
    """
    original: Draft | Change = draft
    is_done = True
    while original.kind == Kind.UNDO:
        original, is_done = Change.objects.get(pk=original.arguments["change"]), not is_done
    return original, is_done


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
        _lock_questions(draft)
        turn = Turn.of(draft, Patch())  # what counts as what, now that the change is made
        for reclass in draft.reclasses.select_related("collection", "root_after").order_by("collection"):
            _Switch(reclass, draft, turn).run()

    def forget(self, draft: Draft) -> None:
        draft.relabels.all().delete()
        draft.reclasses.all().delete()


def _touched_collections(turn: Turn, draft: Draft) -> list[Collection]:
    """Return the collections that ask for a noun which counts otherwise afterwards, or have labels or votes on
    one; for an undo also those that the change reclassed.
    """
    classes = Q(collectionclass__synset__among=turn.moved) | Q(root__among=turn.moved)
    undone = Q(
        pk__in=Reclass.objects.filter(draft__change=draft.arguments.get("change", 0)).values("collection")
    )
    labels = Q(pk__in=Question.objects.filter(label__among=turn.moved).values("collection"))
    votes = Q(pk__in=Vote.objects.filter(synset__among=turn.moved).values("question__collection"))
    return list(Collection.objects.filter(classes | undone | labels | votes).distinct().order_by("pk"))


class _Preparation:
    """One collection's part of a change: what its classes and its questions' labels will be."""

    def __init__(self, draft: Draft, collection: Collection, turn: Turn) -> None:
        self.draft, self.collection, self.turn = draft, collection, turn
        classes = collection.ordered_classes()
        self.before = [synset.pk for synset in classes]
        ended = collection.narrowings.filter(noun=turn.unsplit) if turn.unsplit else Narrowing.objects.none()
        self.ended = set(ended.values_list("pk", flat=True))
        self.undone = _undone(draft, collection)
        self.after = self._classes_after()
        split = [synset.pk for synset in collection.split_nouns(classes)]
        self.judged_before = [*self.before, *split]
        self.judged_after = [*self.after, *self._split_after(split)]

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

    def _split_after(self, split: list[int]) -> list[int]:
        """Return the nouns that were split and are no class, in the order of their narrowings."""
        after = [pk for pk in split if pk != self.turn.unsplit]
        if self.turn.split is not None and self.turn.split in self.before:
            after.append(self.turn.split)
        known = list(
            self.collection.narrowings.filter(noun__in=after).order_by("pk").values_list("noun", flat=True)
        )
        ordered = [*known, *(pk for pk in after if pk not in known)]
        return [pk for pk in ordered if pk not in self.after]

    def _classes_after(self) -> list[int]:
        if self.undone is None:
            return self.turn.classes(self.before)
        keys = dict(
            Synset.objects.filter(wnid__in=[*self.undone.before, *self.undone.after]).values_list(
                "wnid", "pk"
            )
        )
        then, left = ([keys[wnid] for wnid in wnids] for wnids in (self.undone.before, self.undone.after))
        # Mostly nobody chose other classes meanwhile, and those of then come back as they were.
        after = then if self.before == self._today(left) else self._give_back(then, left)
        return [pk for pk in dict.fromkeys(map(self.turn.label, after)) if pk is not None]

    def _give_back(self, then: list[int], left: list[int]) -> list[int]:
        """Return today's classes with those that the undone change took beside what they had become, and without
        those that came in their place.
        """
        after = list(self.before)
        lost, gained = (
            [pk for pk in then if pk not in left],
            self._today([pk for pk in left if pk not in then]),
        )
        for pk in lost:
            images = {*gained} if pk == self.turn.unsplit else {self.turn.before.get(pk, pk)}
            places = [place for place, each in enumerate(after) if each in images]
            if places:
                after.insert(places[0] + (after[places[0]] not in gained), pk)
        others = {self.turn.before.get(pk, pk) for pk in then if pk not in lost}
        return [pk for pk in after if pk not in gained or pk in others]

    def _today(self, classes: list[int]) -> list[int]:
        """Return what classes of the past are by now, before this change."""
        today = [self.turn.before.get(pk, pk) for pk in classes]
        return [pk for pk in dict.fromkeys(today) if pk is not None]

    def _wnids(self, keys: list[int]) -> list[str]:
        wnids = dict(Synset.objects.filter(pk__in=keys).values_list("pk", "wnid"))
        return [wnids[pk] for pk in keys]

    def _touched_questions(self) -> list[int]:
        """Return the questions whose label, or a vote on them, counts otherwise afterwards, or whose label the
        change that is undone had changed.
        """
        questions = Question.objects.filter(collection=self.collection)
        voted = Vote.objects.filter(question__collection=self.collection, synset__among=self.turn.moved)
        found = set(questions.filter(label__among=self.turn.moved).values_list("pk", flat=True))
        found |= set(voted.values_list("question", flat=True))
        found |= set(questions.filter(narrowing__in=self.ended).values_list("pk", flat=True))
        to_one = questions.open().filter(narrowing__in=self._narrowed_to_one)
        found |= set(to_one.values_list("pk", flat=True))
        found |= set(self._undone_relabels().values_list("question", flat=True))
        return sorted(found)

    def _undone_relabels(self) -> QuerySet[Relabel]:
        if self.undone is None:
            return Relabel.objects.none()
        return Relabel.objects.filter(draft=self.undone.draft_id, question__collection=self.collection)

    @cached_property
    def _fit(self) -> "_Fitted | None":
        """A fit over what is judged after; None where classes merely change their nouns, which changes no number."""
        renamed = [self.turn.after.get(pk, pk) for pk in self.judged_before]
        if self.judged_after == renamed and not self._gains_votes():
            return None
        votes, keys, n_votes, n_answers = Vote.objects.as_arrays(
            self.collection, self.judged_after, self.turn.after
        )
        fit = consensus.fit(votes, len(keys.questions), len(self.judged_after))
        n_named = np.bincount(votes.item, minlength=len(keys.questions))
        place = {pk: i for i, pk in enumerate(keys.questions)}
        return _Fitted(fit, place, n_named, n_answers, int(n_votes.sum()))

    def _gains_votes(self) -> bool:
        """Say whether votes that named no class name one after the change."""
        others = self.turn.moved - set(self.judged_before)
        gained = [pk for pk in others if self.turn.after.get(pk, pk) in self.judged_after]
        return Vote.objects.filter(question__collection=self.collection, synset__among=gained).exists()

    @cached_property
    def _narrowed_to_one(self) -> dict[int, int]:
        """Return for each narrowing with one part left after the change which class that is."""
        found = {}
        for narrowing in self.collection.narrowings.standing().exclude(pk__in=self.ended):
            parts = {self.turn.label(pk) for pk in narrowing.parts.values_list("pk", flat=True)} - {None}
            below = Ancestry.objects.filter(ancestor__among=parts).values_list("descendant", flat=True)
            choices = [pk for pk in self.after if pk in {*parts, *below}]
            if len(choices) == 1:
                found[narrowing.pk] = choices[0]
        return found

    def _keep_reclass(self) -> None:
        Reclass.objects.create(
            draft=self.draft,
            collection=self.collection,
            root_before_id=self.collection.root_id,
            root_after_id=self._root_after(),
            before=self._wnids(self.before),
            after=self._wnids(self.after),
            fit=self._parameters(),
            moved=sorted(self.turn.moved),
        )

    def _root_after(self) -> int:
        root = self.collection.root_id
        if self.undone and root == self.turn.before.get(self.undone.root_after_id, self.undone.root_after_id):
            root = self.undone.root_before_id
        return self.turn.label(root) or self.collection.root_id

    def _parameters(self) -> dict[str, object] | None:
        """Return what a fit over the classes after goes on from: the one of then, where a change is undone; the
        present one, where classes merely change their nouns; or a new one.
        """
        wnids = self._wnids(self.judged_after)
        then = self.collection.fits.filter(classes=wnids).order_by("-pk").first()
        present = self.collection.fit_over(self.collection.judged_classes())
        known = then if self.undone and then else present if self._fit is None else None
        if known:
            return {
                "classes": wnids,
                "parameters": known.parameters,
                "n_votes": known.n_votes,
                "log_likelihood": known.log_likelihood,
            }
        return {"classes": wnids, **self._fit.to_json()} if self._fit else None

    def _answers(self, touched: list[int]) -> Iterator[Relabel]:
        rest = iter(touched)
        while part := list(islice(rest, BATCH)):
            kept = {row.question_id: row for row in self._undone_relabels().filter(question__among=part)}
            for pk, question in Question.objects.in_bulk(part).items():
                yield self._answer(question, kept.get(pk))

    def _answer(self, question: Question, kept: Relabel | None) -> Relabel:
        """Work out one question: as it was before, where the change that is undone finds it as it left it;
        asked again, where its noun is split; by a fit of all votes; or simply by what its label became.
        """
        row = Relabel(draft=self.draft, question=question, n_votes=question.n_votes)
        for name in ANSWER:
            setattr(row, _column(name, "_before"), getattr(question, _column(name)))
            setattr(row, _column(name, "_after"), getattr(question, _column(name)))
        today = self.turn.label(question.label_id)
        row.label_after_id = today
        if question.narrowing_id in self.ended:
            row.narrowing_after = None
        if kept is not None and _is_as_left(question, kept):
            for name in ANSWER:
                setattr(row, _column(name, "_after"), getattr(kept, _column(name, "_before")))
            row.label_after_id, row.is_restored = self.turn.label(kept.label_before_id), True
        elif question.state == Question.State.OPEN and question.narrowing_id in self._narrowed_to_one:
            row.label_after_id = self._narrowed_to_one[question.narrowing_id]
            row.state_after = Question.State.SETTLED
        elif _is_ambiguous(question, self.turn):
            self._narrow(row)
        elif row.narrowing_after_id is None and self._fit and self._fit.names(question.pk):
            row.label_after_id, row.confidence_after, row.state_after = self._fit.answer(
                question.pk, self.judged_after, self.collection.policy
            )
            row.fit_after, row.is_fitted = None, True
            if row.label_after_id == self.turn.split and row.state_after == Question.State.SETTLED:
                self._narrow(row)
            elif row.label_after_id not in self.after:
                self._stand(row)
        elif today is None and question.label_id is not None:
            row.state_after, row.confidence_after = Question.State.OPEN, None
        row.is_flip = row.label_after_id != today and not (row.is_narrowed or row.is_restored)
        return row

    def _narrow(self, row: Relabel) -> None:
        row.label_after_id, row.state_after, row.is_narrowed = self.turn.stands_at, Question.State.OPEN, True

    def _stand(self, row: Relabel) -> None:
        """The votes say a noun that was split: the label is what its pictures stand at, and once that is sure, its
        parts are asked for.
        """
        if row.label_after_id == self.turn.split:
            row.label_after_id = self.turn.stands_at
            return
        narrowing = self.collection.narrowings.get(noun=row.label_after_id)
        row.label_after_id = self.turn.label(narrowing.stands_at_id)
        if row.state_after == Question.State.SETTLED:
            row.narrowing_after, row.state_after = narrowing, Question.State.OPEN


def _column(name: str, when: str = "") -> str:
    """Return the attribute that holds a part of an answer: of a foreign key its number, which costs no query."""
    return f"{name}{when}_id" if name in {"label", "fit", "narrowing"} else f"{name}{when}"


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
    n_answers: consensus.Ints  # (n_items,) votes that answer what it shows, "cannot tell" included
    n_votes: int

    def names(self, question: int) -> bool:
        """Say whether any vote on `question` names a class."""
        return question in self.place and self.n_named[self.place[question]] > 0

    def answer(self, question: int, classes: list[int], policy: consensus.Policy) -> tuple[int, float, str]:
        item = self.place[question]
        confidence = float(self.fit.confidence[item])
        decision = consensus.decide(confidence, int(self.n_named[item]), int(self.n_answers[item]), policy)
        return classes[self.fit.label[item]], confidence, Question.State.after(decision).value

    def to_json(self) -> dict[str, object]:
        return {
            "parameters": self.fit.parameters.to_json(),
            "n_votes": self.n_votes,
            "log_likelihood": self.fit.log_likelihood,
        }


def _lock_questions(draft: Draft) -> None:
    """Whoever else locks several questions does so in this order too, and waits instead of deadlocking."""
    touched = Question.objects.filter(pk__in=draft.relabels.values("question"))
    list(touched.select_for_update().order_by("pk").values_list("pk"))


class _Switch:
    """One collection's part of a change, as it is written: in the change's own transaction."""

    def __init__(self, reclass: Reclass, draft: Draft, turn: Turn) -> None:
        self.reclass, self.draft, self.turn, self.collection = reclass, draft, turn, reclass.collection
        self.relabels = Relabel.objects.filter(draft=draft, question__collection=self.collection)

    def run(self) -> None:
        self._set_classes()
        Collection.objects.filter(pk=self.collection.pk).update(root=self.reclass.root_after)
        self._keep_narrowings()
        if self.reclass.fit is not None:
            self._keep_fit(self.reclass.fit)
        late = set(self.relabels.exclude(n_votes=F("question__n_votes")).values_list("question", flat=True))
        self._drop_leases()
        self._write_labels(late)
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
        was_asked_for = Synset.objects.filter(pk=self.turn.split, wnid__in=self.reclass.before).exists()
        if not was_asked_for and not self.relabels.filter(is_narrowed=True).exists():
            return
        narrowing, _made = Narrowing.objects.update_or_create(
            collection=self.collection,
            noun_id=self.turn.split,
            defaults={"stands_at_id": self.turn.stands_at, "is_over": False},
        )
        narrowing.parts.set(self.turn.parts)
        self.relabels.filter(is_narrowed=True).update(narrowing_after=narrowing)

    def _keep_fit(self, fit: dict[str, object]) -> None:
        """Keep the parameters over the new classes as the latest fit, so that votes go on from there."""
        row = ConsensusFit.objects.create(
            collection=self.collection, taxonomy_version=Change.objects.version(), **fit
        )
        self.relabels.filter(is_fitted=True, is_narrowed=False).update(fit_after=row)

    def _drop_leases(self) -> None:
        """Whoever was just asked another question about a picture is told to look again."""
        same = Q(narrowing_before=F("narrowing_after")) | Q(narrowing_before=None, narrowing_after=None)
        Lease.objects.filter(question__in=self.relabels.exclude(same).values("question")).delete()

    def _write_labels(self, late: set[int]) -> None:
        """Give every question that nobody voted on meanwhile its prepared answer."""
        mine = self.relabels.filter(question=OuterRef("pk"))
        answers = {name: Subquery(mine.values(f"{name}_after")[:1]) for name in ANSWER}
        keys = [pk for pk in self.relabels.values_list("question", flat=True) if pk not in late]
        for start in range(0, len(keys), BATCH):
            batch = Question.objects.filter(pk__in=keys[start : start + BATCH])
            going = self.relabels.filter(question__in=batch).exclude(state_after=Question.State.OPEN)
            batch.filter(pk__in=going.values("question")).update(open_places=0)
            batch.update(**answers)
            waiting = batch.open().filter(open_places=0).exclude(pk__in=Lease.objects.values("question"))
            waiting.exclude(narrowing=None).update(open_places=self.collection.min_votes)
            waiting.filter(narrowing=None).update(open_places=1)

    def _not_prepared(self) -> set[int]:
        """Return the questions that came to be touched after the change was prepared."""
        votes = Vote.objects.filter(question__collection=self.collection, synset__among=self.reclass.moved)
        labels = Question.objects.filter(collection=self.collection, label__among=self.reclass.moved)
        ended = Question.objects.filter(collection=self.collection, narrowing__is_over=True)
        touched = set(votes.values_list("question", flat=True)) | set(labels.values_list("pk", flat=True))
        touched |= set(ended.values_list("pk", flat=True))
        return touched - set(self.relabels.values_list("question", flat=True))

    def _decide(self, late: set[int]) -> None:
        """Decide by their votes, as they count now, what was not prepared or was voted on since."""
        relabels = {row.question_id: row for row in self.relabels.filter(question__among=late)}
        for question in Question.objects.filter(pk__among=late).order_by("pk").select_for_update():
            question.collection = self.collection
            if question.pk in relabels:
                question.narrowing = relabels[question.pk].narrowing_after
            if question.narrowing and question.narrowing.is_over:
                question.narrowing = None
            question.decide()


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
    votes = Vote.objects.filter(synset__among=turn.moved).aggregate(
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
    below = Ancestry.objects.filter(ancestor__wnid__among=about).values("descendant")
    return Question.objects.labelled().filter(label__in=below).count()
