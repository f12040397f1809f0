import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.tree import (
    CycleError,
    Graph,
    ancestors_of,
    follow,
    lowest_common_hypernym_heights,
    roll_up,
    topological_order,
)

# 0 is over 1 and 2; 3 is under both; 4 is under 3 and, by a short cut, under 0.
DIAMOND = Graph(5, *np.array([[1, 0], [2, 0], [3, 1], [3, 2], [4, 3], [4, 0]]).T)
NO_EDGES = np.zeros(0, dtype=np.int64)


@st.composite
def graphs(draw):
    """Draw acyclic graphs, their nodes numbered in any order."""
    n = draw(st.integers(1, 8))
    number = draw(st.permutations(range(n)))
    pairs = [(child, parent) for child in range(n) for parent in range(child)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    table = np.array([(number[c], number[p]) for c, p in edges], dtype=np.int64).reshape(-1, 2)
    return Graph(n, table[:, 0], table[:, 1])


def pairs(graph):
    return list(zip(graph.hyponym.tolist(), graph.hypernym.tolist(), strict=True))


def climb(graph, node):
    """Find the fewest steps up to each ancestor by trying every edge until nothing gets shorter."""
    steps = {node: 0}
    for _ in range(graph.n_nodes):
        for child, parent in pairs(graph):
            if child in steps:
                steps[parent] = min(steps.get(parent, graph.n_nodes), steps[child] + 1)
    return steps


def longest_way_down(graph, node):
    below = [child for child, parent in pairs(graph) if parent == node]
    return max((1 + longest_way_down(graph, child) for child in below), default=0)


def ways_up(graph, node):
    """Return every way down from a root to `node`."""
    above = [parent for child, parent in pairs(graph) if child == node]
    return [[*way, node] for parent in above for way in ways_up(graph, parent)] or [[node]]


def test_a_noun_comes_after_all_of_its_hypernyms():
    assert DIAMOND.order == [0, 1, 2, 3, 4]


def test_ancestors_are_reached_by_the_fewest_steps():
    assert DIAMOND.ancestors()[3] == {3: 0, 1: 1, 2: 1, 0: 2}
    assert DIAMOND.ancestors()[4] == {4: 0, 3: 1, 0: 1, 1: 2, 2: 2}


def test_a_height_is_the_longest_way_down():
    np.testing.assert_array_equal(DIAMOND.heights(), [3, 2, 2, 1, 0])


def test_no_nouns_have_no_ancestors():
    assert Graph(0, NO_EDGES, NO_EDGES).ancestors() == []
    assert len(Graph(0, NO_EDGES, NO_EDGES).heights()) == 0


def test_a_lone_noun_is_its_own_only_ancestor():
    assert Graph(1, NO_EDGES, NO_EDGES).ancestors() == [{0: 0}]


def test_a_chain_of_ten_thousand_nouns_is_measured():
    n = 10_000

    height = Graph(n, np.arange(1, n), np.arange(n - 1)).heights()

    assert (height[0], height[-1]) == (n - 1, 0)


def test_a_cycle_is_refused_and_named():
    hyponym, hypernym = np.array([1, 2, 3, 1]), np.array([0, 1, 2, 3])  # 1 is a 3, 3 is a 2, 2 is a 1

    with pytest.raises(CycleError, match="must not form a cycle") as refusal:
        Graph(4, hyponym, hypernym).ancestors()

    path = refusal.value.path
    assert path[0] == path[-1]
    assert set(path) == {1, 2, 3}
    assert Graph(4, hyponym[:3], hypernym[:3]).ancestors()[3] == {3: 0, 2: 1, 1: 2, 0: 3}


def test_nouns_below_a_cycle_are_not_named_in_it():
    with pytest.raises(CycleError) as refusal:
        topological_order({0: [1], 1: [0], 2: [0], 3: [2]})

    assert set(refusal.value.path) == {0, 1}


def test_a_noun_above_itself_is_a_cycle():
    with pytest.raises(CycleError) as refusal:
        topological_order({0: [0]})

    assert refusal.value.path == [0, 0]


def test_two_nouns_meet_at_their_lowest_common_hypernym():
    meet = lowest_common_hypernym_heights(DIAMOND.ancestors(), DIAMOND.heights(), np.array([1, 2, 3]))

    # 1 and 2 meet only in 0, of height 3; 3 meets each of them in that one itself, of height 2.
    np.testing.assert_array_equal(meet, [[0, 3, 2], [3, 0, 2], [2, 2, 0]])


def test_two_nouns_that_never_meet_are_one_level_above_everything():
    graph = Graph(3, np.array([1]), np.array([0]))  # 2 stands alone; the greatest height is 1

    meet = lowest_common_hypernym_heights(graph.ancestors(), graph.heights(), np.array([1, 2]))

    np.testing.assert_array_equal(meet, [[0, 2], [2, 0]])


def test_some_nouns_meet_others():
    meet = lowest_common_hypernym_heights(
        DIAMOND.ancestors(), DIAMOND.heights(), np.array([0, 4, 2]), np.array([2, 4])
    )

    # 0 is above both and as high as 3; 4 meets 2 in 2 itself, of height 2.
    np.testing.assert_array_equal(meet, [[3, 3], [2, 0], [0, 2]])


@given(graphs())
def test_ancestors_are_those_of_climbing_every_edge(graph):
    assert graph.ancestors() == [climb(graph, node) for node in range(graph.n_nodes)]


@given(graphs())
def test_heights_are_those_of_walking_every_way_down(graph):
    assert graph.heights().tolist() == [longest_way_down(graph, node) for node in range(graph.n_nodes)]


@given(graphs())
def test_paths_and_depths_are_those_of_walking_every_way_up(graph):
    for node in range(graph.n_nodes):
        ways = ways_up(graph, node)
        assert sorted(graph.hypernym_paths(node)) == sorted(ways)
        assert graph.min_depths()[node] == min(map(len, ways)) - 1
        assert graph.max_depths()[node] == max(map(len, ways)) - 1


@given(graphs())
def test_lowest_common_hypernyms_are_above_both_and_above_no_other_such(graph):
    above = [set(climb(graph, node)) for node in range(graph.n_nodes)]
    for one in range(graph.n_nodes):
        common = above[one] & above[0]
        lowest = {node for node in common if not any(node in above[low] for low in common - {node})}

        assert set(graph.lowest_common_hypernyms(one, 0)) == lowest


@given(graphs())
def test_two_nouns_meet_at_the_least_height_of_what_is_above_both(graph):
    above, height = graph.ancestors(), graph.heights()
    nodes = np.arange(graph.n_nodes)

    meet = lowest_common_hypernym_heights(above, height, nodes)

    for one in range(graph.n_nodes):
        for other in range(one):
            common = above[one].keys() & above[other].keys()
            assert meet[one, other] == min((height[node] for node in common), default=height.max() + 1)


@given(graphs())
def test_where_two_nouns_meet_does_not_depend_on_who_asks(graph):
    nodes = np.arange(graph.n_nodes)

    meet = lowest_common_hypernym_heights(graph.ancestors(), graph.heights(), nodes)

    np.testing.assert_array_equal(meet, meet.T)
    np.testing.assert_array_equal(np.diag(meet), 0)


def test_what_is_known_of_nodes_above_is_not_worked_out_again():
    above = ancestors_of(
        [3, 4], [(3, 1), (3, 2), (4, 3), (4, 0)], {0: {0: 0}, 1: {1: 0, 0: 1}, 2: {2: 0, 0: 1}}
    )

    assert above == {node: DIAMOND.ancestors()[node] for node in (3, 4)}


def test_a_noun_is_followed_to_what_it_is_today():
    becomes = {1: 2, 2: 3, 4: None}

    assert [follow(node, becomes) for node in (1, 2, 3, 4)] == [3, 3, 3, None]


def test_a_noun_that_becomes_itself_in_the_end_is_refused():
    with pytest.raises(CycleError) as refusal:
        follow(0, {0: 1, 1: 2, 2: 1})

    assert refusal.value.path == [1, 2, 1]


def test_an_item_with_two_labels_counts_once_where_they_meet():
    # Two items are a 1 alone and one a 3 alone; another is both a 1 and a 2, which meet in 0.
    above = [(top, node) for node, tops in enumerate(DIAMOND.ancestors()) for top in tops]
    ancestor, descendant = np.array(above).T

    total = roll_up(5, ancestor, descendant, np.array([0, 2, 0, 1, 0]), np.array([7, 7]), np.array([1, 2]))

    np.testing.assert_array_equal(total, [4, 4, 2, 1, 0])


@given(graphs(), st.data())
def test_items_roll_up_to_every_node_above_any_of_their_labels(graph, data):
    labels = st.sets(st.integers(0, graph.n_nodes - 1), min_size=1)
    items = data.draw(st.lists(labels, max_size=6))
    above = [set(climb(graph, node)) for node in range(graph.n_nodes)]
    ancestor, descendant = np.array([(top, node) for node in range(graph.n_nodes) for top in above[node]]).T
    alone = np.bincount([min(item) for item in items if len(item) == 1] or [0], minlength=graph.n_nodes)
    alone -= 0 if any(len(item) == 1 for item in items) else np.bincount([0], minlength=graph.n_nodes)
    several = [(number, node) for number, item in enumerate(items) if len(item) > 1 for node in item]
    item, label = np.array(several, dtype=np.int64).reshape(-1, 2).T

    total = roll_up(graph.n_nodes, ancestor, descendant, alone, item, label)

    expected = [
        sum(any(node in above[low] for low in item) for item in items) for node in range(graph.n_nodes)
    ]
    assert total.tolist() == expected
