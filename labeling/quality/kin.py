"""Some nouns of a collection and what lies between them and its root: how far apart they are, who stands by whom."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from labeling import kinship
from labeling.models import Collection
from taxonomy.models import Ancestry


@dataclass(frozen=True)
class Kin:
    above: list[tuple[int, int, int]]  # (ancestor, noun, fewest steps up to it)
    depth: dict[int, int]  # of each of these ancestors that is the root or below it: steps up to the root

    @classmethod
    def of(cls, collection: Collection, nouns: Iterable[int]) -> Self:
        """Read what is above these nouns, by their keys, and nothing beside it. Two queries."""
        rows = Ancestry.objects.filter(descendant__among=nouns)
        above = list(rows.values_list("ancestor", "descendant", "depth"))
        tops = {ancestor for ancestor, _noun, _steps in above}
        below = Ancestry.objects.filter(ancestor=collection.root_id, descendant__among=tops)
        return cls(above, dict(below.order_by("descendant").values_list("descendant", "depth")))

    def distances(self, nouns: Sequence[int]) -> kinship.Floats:
        """Return how far apart each two of these nouns are: see kinship.distances."""
        return kinship.distances(nouns, self.above, self.depth)

    def in_order(self, nouns: Sequence[int]) -> list[int]:
        """Return these nouns so that kin stand together, siblings in the order in which they are. One query."""
        edges = Ancestry.objects.filter(depth=1, descendant__among=self.depth, ancestor__among=self.depth)
        hypernyms: dict[int, list[int]] = defaultdict(list)
        for noun, top in edges.order_by("descendant", "ancestor").values_list("descendant", "ancestor"):
            hypernyms[noun].append(top)
        return kinship.in_order(nouns, hypernyms)
