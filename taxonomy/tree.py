"""Hypernym edges -> ancestors, depths, heights and paths. Pure.

The nouns form a directed acyclic graph: a noun may have several hypernyms, and so several paths to a root.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class CycleError(ValueError):
    """Some noun would be its own ancestor; `path` names the nodes on the way up and round, first = last."""

    def __init__(self, path: list[int]) -> None:
        self.path = path
        super().__init__(f"Hypernyms must not form a cycle; found {' -> '.join(map(str, path))}.")


def say_cycle(names: Sequence[str]) -> str:
    """Return the sentence that refuses a cycle; names: the nouns on the way up and round, first = last."""
    return (
        f"Expected no noun above itself; found that {names[0]} is a kind of {', a kind of '.join(names[1:])}."
    )


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes 0..n_nodes-1 and is-a edges between them: `hyponym[i]` is a `hypernym[i]`.

    hyponym, hypernym: (n_edges,) int64, each 0..n_nodes-1.
    Every method raises CycleError, naming one cycle, where the edges have one.
    """

    n_nodes: int
    hyponym: Ints
    hypernym: Ints

    @cached_property
    def parents(self) -> list[list[int]]:
        """The hypernyms of each node."""
        parents: list[list[int]] = [[] for _ in range(self.n_nodes)]
        for child, parent in zip(self.hyponym.tolist(), self.hypernym.tolist(), strict=True):
            parents[child].append(parent)
        return parents

    @cached_property
    def order(self) -> list[int]:
        """Every node once, each after all of its hypernyms."""
        return topological_order(dict(enumerate(self.parents)))

    def ancestors(self) -> list[dict[int, int]]:
        """Return for each node its ancestors, itself included, with the fewest steps up to each."""
        edges = zip(self.hyponym.tolist(), self.hypernym.tolist(), strict=True)
        above = ancestors_of(range(self.n_nodes), edges, {})
        return [above[node] for node in range(self.n_nodes)]

    def min_depths(self) -> Ints:
        """Return the fewest steps from each node up to a root; 0 for a root. (n_nodes,) int64."""
        depth = np.zeros(self.n_nodes, dtype=np.int64)
        for node in self.order:
            depth[node] = min((depth[parent] + 1 for parent in self.parents[node]), default=0)
        return depth

    def max_depths(self) -> Ints:
        """Return the most steps from each node up to a root, along its longest path. (n_nodes,) int64."""
        depth = np.zeros(self.n_nodes, dtype=np.int64)
        for node in self.order:
            depth[node] = max((depth[parent] + 1 for parent in self.parents[node]), default=0)
        return depth

    def heights(self) -> Ints:
        """Return the longest way down from each node to a leaf below it; a leaf has 0. (n_nodes,) int64."""
        height = [0] * self.n_nodes
        for node in reversed(self.order):
            for parent in self.parents[node]:
                height[parent] = max(height[parent], height[node] + 1)
        return np.array(height, dtype=np.int64)

    def hypernym_paths(self, node: int) -> list[list[int]]:
        """Return every way down from a root to `node`, both included."""
        if self.order and not self.parents[node]:
            return [[node]]
        return [[*path, node] for parent in self.parents[node] for path in self.hypernym_paths(parent)]

    def lowest_common_hypernyms(self, one: int, other: int) -> list[int]:
        """Return the nodes above both, or equal to either, that have no other such node below them."""
        above = self.ancestors()
        common = above[one].keys() & above[other].keys()
        return sorted(node for node in common if not any(node in above[low] for low in common if low != node))


def topological_order(parents: Mapping[int, Sequence[int]]) -> list[int]:
    """Return every key of `parents` once, each after all of its hypernyms; hypernyms that are no key are taken
    as known. Raises CycleError naming one cycle. Source: Kahn (1962), doi:10.1145/368996.369025.
    """
    children: dict[int, list[int]] = {node: [] for node in parents}
    waiting = {}
    for node, tops in parents.items():
        inside = [top for top in tops if top in parents]
        waiting[node] = len(inside)
        for top in inside:
            children[top].append(node)
    order = [node for node, count in waiting.items() if count == 0]
    for node in order:  # grows while it is walked
        for child in children[node]:
            waiting[child] -= 1
            if waiting[child] == 0:
                order.append(child)
    if len(order) < len(parents):
        raise CycleError(_find_cycle({node for node, count in waiting.items() if count > 0}, parents))
    return order


def _find_cycle(stuck: set[int], parents: Mapping[int, Sequence[int]]) -> list[int]:
    """Walk upwards within `stuck`, where every node has a hypernym in `stuck`, until a node comes again."""
    up = {node: next(top for top in parents[node] if top in stuck) for node in stuck}
    path = [min(stuck)]
    while up[path[-1]] not in path:
        path.append(up[path[-1]])
    start = path.index(up[path[-1]])
    return [*path[start:], path[start]]


