import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.tree import (
    CycleError,
    ancestors,
    heights,
    lowest_common_hypernym_heights,
    topological_order,
)

# 0 is over 1 and 2; 3 is under both; 4 is under 3 and, by a short cut, under 0.
DIAMOND = (5, *np.array([[1, 0], [2, 0], [3, 1], [3, 2], [4, 3], [4, 0]]).T)
NO_EDGES = np.zeros(0, dtype=np.int64)


@st.composite
def graphs(draw):
    """Draw acyclic graphs, their nodes numbered in any order."""
    n = draw(st.integers(1, 8))
    number = draw(st.permutations(range(n)))
    pairs = [(child, parent) for child in range(n) for parent in range(child)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    table = np.array([(number[c], number[p]) for c, p in edges], dtype=np.int64).reshape(-1, 2)
    return n, table[:, 0], table[:, 1]


def climb(n, hyponym, hypernym, node):
    """Find the fewest steps up to each ancestor by trying every edge until nothing gets shorter."""
    steps = {node: 0}
    for _ in range(n):
        for child, parent in zip(hyponym.tolist(), hypernym.tolist(), strict=True):
            if child in steps:
                steps[parent] = min(steps.get(parent, n), steps[child] + 1)
    return steps


def longest_way_down(hyponym, hypernym, node):
    below = [c for c, p in zip(hyponym.tolist(), hypernym.tolist(), strict=True) if p == node]
    return max((1 + longest_way_down(hyponym, hypernym, child) for child in below), default=0)


def test_a_noun_comes_after_all_of_its_hypernyms():
    assert topological_order(*DIAMOND) == [0, 1, 2, 3, 4]


def test_ancestors_are_reached_by_the_fewest_steps():
    assert ancestors(*DIAMOND)[3] == {3: 0, 1: 1, 2: 1, 0: 2}
    assert ancestors(*DIAMOND)[4] == {4: 0, 3: 1, 0: 1, 1: 2, 2: 2}


def test_a_height_is_the_longest_way_down():
    np.testing.assert_array_equal(heights(*DIAMOND), [3, 2, 2, 1, 0])


def test_no_nouns_have_no_ancestors():
    assert ancestors(0, NO_EDGES, NO_EDGES) == []
    assert len(heights(0, NO_EDGES, NO_EDGES)) == 0


def test_a_lone_noun_is_its_own_only_ancestor():
    assert ancestors(1, NO_EDGES, NO_EDGES) == [{0: 0}]


def test_a_chain_of_ten_thousand_nouns_is_measured():
    n = 10_000

    height = heights(n, np.arange(1, n), np.arange(n - 1))

    assert (height[0], height[-1]) == (n - 1, 0)


def test_a_cycle_is_refused_and_named():
    hyponym, hypernym = np.array([1, 2, 3, 1]), np.array([0, 1, 2, 3])  # 1 is a 3, 3 is a 2, 2 is a 1

    with pytest.raises(CycleError, match="must not form a cycle") as refusal:
        ancestors(4, hyponym, hypernym)

    path = refusal.value.path
    assert path[0] == path[-1]
    assert set(path) == {1, 2, 3}
    assert ancestors(4, hyponym[:3], hypernym[:3])[3] == {3: 0, 2: 1, 1: 2, 0: 3}


def test_nouns_below_a_cycle_are_not_named_in_it():
    with pytest.raises(CycleError) as refusal:
        topological_order(4, np.array([0, 1, 2, 3]), np.array([1, 0, 0, 2]))

    assert set(refusal.value.path) == {0, 1}


def test_a_noun_above_itself_is_a_cycle():
    with pytest.raises(CycleError) as refusal:
        topological_order(1, np.array([0]), np.array([0]))

    assert refusal.value.path == [0, 0]


def test_two_nouns_meet_at_their_lowest_common_hypernym():
    meet = lowest_common_hypernym_heights(ancestors(*DIAMOND), heights(*DIAMOND), np.array([1, 2, 3]))

    # 1 and 2 meet only in 0, of height 3; 3 meets each of them in that one itself, of height 2.
    np.testing.assert_array_equal(meet, [[0, 3, 2], [3, 0, 2], [2, 2, 0]])


def test_two_nouns_that_never_meet_are_one_level_above_everything():
    hyponym, hypernym = np.array([1]), np.array([0])  # 2 stands alone; the greatest height is 1

    meet = lowest_common_hypernym_heights(
        ancestors(3, hyponym, hypernym), heights(3, hyponym, hypernym), np.array([1, 2])
    )

    np.testing.assert_array_equal(meet, [[0, 2], [2, 0]])


@given(graphs())
def test_ancestors_are_those_of_climbing_every_edge(graph):
    assert ancestors(*graph) == [climb(*graph, node) for node in range(graph[0])]


@given(graphs())
def test_heights_are_those_of_walking_every_way_down(graph):
    assert heights(*graph).tolist() == [longest_way_down(*graph[1:], node) for node in range(graph[0])]


@given(graphs())
def test_where_two_nouns_meet_does_not_depend_on_who_asks(graph):
    nodes = np.arange(graph[0])

    meet = lowest_common_hypernym_heights(ancestors(*graph), heights(*graph), nodes)

    np.testing.assert_array_equal(meet, meet.T)
    np.testing.assert_array_equal(np.diag(meet), 0)
