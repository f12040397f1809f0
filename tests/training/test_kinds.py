import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.tree import lowest_common_hypernym_heights
from training.kinds import Group, Kinds, Meeting, fewer, rolled_up, severity

#          thing
#         /     \
#     animal    tool
#    /  |   \     \
#  pet canine cat  saw        A dog is a pet and a canine; so is a fox a canine alone.
#    \  /  \
#    dog   fox
#    /  \
# husky  pug
TREE = {
    "thing": [],
    "animal": ["thing"],
    "tool": ["thing"],
    "pet": ["animal"],
    "canine": ["animal"],
    "cat": ["animal"],
    "saw": ["tool"],
    "dog": ["pet", "canine"],
    "fox": ["canine"],
    "husky": ["dog"],
    "pug": ["dog"],
}
CLASSES = ("saw", "husky", "cat", "pug", "fox")
SAW, HUSKY, CAT, PUG, FOX = range(5)


@pytest.fixture
def kinds():
    return Kinds(CLASSES, TREE)


def test_what_a_snapshot_keeps_is_read():
    nouns = {wnid: {"name": wnid, "gloss": "", "hypernyms": tops} for wnid, tops in TREE.items()}

    found = Kinds.of({"classes": list(CLASSES), "nouns": nouns})

    assert (found.classes, found.below["canine"]) == (CLASSES, {HUSKY, PUG, FOX})


def test_few_classes_stand_each_by_itself_with_their_kin(kinds):
    assert [group.noun for group in kinds.groups("")] == ["saw", "husky", "pug", "fox", "cat"]
    assert kinds.groups("dog") == [Group("husky", (HUSKY,)), Group("pug", (PUG,))]


def test_many_are_taken_together_by_the_hyponyms_and_each_is_counted_once(kinds):
    found = kinds.groups("animal", most=2)

    # The dogs are pets too, but more classes are canines. No picture is left for pets.
    assert found == [Group("canine", (HUSKY, PUG, FOX)), Group("cat", (CAT,))]


def test_a_group_is_named_by_the_lowest_noun_above_all_of_it(kinds):
    assert kinds.groups("thing", most=2) == [Group("saw", (SAW,)), Group("animal", (HUSKY, CAT, PUG, FOX))]
    assert Kinds(("husky", "pug"), TREE).top == "dog"


def test_a_class_above_others_is_a_group_of_its_own():
    kinds = Kinds(("dog", "husky", "pug"), TREE)

    assert kinds.top == "dog"
    assert kinds.groups("dog", most=2) == [Group("dog", (0,)), Group("husky", (1,)), Group("pug", (2,))]


def test_nouns_that_have_nothing_in_common_stand_side_by_side():
    kinds = Kinds(("a", "b"), {"a": [], "b": []})

    assert kinds.top == ""
    assert [group.noun for group in kinds.groups("", most=1)] == ["a", "b"]


@pytest.mark.parametrize(
    ("noun", "way"),
    [
        ("thing", ["thing"]),
        ("saw", ["thing", "saw"]),
        ("dog", ["thing", "animal", "dog"]),
        ("fox", ["thing", "animal", "canine", "fox"]),
    ],
)
def test_the_way_down_leaves_out_what_has_the_same_classes_below(kinds, noun, way):
    assert kinds.way(noun) == way


CONFUSION = np.zeros((5, 5), dtype=np.int64)
CONFUSION[HUSKY, HUSKY], CONFUSION[HUSKY, PUG], CONFUSION[PUG, FOX] = 7, 4, 2
CONFUSION[FOX, CAT], CONFUSION[CAT, SAW], CONFUSION[SAW, SAW] = 3, 1, 5


def test_mistakes_by_the_noun_at_which_they_meet(kinds):
    found = kinds.meetings(CONFUSION)

    assert found == [
        Meeting("dog", 1, 4),
        Meeting("canine", 2, 2),
        Meeting("animal", 3, 3),
        Meeting("thing", 4, 1),
    ]
    assert severity(found) == (4 * 1 + 2 * 2 + 3 * 3 + 1 * 4) / 10


