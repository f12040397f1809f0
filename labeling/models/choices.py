"""What votes are weighed over: read once, kept in this process, and read anew when any of it has changed."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
from django.db import transaction

from labeling import broader, consensus
from labeling.coarse import Tree
from labeling.gain import NextVote
from labeling.models.collections import VERIFIED, Collection, Narrowing
from labeling.models.fits import Skill
from labeling.models.targets import Target
from taxonomy.models import Ancestry, Change, Synset

MOST_KEPT = 256  # collections and narrowings, each as of one version


@dataclass(frozen=True, eq=False)
class Narrower:
    """What becomes of a picture whose votes say a noun that was split."""

    narrowing: int
    label: Synset  # until it is narrowed
    has_parts: bool  # that can be asked for


@dataclass(frozen=True, eq=False)
class Choices:
    """The nouns among which the questions of a collection decide, or those of one narrowing; a noun's place is what
    arrays call `label`. Nothing in here changes.
    """

    synsets: tuple[Synset, ...]
    split: Mapping[int, Narrower]  # by the place of a noun that was split, behind the classes
    becomes: Mapping[int, int | None]  # what votes for other nouns count as: see Collection.counts_as
    parameters: consensus.Parameters | None  # None without any noun
    fit: int | None  # the fit that found the parameters
    undecided: Synset | None  # of a narrowing: the label until its question is settled
    # Where a whole collection is asked for: each noun that some of the classes are below, with their places, by key,
    # those first that are answers; arrays call the k-th of them `len(synsets) + k`;
    broader: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    # those of them that are answers too, one with more classes below it first;
    inner: tuple[Synset, ...] = ()
    # and the lowest of these above each class that is offered and each other of them, by key.
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    network: int | None = None  # that helps to decide, by the fit that found the parameters
    # By how much the targets of nouns are shifted, by key, and that of all others, where there is a starter set.
    shifts: Mapping[int, float] = field(default_factory=dict)
    shift: float = 0.0

    @classmethod
    def of(cls, collection: Collection, narrowing: int | None, version: int) -> "Choices":
        """Return what stands at this version of the taxonomy, from this process's memory where it has it.

        Call it with the taxonomy held still, and not while it is being changed.
        """
        return _kept(collection.pk, collection.revision, collection.latest_fit_id, narrowing, version)

    @classmethod
    def now(cls, collection: Collection, narrowing: int | None = None) -> "Choices":
        """Return what stands at this moment, for whoever does not hold the taxonomy still."""
        with transaction.atomic():
            Change.objects.hold_still()
            return cls.of(collection, narrowing, Change.objects.version())

    @classmethod
    def read(cls, collection: Collection, narrowing: Narrowing | None) -> Self:
        if collection.is_verifying:
            return cls._read_verifying(collection)
        becomes = Synset.objects.resolution()
        if narrowing is not None:
            synsets = narrowing.choices()
            parameters = consensus.Parameters.start(len(synsets)) if synsets else None
            counts_as = collection.counts_as({synset.pk for synset in synsets}, becomes)
            return cls(tuple(synsets), {}, counts_as, parameters, None, narrowing.label)
        classes = collection.ordered_classes()
        split = collection.split_nouns(classes)
        synsets = [*classes, *split]
        fit = collection.fit_over(synsets)
        start = consensus.Parameters.start(len(synsets)) if synsets else None
        narrowers = {
            place: Narrower(each.pk, each.label, bool(each.choices()))
            for place, each in enumerate(split.values(), start=len(classes))
        }
        between, inner = read_hierarchy(
            collection.root_id,
            [synset.pk for synset in synsets],
            [[synset.pk] for synset in (*classes, *(each.label for each in narrowers.values()))],
            {place for place, synset in enumerate(classes) if synset.is_askable},
        )
        return cls(
            tuple(synsets),
            narrowers,
            collection.counts_as({synset.pk for synset in synsets}, becomes),
            consensus.Parameters.from_json(fit.parameters) if fit else start,
            fit.pk if fit else None,
            None,
            between.places,
            inner,
            between.parents,
            fit.network_id if fit and fit.uses_predictions else None,
            *read_shifts(collection),
        )

    @classmethod
    def _read_verifying(cls, collection: Collection) -> Self:
        """Where each question is about one of the nouns. One that was split is asked about no more."""
        synsets = collection.ordered_classes()
        split = set(collection.narrowings.standing().values_list("noun", flat=True))
        fit = collection.fit_over(synsets)
        parameters = consensus.Parameters.from_json(fit.parameters) if fit else None
        shifts, shift = read_shifts(collection)
        return cls(
            tuple(synsets),
            {},
            Synset.objects.resolution(split=split),
            parameters or consensus.Parameters.start(len(VERIFIED)),
            fit.pk if fit else None,
            None,
            shifts=shifts,
            shift=shift,
        )

    def settling(self, policy: consensus.Policy, noun: Synset | None) -> consensus.Policy:
        """Return the policy by which a label that is `noun`, or a question about it, settles."""
        by = self._shift_of.get(noun.pk, self.shift) if noun else self.shift
        return policy.shifted(by) if by else policy

    def settling_as(self, policy: consensus.Policy, noun: int | None) -> consensus.Policy:
        """The same of a noun by its key, which may be none of these any more."""
        place = self.place(noun)
        return self.settling(policy, None if place is None else self.synsets[place])

    @cached_property
    def _shift_of(self) -> dict[int, float]:
        """The shifts as their nouns count today; of several that have become one, the highest."""
        found: dict[int, float] = {}
        for pk, shift in self.shifts.items():
            today = self.becomes.get(pk, pk)
            if today is not None:
                found[today] = max(shift, found.get(today, shift))
        return found

    def about(self, synset: int | None) -> Synset | None:
        """Return the noun that a question made about this one asks about today; None if it is asked no more."""
        place = self.place(synset)
        return None if place is None else self.synsets[place]

    def asked_as(self, noun: Synset) -> list[int]:
        """Return the nouns whose questions ask about `noun` today: itself, and what has become it."""
        return [noun.pk, *(pk for pk, today in self.becomes.items() if today == noun.pk)]

    @cached_property
    def not_asked_about(self) -> list[int]:
        """The nouns whose questions ask about one that is sensitive or cannot be seen."""
        return [pk for noun in self.synsets if not noun.is_askable for pk in self.asked_as(noun)]

    def place(self, synset: int | None) -> int | None:
        """Return the place of a noun, by its primary key, as it counts today; None if it is none of these."""
        if synset is not None and synset not in self._places:
            synset = self.becomes.get(synset, synset)
        return None if synset is None else self._places.get(synset)

    @cached_property
    def _places(self) -> dict[int, int]:
        return {synset.pk: place for place, synset in enumerate(self.synsets)}

    def answer(self, synset: int | None) -> int | None:
        """Return what arrays call a noun as it counts today: its place, or that of a noun that classes are below;
        None if it is none of either.
        """
        place = self.place(synset)
        if place is not None or synset is None:
            return place
        group = self._group_of.get(self.becomes.get(synset, synset) or 0)
        return None if group is None else len(self.synsets) + group

    def own(self, annotators: Iterable[int]) -> dict[int, consensus.Floats]:
        """Return the own confusions of those of these annotators, by key, who have one in the fit that found the
        parameters. Each annotator's is read once.
        """
        asked = list(annotators)
        unread = [who for who in asked if who not in self._own] if self.fit else []
        if unread:
            kept = Skill.objects.filter(fit=self.fit, annotator__in=unread)
            found = {skill.annotator_id: skill.own_confusion() for skill in kept}
            self._own.update({who: found.get(who) for who in unread})
        return {who: own for who in asked if (own := self._own.get(who)) is not None}

    @cached_property
    def _own(self) -> dict[int, consensus.Floats | None]:
        return {}  # grows as annotators vote, so that no process reads those of all at once

    def foretold(self, likeliest: Iterable[tuple[int, float]]) -> consensus.Floats:
        """Return what a network says of a picture, (n_classes,), 0 or more and summing to 1: of nouns, by their keys
        and as they count today, which probability each has. An inner noun's is shared out evenly among its classes,
        and what is left among those that are not named.
        """
        n_classes = len(self.synsets)
        q, is_named = np.zeros(n_classes), np.zeros(n_classes, dtype=np.bool_)
        for noun, probability in likeliest:
            answer = self.answer(noun)
            if answer is None:
                continue  # it is none of these any more: its share is among what is left
            places = [answer] if answer < n_classes else self.tree[answer - n_classes]
            q[places] += probability / len(places)
            is_named[places] = True
        rest = max(0.0, 1 - float(q.sum()))
        if not is_named.all():
            q[~is_named] += rest / (~is_named).sum()
        found: consensus.Floats = q / q.sum()
        return found

    def weigh(
        self,
        said: Mapping[int, int],
        skills: Mapping[int, float],
        log_q: consensus.Floats | None = None,
        blur: float = 0.0,
    ) -> consensus.Floats:
        """Return the posterior of a question on which annotators said this: places, or those of `tree`, by their
        keys. skills: of those who have one; the others are newcomers. log_q: ln of what a network says, where it
        helps. blur: P(a vote is a guess).
        """
        parameters = self.parameters
        if parameters is None:
            raise ValueError("parameters: expected nouns to weigh; found none.")
        own = self.own(said)
        return consensus.posterior(
            np.array(list(said.values()), dtype=np.int64),
            np.array([skills.get(who, parameters.newcomer_skill) for who in said], dtype=np.float64),
            parameters,
            self.tree,
            {vote: own[who] for vote, who in enumerate(said) if who in own},
            log_q,
            blur,
        )

    def blur(self, n_unsure: int, n_said: int) -> float:
        """Return P(a vote is a guess) where `n_unsure` people cannot tell, and `n_said` name something."""
        return self.parameters.blur(n_unsure, n_said) if self.parameters else 0.0

    def gain(self, posterior: consensus.Floats, n_named: int, n_votes: int) -> float:
        """Return what one more vote is worth on a question with this posterior; see labeling.gain."""
        return self._next_vote.gain(posterior, n_named, n_votes)

    @cached_property
    def _next_vote(self) -> NextVote:
        if self.parameters is None:
            raise ValueError("parameters: expected nouns to weigh; found none.")
        return NextVote.of(self.parameters)

    @cached_property
    def tree(self) -> Tree:
        """The classes below each noun of `broader`."""
        return Tree.of([*self.broader.values()])

    @cached_property
    def _group_of(self) -> dict[int, int]:
        return {pk: group for group, pk in enumerate(self.broader)}

    def is_above(self, noun: int, other: int | None) -> bool:
        """Say whether all classes that are `other`, or below it, are below a noun that is no class; each by its key
        and as it counts today.
        """
        if noun == other or self.place(noun) is not None:
            return False
        below = self._below(other)
        return bool(below) and below <= self._below(noun)

    def _below(self, noun: int | None) -> frozenset[int]:
        """Return the places of the classes below a noun, or of itself where it is one."""
        answer = self.answer(noun)
        if answer is None or answer < len(self.synsets):
            return frozenset() if answer is None else frozenset([answer])
        return frozenset(self.tree[answer - len(self.synsets)].tolist())

    @cached_property
    def by_wnid(self) -> dict[str, Synset]:
        return {synset.wnid: synset for synset in (*self.inner, *self.synsets)}

    def offers(self, synset: int) -> bool:
        """Say whether a noun, by its key and as it counts today, is an answer: a class or an inner noun."""
        answer = self.answer(synset)
        if answer is None or answer < len(self.synsets):
            return answer in self._offered_places
        return answer < len(self.synsets) + len(self.inner)

    def offered_below(self, inner: Synset) -> list[int]:
        """Return the places of the classes below an inner noun that volunteers are asked for."""
        return [place for place in self.broader[inner.pk] if place in self._offered_places]

    @cached_property
    def _offered_places(self) -> frozenset[int]:
        return frozenset(p for p, s in enumerate(self.synsets) if s.is_askable and p not in self.split)

    @cached_property
    def offered(self) -> list[Synset]:
        """The nouns that volunteers are asked for: none that was split, is sensitive or cannot be seen."""
        return [self.synsets[place] for place in sorted(self._offered_places)]


def read_shifts(collection: Collection) -> tuple[dict[int, float], float]:
    """Return the shifts of the targets of nouns, by key, and that of all together; no query without a starter set."""
    if not collection.n_starters:
        return {}, 0.0
    rows = list(Target.objects.filter(collection=collection).values_list("noun", "shift"))
    of_all = [shift for noun, shift in rows if noun is None]
    return {noun: shift for noun, shift in rows if noun is not None}, of_all[0] if of_all else 0.0


def read_hierarchy(
    root: int, judged: Sequence[int], stand_at: Sequence[Iterable[int]], offered: AbstractSet[int]
) -> tuple[broader.Hierarchy, tuple[Synset, ...]]:
    """Return what lies between `root` and what votes are weighed over, and the inner nouns as rows.

    judged: the nouns, by place. stand_at: for each the nouns where it is found in the tree: itself, or what pictures
    of it are labelled where it was split. offered: the places that volunteers are asked for. Costs three queries,
    which bring what is above these nouns and nothing beside it.
    """
    places: dict[int, list[int]] = {}
    for place, nouns_there in enumerate(stand_at):
        for pk in nouns_there:
            places.setdefault(pk, []).append(place)
    pairs = list(
        Ancestry.objects.filter(descendant__among=places.keys()).values_list("ancestor", "descendant")
    )
    below = broader.places_below(places, pairs)
    under = Synset.objects.filter(pk__among=below.keys(), ancestor_rows__ancestor=root)
    nouns = {synset.pk: synset for synset in under.exclude(pk=root)}
    several = [pk for pk in nouns if len(below[pk]) > 1]
    # With what is no inner noun besides: leaving it out here takes SQLite a hundred times as long.
    higher = Ancestry.objects.filter(descendant__among=several)
    found = broader.hierarchy(
        below,
        {pk: place for place, pk in enumerate(judged)},
        offered,
        {pk for pk, synset in nouns.items() if synset.is_askable},
        [*higher.values_list("ancestor", "descendant"), *pairs],
    )
    return found, tuple(nouns[pk] for pk in found.inner)


@lru_cache(maxsize=MOST_KEPT)
def _kept(
    collection: int, revision: int, latest_fit: int | None, narrowing: int | None, version: int
) -> Choices:
    # What is not used is part of the key: with each of these the answer may be another one.
    del revision, latest_fit, version
    row = Narrowing.objects.get(pk=narrowing) if narrowing else None
    return Choices.read(Collection.objects.get(pk=collection), row)


def forget_kept() -> None:
    """Forget all that this process keeps: for tests, whose databases begin anew with the same keys."""
    _kept.cache_clear()
