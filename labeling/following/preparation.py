"""One collection's part of a change, worked out beforehand."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from labeling.following.fitted import Fitted
from labeling.following.turn import Turn
from labeling.models import Choices, Collection, ConsensusFit, Narrowing, Question, Reclass, Relabel, Vote
from labeling.models.fits import known_as_json
from labeling.starting import Policies
from taxonomy.changes import ChangeRefusedError
from taxonomy.models import Ancestry, Draft, Synset
from taxonomy.models.ledger import Kind

BATCH = 2000  # questions worked out at a time; between batches the worker says that it lives


class Preparation:
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
        self.counts_as = collection.counts_as({*self.judged_after}, turn.after, self._undone_narrowings())
        parts = Synset.objects.filter(pk__in=ended.values("parts")).values_list("pk", flat=True)
        # What counts as another noun, comes to be a class, or is one no more.
        self.moved = turn.moved | ({*self.before} ^ {*self.after}) | ({*parts} - {*self.after})

    def run(self) -> None:
        if not self.after:
            raise ChangeRefusedError(
                _(
                    "Expected that every collection keeps a class; found that %(collection)s would be left "
                    "without."
                )
                % {"collection": self.collection}
            )
        self._refuse_nouns_left_for_nothing()
        answers = self._answers(self._touched_questions())
        while batch := list(islice(answers, BATCH)):
            with transaction.atomic():
                self.draft.beat()
                Relabel.objects.bulk_create(batch)
        with transaction.atomic():
            self.draft.beat()
            self._keep_reclass()

    def _refuse_nouns_left_for_nothing(self) -> None:
        """What a collection is about, and what its pictures stand at until they are narrowed, has to be a noun."""
        root = self._root_after()
        stands_at = self._standing_after().values_list("stands_at", flat=True)
        for pk in (root, *stands_at, self.turn.stands_at):
            if pk is not None and self.turn.label(pk) is None:
                raise ChangeRefusedError(
                    _(
                        "Expected that %(found)s becomes another noun, since %(collection)s uses it; found that "
                        "it would become none. Merge it into another noun instead."
                    )
                    % {"found": Synset.objects.get(pk=pk), "collection": self.collection}
                )

    def _split_after(self, split: list[int]) -> list[int]:
        """Return the nouns that were split and are no class, in the order of their narrowings."""
        after = [pk for pk in split if pk != self.turn.unsplit]
        if self.turn.split is not None and self._is_known(self.turn.split):
            after.append(self.turn.split)
        known = list(
            self.collection.narrowings.filter(noun__in=after).order_by("pk").values_list("noun", flat=True)
        )
        ordered = [*known, *(pk for pk in after if pk not in known)]
        return [pk for pk in ordered if pk not in self.after]

    def _standing_after(self) -> QuerySet[Narrowing]:
        """Return the narrowings of splits that stand after the change, but for one that it begins."""
        return self.collection.narrowings.standing().exclude(pk__in=self.ended)

    def _undone_narrowings(self) -> QuerySet[Narrowing]:
        """Return the narrowings of splits that stand no more after the change."""
        over = self.collection.narrowings.filter(Q(is_over=True) | Q(pk__in=self.ended))
        return over.exclude(noun=self.turn.split) if self.turn.split else over

    def _is_known(self, noun: int) -> bool:
        """Say whether the collection asks or asked for `noun`, or has pictures of it: then it is narrowed."""
        was_class = noun in self.before and noun not in self.after
        if was_class or self.collection.narrowings.filter(noun=noun).exists():
            return True
        return self._is_narrowing and self.collection.questions.settled().filter(label=noun).exists()

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
        if self.before == self._today(left):
            after = [each for pk in then for each in (self._today([pk]) if pk in self._parts else [pk])]
        elif self.turn.is_undoing:
            after = self._give_back(then, left)
        else:
            return self.turn.classes(self.before)
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
            images = gained if pk == self.turn.unsplit else self._today([pk])
            places = [place for place, each in enumerate(after) if each in images]
            if places:
                after.insert(places[0] + (after[places[0]] not in gained), pk)
        others = self._today([pk for pk in then if pk not in lost])
        return [pk for pk in after if pk not in gained or pk in others]

    def _today(self, classes: list[int], seen: frozenset[int] = frozenset()) -> list[int]:
        """Return what classes of the past are by now, before this change: what they have become, or their parts."""
        today = []
        for pk in classes:
            noun = pk if pk in self._parts else self.turn.before.get(pk, pk)
            if noun is not None:
                parts = None if noun in seen else self._parts.get(noun)
                today += [noun] if parts is None else self._today(parts, seen | {noun})
        return list(dict.fromkeys(today))

    @cached_property
    def _policies(self) -> Policies:
        return Policies(self.collection, Choices.now(self.collection))

    @cached_property
    def _parts(self) -> dict[int, list[int]]:
        """Return the parts of each noun whose split stays and which is no class today, as the classes are ordered."""
        place = {pk: i for i, pk in enumerate(self.before)}
        return {
            each.noun_id: sorted(
                each.parts.order_by("pk").values_list("pk", flat=True),
                key=lambda pk: place.get(self.turn.before.get(pk, pk) or 0, len(place)),
            )
            for each in self._standing_after().exclude(noun__in=self.before)
        }

    def _wnids(self, keys: list[int]) -> list[str]:
        wnids = dict(Synset.objects.filter(pk__in=keys).values_list("pk", "wnid"))
        return [wnids[pk] for pk in keys]

    def _touched_questions(self) -> list[int]:
        """Return the questions whose label, or a vote on them, counts otherwise afterwards, or whose label the
        change that is undone had changed.
        """
        questions = Question.objects.filter(collection=self.collection)
        voted = Vote.objects.filter(question__collection=self.collection, synset__among=self.moved)
        found = set(questions.filter(label__among=self.moved).values_list("pk", flat=True))
        found |= set(voted.values_list("question", flat=True))
        found |= set(questions.filter(narrowing__in=self.ended).values_list("pk", flat=True))
        few = [pk for pk, choices in self._choices.items() if len(choices) < 2]
        found |= set(questions.open().filter(narrowing__in=few).values_list("pk", flat=True))
        for narrowing, choices in self._choices.items():
            others = questions.settled().filter(narrowing=narrowing).exclude(label__among=choices)
            found |= set(others.values_list("pk", flat=True))
        found |= set(self._undone_relabels().values_list("question", flat=True))
        return sorted(found)

    def _undone_relabels(self) -> QuerySet[Relabel]:
        if self.undone is None:
            return Relabel.objects.none()
        return Relabel.objects.filter(draft=self.undone.draft_id, question__collection=self.collection)

    @cached_property
    def _fit(self) -> "Fitted | None":
        """A fit over what is judged after; None where classes merely change their nouns, which changes no number."""
        renamed = [self.turn.after.get(pk, pk) for pk in self.judged_before]
        if self.judged_after == renamed and not self._gains_votes():
            return None
        return Fitted.of(self.collection, self.turn, self.after, self.judged_after, self.counts_as)

    def _gains_votes(self) -> bool:
        """Say whether votes that named no class name one after the change."""
        others = self.moved - set(self.judged_before)
        gained = [pk for pk in others if self.counts_as.get(pk, pk) in self.judged_after]
        return Vote.objects.filter(question__collection=self.collection, synset__among=gained).exists()

    @cached_property
    def _narrowed_to_one(self) -> dict[int, int]:
        """Return for each narrowing with one part left after the change which class that is."""
        return {pk: choices[0] for pk, choices in self._choices.items() if len(choices) == 1}

    @cached_property
    def _choices(self) -> dict[int, list[int]]:
        """Return for each narrowing the classes that it asks for after the change."""
        standing = self._standing_after()
        return {each.pk: self._among(each.parts.values_list("pk", flat=True)) for each in standing}

    @cached_property
    def _is_narrowing(self) -> bool:
        """Whether any part of the noun that is split is asked for after the change."""
        return bool(self._among(self.turn.parts))

    def _among(self, parts: Iterable[int]) -> list[int]:
        """Return the classes after the change that are one of `parts`, or a kind of one."""
        today = {self.turn.label(pk) for pk in parts} - {None}
        below = Ancestry.objects.filter(ancestor__among=today).values_list("descendant", flat=True)
        found = {*today, *below}
        return [pk for pk in self.after if pk in found]

    def _keep_reclass(self) -> None:
        Reclass.objects.create(
            draft=self.draft,
            collection=self.collection,
            root_before_id=self.collection.root_id,
            root_after_id=self._root_after(),
            before=self._wnids(self.before),
            after=self._wnids(self.after),
            fit=self._parameters(),
            moved=sorted(self.moved),
        )

    def _root_after(self) -> int:
        root = self.collection.root_id
        if self.undone and root == self.turn.before.get(self.undone.root_after_id, self.undone.root_after_id):
            root = self.undone.root_before_id
        return root if (today := self.turn.label(root)) is None else today

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
                "skills": self._skills(known),
            }
        return {"classes": wnids, **self._fit.to_json()} if self._fit else None

    def _skills(self, fit: ConsensusFit) -> list[list[Any]]:
        """Return what `fit` has learnt of annotators: as it is kept, or was when what is undone was done."""
        if self.undone and self.undone.known_before and self.undone.known_before["fit"] == fit.pk:
            skills: list[list[Any]] = self.undone.known_before["skills"]
            return skills
        return known_as_json(self.collection.skills.filter(fit=fit).known())

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
        row = self._unchanged(question)
        today = row.label_after_id = self._label(question.label_id)
        if question.narrowing_id in self.ended:
            row.narrowing_after = None
        if kept is not None and is_as_left(question, kept) and self._stands(kept.narrowing_before_id):
            self._restore(row, kept)
        elif question.state == Question.State.OPEN and question.narrowing_id in self._narrowed_to_one:
            row.label_after_id = self._narrowed_to_one[question.narrowing_id]
            row.state_after = Question.State.SETTLED
        elif question.state == Question.State.OPEN and self._choices.get(question.narrowing_id or 0) == []:
            row.state_after = Question.State.UNDECIDED
        elif _is_ambiguous(question, self.turn):
            self._narrow(row)
        elif row.narrowing_after_id is None and self._fit and self._fit.names(question.pk):
            row.label_after_id, row.confidence_after, row.state_after = self._fit.answer(
                question.pk, self.judged_after, self._policies
            )
            row.fit_after, row.is_fitted = None, not self._fit.is_gold(question.pk)
            if row.label_after_id == self.turn.split and row.state_after == Question.State.SETTLED:
                self._narrow(row)
            elif row.label_after_id in self.judged_after[len(self.after) :]:
                self._stand(row)
        elif question.label_id is not None and (today is None or self._is_gone(question.label_id, today)):
            self._forget(row)
        choices = self._choices.get(row.narrowing_after_id or 0)
        if (
            choices is not None
            and row.state_after == Question.State.SETTLED
            and row.label_after_id not in choices
        ):
            self._forget(row)
        row.is_flip = row.label_after_id != today and not (row.is_narrowed or row.is_restored)
        return row

    def _unchanged(self, question: Question) -> Relabel:
        row = Relabel(draft=self.draft, question=question, n_votes=question.n_votes)
        for name in Relabel.ANSWER:
            setattr(row, column(name, "_before"), getattr(question, column(name)))
            setattr(row, column(name, "_after"), getattr(question, column(name)))
        return row

    def _restore(self, row: Relabel, kept: Relabel) -> None:
        """Have the question be again as it was before the change that is undone."""
        for name in Relabel.ANSWER:
            setattr(row, column(name, "_after"), getattr(kept, column(name, "_before")))
        row.label_after_id, row.is_restored = self.turn.label(kept.label_before_id), True

    def _label(self, label: int | None) -> int | None:
        """Return the label of a picture that was labelled so and has nothing else to go by."""
        today = self.turn.label(label)
        return today if today is None or today in self.after else self.counts_as.get(today, today)

    def _is_gone(self, label: int, today: int) -> bool:
        """Say whether `label` was a class, and nothing that is asked for stands in its place."""
        return label in self.before and label not in self.after and today not in self.judged_after

    def _forget(self, row: Relabel) -> None:
        """Its votes say nothing any more, so it is asked again, if anything is left to answer."""
        narrowing = row.narrowing_after
        row.label_after_id = self.turn.label(narrowing.stands_at_id) if narrowing else None
        row.state_after, row.confidence_after, row.fit_after = Question.State.OPEN, None, None
        if narrowing and self._choices.get(narrowing.pk) == []:
            row.state_after = Question.State.UNDECIDED

    def _stands(self, narrowing: int | None) -> bool:
        """Say whether pictures may be asked this after the change: its split was not undone since."""
        if narrowing is None or narrowing in self._choices:
            return True
        return self.collection.narrowings.filter(pk=narrowing, noun=self.turn.split).exists()

    def _narrow(self, row: Relabel) -> None:
        row.label_after_id = self.turn.label(self.turn.stands_at)
        row.is_narrowed = self._is_narrowing
        row.state_after = Question.State.OPEN if row.is_narrowed else Question.State.UNDECIDED

    def _stand(self, row: Relabel) -> None:
        """The votes say a noun that was split: the label is what its pictures stand at, and once that is sure, its
        parts are asked for, or it is given up where none is left.
        """
        if row.label_after_id == self.turn.split:
            row.label_after_id = self.turn.label(self.turn.stands_at)
            return
        narrowing = self.collection.narrowings.get(noun=row.label_after_id)
        row.label_after_id = self.turn.label(narrowing.stands_at_id)
        if row.state_after == Question.State.SETTLED and self._choices[narrowing.pk]:
            row.narrowing_after, row.state_after = narrowing, Question.State.OPEN
        elif row.state_after == Question.State.SETTLED:
            row.state_after = Question.State.UNDECIDED


def column(name: str, when: str = "") -> str:
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


def is_as_left(question: Question, kept: Relabel) -> bool:
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
