"""A snapshot's nouns, as they stood when it was frozen -> places in arrays: what may be guessed, and how far apart
nouns are. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from taxonomy.tree import Graph, lowest_common_hypernym_heights

Ints = NDArray[np.int64]
Heights = NDArray[np.int16]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Frozen:
    """The nouns that may be guessed, by their wnids: the classes, and all that is above them.

    nouns: the classes first, in their order, so that a class's place is its label; then the others by wnid, so that
    places stay what they are however a database kept the taxonomy.
    """

    nouns: list[str]
    n_classes: int
    hypernyms: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, taxonomy: Mapping[str, Any]) -> Self:
        """Read what Snapshot.taxonomy keeps."""
        classes = list(taxonomy["classes"])
        others = sorted(taxonomy["nouns"].keys() - set(classes))
        hypernyms = {wnid: noun["hypernyms"] for wnid, noun in taxonomy["nouns"].items()}
        return cls([*classes, *others], len(classes), hypernyms)

    @property
    def classes(self) -> list[str]:
        return self.nouns[: self.n_classes]

    @cached_property
    def place(self) -> dict[str, int]:
        """Each noun's place in `nouns`."""
        return {wnid: place for place, wnid in enumerate(self.nouns)}

    @cached_property
    def lch_height(self) -> Heights:
        """The least height of a common hypernym of each noun and each class, (n_nouns, n_classes) int16.

        0 for a class and itself, and nowhere else; see `lowest_common_hypernym_heights`.
        """
        places = np.arange(len(self.nouns))
        return lowest_common_hypernym_heights(
            self._above, self._graph.heights(), places, places[: self.n_classes]
        )

    @cached_property
    def below(self) -> Bools:
        """Whether each class is at or below each noun, (n_nouns, n_classes)."""
        below = np.zeros((len(self.nouns), self.n_classes), dtype=np.bool_)
        for label, above in enumerate(self._above[: self.n_classes]):
            below[list(above), label] = True
        return below

    @cached_property
    def _graph(self) -> Graph:
        edges = [(self.place[wnid], self.place[top]) for wnid in self.nouns for top in self.hypernyms[wnid]]
        hyponym, hypernym = np.array(edges, dtype=np.int64).reshape(-1, 2).T
        return Graph(len(self.nouns), hyponym, hypernym)

    @cached_property
    def _above(self) -> list[dict[int, int]]:
        return self._graph.ancestors()
