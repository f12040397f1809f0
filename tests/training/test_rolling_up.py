import numpy as np
import pytest

from training.rolling_up import Nouns, certain, line, roll_up, tell

# A dog is a canine and a domestic animal; a beagle and a pug are dogs; a cat is a feline and a domestic animal.
HYPERNYMS = {
    "entity": [],
    "animal": ["entity"],
    "canine": ["animal"],
    "feline": ["animal"],
    "domestic": ["animal"],
    "dog": ["canine", "domestic"],
    "beagle": ["dog"],
    "pug": ["dog"],
    "cat": ["feline", "domestic"],
    "car": ["entity"],
}
CLASSES = ["beagle", "pug", "cat", "car"]
TAXONOMY = {
    "classes": CLASSES,
    "nouns": {
        wnid: {"name": wnid.title(), "gloss": f"what {wnid} means", "hypernyms": above}
        for wnid, above in HYPERNYMS.items()
    },
}
NOUNS = Nouns.of(TAXONOMY)
PROBABILITIES = np.array([0.61, 0.32, 0.06, 0.01])


def test_a_noun_is_as_likely_as_all_classes_below_it():
    likely = roll_up(NOUNS, PROBABILITIES)

    assert likely["dog"] == pytest.approx(0.93)
    assert likely["feline"] == pytest.approx(0.06)
    # Two ways lead from a dog up to an animal, and it counts once.
    assert likely["animal"] == pytest.approx(0.99)
    assert likely["entity"] == pytest.approx(1)


def test_a_noun_is_at_least_as_likely_as_each_below_it():
    likely = roll_up(NOUNS, np.random.default_rng(0).dirichlet(np.ones(4)))

    for wnid, above in HYPERNYMS.items():
        for hypernym in above:
            assert likely[hypernym] >= likely[wnid]


def test_a_class_above_another_class_counts_for_itself_and_the_other():
    nouns = Nouns(["dog", "beagle"], HYPERNYMS)

    likely = roll_up(nouns, np.array([0.3, 0.7]))

    assert likely["beagle"] == pytest.approx(0.7)
    assert likely["dog"] == pytest.approx(1)


def test_the_line_goes_up_by_the_noun_that_says_most_and_leaves_out_what_says_no_more():
    likely = roll_up(NOUNS, PROBABILITIES)

    # Canine has the same classes below it as dog. Animal is above domestic by the same classes.
    assert line(NOUNS, likely, "beagle") == ["beagle", "dog", "animal", "entity"] or line(
        NOUNS, likely, "beagle"
    ) == ["beagle", "dog", "domestic", "entity"]


def test_what_is_certain_is_the_lowest_noun_that_is_sure():
    likely = roll_up(NOUNS, PROBABILITIES)

    assert certain(NOUNS, likely, "beagle") == "domestic"


@pytest.mark.parametrize(("beagle", "sure"), [(0.95, "beagle"), (0.949, "dog")])
def test_a_class_is_certain_from_95_in_100_on(beagle, sure):
    likely = roll_up(NOUNS, np.array([beagle, 1 - beagle, 0, 0]))

    assert certain(NOUNS, likely, "beagle") == sure


def test_nothing_is_certain_where_only_the_noun_above_all_classes_is():
    told = tell(TAXONOMY, np.array([0.4, 0.1, 0.1, 0.4]))

    assert told.certain is None
    assert not told.is_certain


def test_what_is_told_names_nouns_from_above_down_to_the_class():
    told = tell(TAXONOMY, PROBABILITIES)

    assert [noun.name for noun in told.likeliest] == ["Beagle", "Pug", "Cat", "Car"]
    assert told.line[-1].name == "Beagle"
    assert [noun.probability for noun in told.line] == sorted(
        (noun.probability for noun in told.line), reverse=True
    )
    assert told.certain.name == "Domestic"
    assert told.likeliest[0].width == 610
