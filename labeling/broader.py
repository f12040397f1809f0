"""Classes and what lies above them -> the inner nouns, which are answers too: a dog, breed unknown."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

Pairs = Iterable[tuple[int, int]]  # (ancestor, descendant), as Ancestry has them, itself included


@dataclass(frozen=True)
class Hierarchy:
    """The nouns between classes and a root, by their keys.

    places: of every noun but a class that some of the classes are below, yet not all: their places, in order. The
    inner nouns are the first.
    inner: those of these nouns that are offered as answers, one with more classes first, so that a parent comes
    before its hyponyms.
    parents: of each offered class and each inner noun the lowest inner nouns above it; none right below the root.
    """

    places: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    inner: tuple[int, ...] = ()
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def places_below(places: Mapping[int, Sequence[int]], pairs: Pairs) -> dict[int, tuple[int, ...]]:
    """Return for each noun above some of the nouns in `places` which places those have; for one that is above all,
    which says nothing, no entry.
    """
    below: dict[int, set[int]] = {}
    for ancestor, descendant in pairs:
        below.setdefault(ancestor, set()).update(places[descendant])
    everything = {place for several in places.values() for place in several}
    return {pk: tuple(sorted(found)) for pk, found in below.items() if len(found) < len(everything)}


def hierarchy(
    places: Mapping[int, tuple[int, ...]],
    classes: Mapping[int, int],
    offered: AbstractSet[int],
    askable: AbstractSet[int],
    pairs: Pairs,
) -> Hierarchy:
    """Return the inner nouns that are worth asking for, and how they lie.

    An inner noun is one that may be asked for and that two at least of the offered classes are below, yet not all.
    Of several with the same classes below them only the lowest is one: it says most. Where that is a class itself,
    none is.

    places: as `places_below` gives it; classes: each class's key and place; offered: those of these places that
    people are asked for; askable: which nouns may be asked for; pairs: of these with the classes and each other.
    """
    above: dict[int, set[int]] = {}
    for ancestor, descendant in pairs:
        if ancestor in askable:
            above.setdefault(descendant, set()).add(ancestor)
    lowest: dict[tuple[int, ...], int] = {}
    # From the lowest on: of a noun and one above it, more is above the former.
    for pk in sorted(askable & places.keys(), key=lambda pk: (-len(above.get(pk, ())), pk)):
        said = tuple(place for place in places[pk] if place in offered)
        if 2 <= len(said) < len(offered):
            lowest.setdefault(said, pk)
    inner = {pk: said for said, pk in lowest.items() if pk not in classes}
    nouns = [*inner, *(pk for pk, place in classes.items() if place in offered)]
    over = {pk: (above.get(pk, set()) & inner.keys()) - {pk} for pk in nouns}
    ordered = sorted(inner, key=lambda pk: (-len(inner[pk]), pk))
    rank = {pk: i for i, pk in enumerate(ordered)}
    parents = {}
    for pk in nouns:
        higher = set().union(*(over[each] for each in over[pk]))
        parents[pk] = tuple(sorted(over[pk] - higher, key=rank.__getitem__))
    others = sorted(places.keys() - classes.keys() - inner.keys())
    return Hierarchy({pk: places[pk] for pk in (*ordered, *others)}, tuple(ordered), parents)