def test_mistakes_between_nouns_that_have_nothing_in_common_are_the_worst():
    kinds = Kinds(("a", "b", "c"), {"top": [], "a": ["top"], "c": ["top"], "b": []})

    assert kinds.meetings(np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]])) == [
        Meeting("top", 1, 1),
        Meeting("", 2, 1),
    ]


def test_without_mistakes_nothing_meets(kinds):
    assert kinds.meetings(np.eye(5, dtype=np.int64)) == []
    assert severity([]) is None


def test_heights_are_those_by_which_contests_are_scored(kinds):
    number = {wnid: i for i, wnid in enumerate(TREE)}
    places = np.array([number[wnid] for wnid in CLASSES])
    heights = lowest_common_hypernym_heights(kinds.graph.ancestors(), kinds.graph.heights(), places)

    for label in range(5):
        for answer in range(5):
            if label != answer:
                confusion = np.zeros((5, 5), dtype=np.int64)
                confusion[label, answer] = 1
                assert kinds.meetings(confusion)[0].height == heights[label, answer]


def test_a_confusion_by_groups_and_whatever_is_in_none(kinds):
    found = rolled_up(CONFUSION, kinds.groups("animal", most=2))

    # Canines: 7 + 4 + 2 among themselves, and 3 taken for cats; a cat for a saw; and the 5 saws.
    assert found.tolist() == [[13, 3, 0], [0, 0, 1], [0, 0, 5]]


def test_of_too_many_groups_those_with_most_mistakes_are_told_apart():
    groups = [Group(name, (place,)) for place, name in enumerate("abcd")]
    confusion = np.diag([50, 50, 50, 50])
    confusion[3, 1] = 2

    found = fewer(groups, confusion, most=3)

    assert found == [Group("b", (1,)), Group("d", (3,)), Group("", (0, 2))]
    assert fewer(groups, confusion, most=4) == groups


@st.composite
def taxonomies(draw):
    """A graph in which each noun is below some of those before it, and some of its nouns as classes."""
    n = draw(st.integers(1, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tops = {0: []} | {
        i: rng.choice(i, size=min(i, rng.integers(0, 3)), replace=False).tolist() for i in range(1, n)
    }
    hypernyms = {f"n{i}": [f"n{top}" for top in tops[i]] for i in range(n)}
    chosen = [f"n{i}" for i in rng.permutation(n)[: rng.integers(1, n + 1)]]
    nouns, waiting = set(), list(chosen)
    while waiting:
        noun = waiting.pop()
        if noun not in nouns:
            nouns.add(noun)
            waiting += hypernyms[noun]
    return Kinds(tuple(chosen), {wnid: tops for wnid, tops in hypernyms.items() if wnid in nouns})


@given(taxonomies(), st.integers(1, 4))
def test_wherever_one_is_each_class_below_is_in_one_group(kinds, most):
    for noun in ("", *kinds.hypernyms):
        groups = kinds.groups(noun, most)
        assert sorted(label for group in groups for label in group.classes) == sorted(kinds.classes_of(noun))
        assert all(set(group.classes) <= kinds.classes_of(group.noun) for group in groups)


@given(taxonomies(), st.integers(1, 4))
def test_walking_down_comes_to_every_class(kinds, most):
    seen, waiting = set(), [kinds.top]
    met = set()
    while waiting:
        noun = waiting.pop()
        if noun in met:
            continue
        met.add(noun)
        for group in kinds.groups(noun, most):
            seen |= set(group.classes) if len(group.classes) == 1 else set()
            waiting += [group.noun] if len(group.classes) > 1 else []

    assert seen == set(range(len(kinds.classes)))


@given(taxonomies())
def test_every_way_leads_down_from_the_top(kinds):
    for noun in kinds.hypernyms:
        way = kinds.way(noun)
        sizes = [len(kinds.classes_of(each)) for each in way]
        assert way[-1] == noun
        assert sizes == sorted(sizes, reverse=True)
