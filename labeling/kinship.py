"""Nouns and what is above them -> how far apart two of them are, and an order in which kin stand together. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distances(
    nouns: Sequence[int], above: Iterable[tuple[int, int, int]], depth: Mapping[int, int]
) -> Floats:
    """Return how far apart each two of `nouns` are: of the ways up to where they meet and down from the root, the
    share that is not common to both. 0 is the same noun, and 1 that they meet at the root alone, or nowhere.

        (a + b) / (a + b + 2 * m), the least of all nouns above both

    with a and b steps up to one that is m steps below the root. Two breeds of dog are closer than two kinds of
    animal, though both pairs are siblings; and where all nouns lie right below the root, all are 1 apart, so that
    an agreement weighted by this is the nominal one. A noun and one above it differ too, by the steps between.

    nouns: keys, each once; what places of the answer stand for.
    above: (ancestor, noun, fewest steps up to it) each, a noun being its own ancestor with 0.
    depth: of each ancestor that counts, the fewest steps up to the root; others are passed over.
    Returns (n, n), symmetric, 0..1, 0 on the diagonal. Memory grows with that, and with nouns x ancestors.
    Source: 1 - the similarity of Wu & Palmer (1994), doi:10.3115/981732.981751; over a graph the nearest way.
    """
    row = {noun: place for place, noun in enumerate(nouns)}
    column = {ancestor: place for place, ancestor in enumerate(depth)}
    up = np.full((len(nouns), len(depth)), np.inf)
    for ancestor, noun, steps in above:
        if noun in row and ancestor in column:
            up[row[noun], column[ancestor]] = steps
    twice_down = 2 * np.array([*depth.values()], dtype=np.float64)
    found = np.zeros((len(nouns), len(nouns)))
    for place, steps_up in enumerate(up):
        mine = np.flatnonzero(np.isfinite(steps_up) & (twice_down > 0))
        ways = steps_up[mine] + up[:, mine]  # (n, n_mine), infinite where they do not meet there
        found[place] = 1 - (twice_down[mine] / (ways + twice_down[mine])).max(axis=1, initial=0.0)
    np.fill_diagonal(found, 0.0)
    return found


def in_order(nouns: Sequence[int], hypernyms: Mapping[int, Sequence[int]]) -> list[int]:
    """Return `nouns` as one meets them walking down the tree, so that kin stand together; what is below several
    once.

    nouns: keys in the order in which siblings come, a noun being as early as the first of these at or below it.
    hypernyms: of each node its hypernyms, without cycles; a node without an entry is a root.
    """
    rank: dict[int, int] = {}
    for place, noun in enumerate(nouns):
        way = [noun]
        for node in way:  # which grows
            if node not in rank:
                rank[node] = place
                way += hypernyms.get(node, ())
    below: dict[int | None, list[int]] = {}
    for node in rank:
        tops: Sequence[int | None] = hypernyms.get(node) or [None]
        for top in tops:
            below.setdefault(top, []).append(node)
    wanted, met, order = set(nouns), set(), []
    waiting = sorted(below.get(None, ()), key=rank.__getitem__, reverse=True)
    while waiting:
        node = waiting.pop()
        if node in met:
            continue
        met.add(node)
        if node in wanted:
            order.append(node)
        waiting += sorted(below.get(node, ()), key=rank.__getitem__, reverse=True)
    return order
