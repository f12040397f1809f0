"""Hypernym edges -> ancestors, depths and heights. Pure: nodes are whole numbers 0..n_nodes-1.

The nouns form a directed acyclic graph: a noun may have several hypernyms, and so several paths to a root.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class CycleError(ValueError):
    """Some noun would be its own ancestor; `path` names the nodes on the way round, first = last."""

    def __init__(self, path: list[int]) -> None:
        self.path = path
        super().__init__(f"Hypernyms must not form a cycle; found {' -> '.join(map(str, path))}.")


def topological_order(n_nodes: int, hyponym: Ints, hypernym: Ints) -> list[int]:
    """Return every node once, each after all of its hypernyms.

    hyponym, hypernym: (n_edges,) int64; edge i says that `hyponym[i]` is a `hypernym[i]`.
    Raises CycleError naming one cycle. Source: Kahn (1962), doi:10.1145/368996.369025.
    """
    children: list[list[int]] = [[] for _ in range(n_nodes)]
    waiting = np.bincount(hyponym, minlength=n_nodes).tolist()
    for child, parent in zip(hyponym.tolist(), hypernym.tolist(), strict=True):
        children[parent].append(child)
    order = [node for node in range(n_nodes) if waiting[node] == 0]
    for node in order:  # grows while it is walked
        for child in children[node]:
            waiting[child] -= 1
            if waiting[child] == 0:
                order.append(child)
    if len(order) < n_nodes:
        raise CycleError(_find_cycle({n for n in range(n_nodes) if waiting[n] > 0}, hyponym, hypernym))
    return order


def _find_cycle(stuck: set[int], hyponym: Ints, hypernym: Ints) -> list[int]:
    """Walk upwards within `stuck`, where every node has a hypernym in `stuck`, until a node comes again."""
    up = {c: p for c, p in zip(hyponym.tolist(), hypernym.tolist(), strict=True) if p in stuck}
    path = [next(node for node in stuck if node in up)]
    while up[path[-1]] not in path:
        path.append(up[path[-1]])
    start = path.index(up[path[-1]])
    return [*path[start:], path[start]]


def ancestors(n_nodes: int, hyponym: Ints, hypernym: Ints) -> list[dict[int, int]]:
    """Return for each node its ancestors, itself included, with the fewest steps up to each.

    Arguments as for `topological_order`; raises as it does.
    """
    parents: list[list[int]] = [[] for _ in range(n_nodes)]
    for child, parent in zip(hyponym.tolist(), hypernym.tolist(), strict=True):
        parents[child].append(parent)
    above: list[dict[int, int]] = [{} for _ in range(n_nodes)]
    for node in topological_order(n_nodes, hyponym, hypernym):
        steps = {node: 0}
        for parent in parents[node]:
            for ancestor, distance in above[parent].items():
                steps[ancestor] = min(distance + 1, steps.get(ancestor, distance + 1))
        above[node] = steps
    return above


def heights(n_nodes: int, hyponym: Ints, hypernym: Ints) -> Ints:
    """Return the longest way down from each node to a leaf below it; a leaf has height 0.

    Arguments as for `topological_order`; raises as it does. Returns (n_nodes,) int64.
    """
    parents: list[list[int]] = [[] for _ in range(n_nodes)]
    for child, parent in zip(hyponym.tolist(), hypernym.tolist(), strict=True):
        parents[child].append(parent)
    height = np.zeros(n_nodes, dtype=np.int64)
    for node in reversed(topological_order(n_nodes, hyponym, hypernym)):
        for parent in parents[node]:
            height[parent] = max(height[parent], height[node] + 1)
    return height


def lowest_common_hypernym_heights(above: Sequence[dict[int, int]], height: Ints, nodes: Ints) -> Ints:
    """Return how high one must climb until two nouns meet, for each pair of `nodes`.

    above:  as from `ancestors`.   height: (n_nodes,) as from `heights`.   nodes: (n,) int64.
    Returns (n, n) int64, symmetric, 0 on the diagonal: the least height among the common ancestors; where
    two nouns share none, one more than the greatest height.
    Source: ILSVRC 2010 development kit, "hierarchical error"; over a DAG the minimum over paths.
    """
    ancestor_sets = [set(above[node]) for node in nodes.tolist()]
    meet = np.zeros((len(nodes), len(nodes)), dtype=np.int64)
    for i, mine in enumerate(ancestor_sets):
        for j in range(i):
            common = mine & ancestor_sets[j]
            meet[i, j] = meet[j, i] = min((height[node] for node in common), default=height.max() + 1)
    return meet
