"""What votes are weighed over: read once, kept in this process, and read anew when any of it has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

from labeling import consensus
from labeling.models.collections import VERIFIED, Collection, Narrowing
from taxonomy.models import Synset

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

    @classmethod
    def of(cls, collection: Collection, narrowing: int | None, version: int) -> "Choices":
        """Return what stands at this version of the taxonomy, from this process's memory where it has it.

        Call it with the taxonomy held still, and not while it is being changed.
        """
        return _kept(collection.pk, collection.revision, collection.latest_fit_id, narrowing, version)

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
        return cls(
            tuple(synsets),
            {
                place: Narrower(each.pk, each.label, bool(each.choices()))
                for place, each in enumerate(split.values(), start=len(classes))
            },
            collection.counts_as({synset.pk for synset in synsets}, becomes),
            consensus.Parameters.from_json(fit.parameters) if fit else start,
            fit.pk if fit else None,
            None,
        )

    @classmethod
    def _read_verifying(cls, collection: Collection) -> Self:
        """Where each question is about one of the nouns. One that was split is asked about no more."""
        synsets = collection.ordered_classes()
        split = set(collection.narrowings.standing().values_list("noun", flat=True))
        fit = collection.fit_over(synsets)
        parameters = consensus.Parameters.from_json(fit.parameters) if fit else None
        return cls(
            tuple(synsets),
            {},
            Synset.objects.resolution(split=split),
            parameters or consensus.Parameters.start(len(VERIFIED)),
            fit.pk if fit else None,
            None,
        )

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

    @cached_property
    def by_wnid(self) -> dict[str, Synset]:
        return {synset.wnid: synset for synset in self.synsets}

    @cached_property
    def offered(self) -> list[Synset]:
        """The nouns that volunteers are asked for: none that was split, is sensitive or cannot be seen."""
        return [s for place, s in enumerate(self.synsets) if s.is_askable and place not in self.split]


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