def ancestors_of(
    nodes: Iterable[int], edges: Iterable[tuple[int, int]], known: Mapping[int, Mapping[int, int]]
) -> dict[int, dict[int, int]]:
    """Return for each of `nodes` its ancestors, itself included, with the fewest steps up to each.

    edges: (hyponym, hypernym) pairs; those from a node that is not asked for are passed over.
    known: the same for nodes above these, where those are not asked for.
    Raises CycleError naming one cycle, KeyError where an edge leads to a node that is neither asked nor known.
    """
    parents: dict[int, list[int]] = {node: [] for node in nodes}
    for child, parent in edges:
        if child in parents:
            parents[child].append(parent)
    above: dict[int, Mapping[int, int]] = dict(known)
    found: dict[int, dict[int, int]] = {}
    for node in topological_order(parents):
        steps = {node: 0}
        for parent in parents[node]:
            for ancestor, distance in above[parent].items():
                if steps.get(ancestor, distance + 2) > distance + 1:
                    steps[ancestor] = distance + 1
        above[node] = found[node] = steps
    return found


def follow(node: int, becomes: Mapping[int, int | None]) -> int | None:
    """Return where `node` ends when each key of `becomes` is replaced by its value, again and again.

    Raises CycleError where that never ends.
    """
    path = [node]
    while path[-1] in becomes:
        following = becomes[path[-1]]
        if following is None:
            return None
        if following in path:
            raise CycleError([*path[path.index(following) :], following])
        path.append(following)
    return path[-1]


def lowest_common_hypernym_heights(
    above: Sequence[dict[int, int]], height: Ints, nodes: Ints, others: Ints | None = None
) -> NDArray[np.int16]:
    """Return how high one must climb until two nouns meet, for each of `nodes` with each of `others`.

    above: as from `Graph.ancestors`.   height: (n_nodes,) as from `Graph.heights`.   nodes: (n,) int64.
    others: (m,) int64, or None for `nodes` themselves.
    Returns (n, m) int16, 0 where a noun meets itself: the least height among the common ancestors; where
    two nouns share none, one more than the greatest height.
    Source: ILSVRC 2010 development kit, "hierarchical error"; over a DAG the minimum over paths.
    """
    others = nodes if others is None else others
    rows, columns = _places_below(above, nodes), _places_below(above, others)
    meet = np.full((len(nodes), len(others)), height.max(initial=-1) + 1, dtype=np.int16)
    # From the highest noun down, so that what is written last is the least.
    for top in sorted(rows.keys() & columns.keys(), key=lambda node: -height[node]):
        meet[np.ix_(rows[top], columns[top])] = height[top]
    meet[nodes[:, None] == others] = 0
    return meet


def _places_below(above: Sequence[dict[int, int]], nodes: Ints) -> dict[int, list[int]]:
    """Return for each ancestor of `nodes` the places in `nodes` that are at or below it."""
    places: dict[int, list[int]] = {}
    for place, node in enumerate(nodes.tolist()):
        for ancestor in above[node]:
            places.setdefault(ancestor, []).append(place)
    return places


def roll_up(n_nodes: int, ancestor: Ints, descendant: Ints, count: Ints, item: Ints, label: Ints) -> Ints:
    """Return how many distinct items are labelled with each node or one below it, however many paths lead there.

    ancestor, descendant: (n_pairs,) int64, each pair once, a node being its own ancestor, as `ancestors` finds them.
    count: (n_nodes,) int64, the items that have this node as their only label.
    item, label: (n_labels,) int64, the labels of the other items, which have several: item[i] has label[i].
    Returns (n_nodes,) int64. Memory grows with n_pairs and with n_labels x the ancestors of each.
    """
    total = np.bincount(ancestor, weights=count[descendant], minlength=n_nodes).astype(np.int64)
    order = descendant.argsort(kind="stable")
    first = np.searchsorted(descendant[order], np.arange(n_nodes + 1))
    n_above = first[label + 1] - first[label]
    # For each of these labels the places of its ancestors among the sorted pairs, one after another.
    step = np.arange(n_above.sum()) - np.repeat(np.cumsum(n_above) - n_above, n_above)
    above = ancestor[order[np.repeat(first[label], n_above) + step]]
    _items, number = np.unique(item, return_inverse=True)
    met = np.repeat(number, n_above) * n_nodes + above
    met.sort()  # np.unique would hash, which takes ten times as long for millions
    is_first = np.diff(met, prepend=-1) > 0
    return total + np.bincount(met[is_first] % n_nodes, minlength=n_nodes)
