"""What is chosen when a collection is frozen, checked against it, and what follows from that for every part."""

from collections.abc import Collection as Several
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.utils.translation import gettext

from datasets.rolling import RollUp
from labeling.models import Collection
from labeling.models.collections import MOST_CLASSES
from taxonomy.models import Ancestry, Change, Hypernym, Synset


class FreezeRefusedError(ValueError):
    """The collection cannot be frozen like this; the sentence says what was expected and what was found."""


@dataclass(frozen=True)
class Choice:
    """What somebody chose.

    min_confidence: from which on a settled label goes in, above 0 up to 1; None: the collection's target.
    classes:        wnids in the order of their labels, at any depth; None: those that the collection asks for.
    with_votes:     the votes on training and validation pictures go in too, by pseudonyms.
    may_lack:       a class may have no picture in some part.
    """

    min_confidence: float | None = None
    classes: tuple[str, ...] | None = None
    with_votes: bool = False
    may_lack: bool = False

    @classmethod
    def from_json(cls, options: Mapping[str, Any]) -> Self:
        chosen = dict(options)
        if chosen.get("classes") is not None:
            chosen["classes"] = tuple(chosen["classes"])
        return cls(**chosen)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What holds for all parts of a snapshot. The same as long as neither the taxonomy nor the classes change."""

    floor: float
    classes: tuple[str, ...]
    version: int
    with_votes: bool
    may_lack: bool

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        return cls(**{**kept, "classes": tuple(kept["classes"])})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "classes": list(self.classes)}


def plan(collection: Collection, choice: Choice) -> Plan:
    """Return what a snapshot of `collection` as it stands goes by. Raises FreezeRefusedError."""
    floor = collection.target_confidence if choice.min_confidence is None else choice.min_confidence
    if not 0 < floor <= 1:
        raise FreezeRefusedError(
            gettext("Expected a least confidence above 0 and up to 1; found %(floor)s.") % {"floor": floor}
        )
    version = Change.objects.version()
    classes = (
        [synset.wnid for synset in collection.offered()]
        if choice.classes is None
        else _chosen(choice.classes)
    )
    if not classes:
        raise FreezeRefusedError(gettext("Expected at least one noun as a class; found none."))
    return Plan(floor, tuple(classes), version, choice.with_votes, choice.may_lack)


def _chosen(wnids: Iterable[str]) -> list[str]:
    wnids = list(dict.fromkeys(wnids))
    if len(wnids) > MOST_CLASSES:
        raise FreezeRefusedError(
            gettext("Expected at most %(most)d classes; found %(n)d.")
            % {"most": MOST_CLASSES, "n": len(wnids)}
        )
    there = {synset.wnid: synset for synset in Synset.objects.filter(wnid__in=wnids)}
    for wnid in wnids:
        if wnid not in there:
            raise FreezeRefusedError(
                gettext("Expected the wnid of a noun of the tree as a class; found “%(wnid)s”.")
                % {"wnid": wnid[:80]}
            )
        if there[wnid].is_retired or there[wnid].is_sensitive:
            raise FreezeRefusedError(
                gettext(
                    "Expected classes that are in the tree and not sensitive; “%(noun)s” (%(wnid)s) is not."
                )
                % {"noun": there[wnid].name, "wnid": wnid}
            )
    return wnids


class ByAncestry(RollUp):
    """Rolls up by the rows of the taxonomy, asking about nouns when they come up."""

    def __init__(self, classes: Iterable[str]) -> None:
        super().__init__(frozenset(classes), {})
        self._learn(self.classes)

    def learn(self, labels: Iterable[str]) -> None:
        """Read what is above these nouns; call it before `place` is asked about them."""
        self._learn({*labels} - self.above.keys())

    def _learn(self, nouns: Several[str]) -> None:
        if not nouns:
            return
        above: dict[str, set[str]] = {noun: set() for noun in nouns}
        rows = Ancestry.objects.filter(descendant__wnid__in=list(above), depth__gt=0)
        for noun, ancestor in rows.values_list("descendant__wnid", "ancestor__wnid"):
            above[noun].add(ancestor)
        self.above = {**self.above, **above}


def taxonomy_of(classes: Iterable[str]) -> dict[str, Any]:
    """Return the classes in their order, and each of them and every noun above them with its hypernyms, as they
    stand now.
    """
    classes = list(classes)
    nouns = Synset.objects.filter(descendant_rows__descendant__wnid__in=classes).distinct().order_by("wnid")
    edges = Hypernym.objects.filter(hyponym__in=nouns).values_list("hyponym__wnid", "hypernym__wnid")
    above: dict[str, list[str]] = {}
    for hyponym, hypernym in sorted(edges):
        above.setdefault(hyponym, []).append(hypernym)
    return {
        "classes": classes,
        "nouns": {
            s.wnid: {"name": s.name, "gloss": s.gloss, "hypernyms": above.get(s.wnid, [])} for s in nouns
        },
    }
