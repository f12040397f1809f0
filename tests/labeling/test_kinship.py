import numpy as np
import pytest

from labeling.kinship import distances, in_order
from taxonomy.tree import Graph

ROOT, CANINE, DOG, HUSKY, CORGI, WOLF, CAT, PET = range(8)
# animal: canine (dog (husky, corgi), wolf), cat, pet (husky)
EDGES = [(CANINE, ROOT), (DOG, CANINE), (HUSKY, DOG), (CORGI, DOG), (WOLF, CANINE), (CAT, ROOT), (PET, ROOT)]


def apart(nouns, edges=EDGES, root=ROOT):
    """Return the distances of nouns in a tree of these (hyponym, hypernym) edges."""
    above = Graph(8, *np.array(edges, dtype=np.int64).T).ancestors()
    rows = [(top, noun, steps) for noun in nouns for top, steps in above[noun].items()]
    depth = {node: above[node][root] for node in range(8) if root in above[node]}
    return distances(nouns, rows, depth)


def test_the_deeper_two_nouns_meet_the_closer_they_are():
    found = apart([HUSKY, CORGI, WOLF, CAT])

    # They meet at dog, two steps down: 2 / (2 + 4); at canine, one step down: 3 / (3 + 2); at the root: all of it.
    np.testing.assert_allclose(found[0], [0, 2 / 6, 3 / 5, 1])
    np.testing.assert_array_equal(found, found.T)


def test_an_inner_noun_is_near_its_kinds_and_not_the_same():
    # One step up to dog, two from there to the root, which both have in common.
    assert apart([DOG, HUSKY])[0, 1] == pytest.approx(1 / 5)


def test_of_several_ways_up_the_nearest_counts():
    cat_and_husky_are_pets = [*EDGES, (HUSKY, PET), (CAT, PET)]

    assert apart([HUSKY, CAT], cat_and_husky_are_pets)[0, 1] == pytest.approx(2 / 4)


def test_right_below_the_root_all_are_equally_apart():
    flat = [(node, ROOT) for node in range(1, 8)]

    np.testing.assert_array_equal(apart([1, 2, 3], flat), 1 - np.eye(3))


def test_a_noun_outside_the_root_is_as_far_as_can_be():
    np.testing.assert_array_equal(apart([HUSKY, CAT], root=CANINE), 1 - np.eye(2))


def test_no_noun_has_no_distance():
    assert distances([], [], {}).shape == (0, 0)


def test_kin_stand_together_and_siblings_as_they_come():
    hypernyms = {node: [top] for node, top in EDGES}

    assert in_order([CORGI, CAT, WOLF, HUSKY], hypernyms) == [CORGI, HUSKY, WOLF, CAT]
    assert in_order([CAT, HUSKY, DOG, WOLF], hypernyms) == [CAT, DOG, HUSKY, WOLF]


def test_what_is_below_several_nouns_comes_once():
    hypernyms = {HUSKY: [DOG, PET], CORGI: [DOG], CAT: [PET], DOG: [ROOT], PET: [ROOT]}

    assert in_order([CORGI, CAT, HUSKY], hypernyms) == [CORGI, HUSKY, CAT]


def test_without_any_hypernym_they_stay_as_they_come():
    assert in_order([CAT, HUSKY, DOG], {}) == [CAT, HUSKY, DOG]
    assert in_order([], {}) == []
