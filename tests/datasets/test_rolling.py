import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.rolling import OUTSIDE, SEVERAL, TOO_COARSE, RollUp

# animal > canine > dog > husky, and dog is a pet too; animal > cat
ABOVE = {
    "canine": {"animal"},
    "pet": {"animal"},
    "dog": {"canine", "pet", "animal"},
    "husky": {"dog", "canine", "pet", "animal"},
    "cat": {"pet", "animal"},
}


@pytest.mark.parametrize(
    ("classes", "label", "expected"),
    [
        ({"dog", "cat"}, "dog", ("dog", "")),
        ({"dog", "cat"}, "husky", ("dog", "")),
        ({"animal"}, "husky", ("animal", "")),
        ({"dog", "animal"}, "husky", ("dog", "")),
        ({"dog", "animal"}, "cat", ("animal", "")),
        ({"dog", "husky"}, "dog", ("dog", "")),
        ({"dog", "cat"}, "animal", (None, TOO_COARSE)),
        ({"husky", "cat"}, "dog", (None, TOO_COARSE)),
        ({"canine", "pet"}, "husky", (None, SEVERAL)),
        ({"canine", "pet"}, "cat", ("pet", "")),
        ({"canine"}, "cat", (None, OUTSIDE)),
        ({"canine"}, "stone", (None, OUTSIDE)),
    ],
)
def test_a_label_belongs_to_the_nearest_class_at_or_above_it(classes, label, expected):
    assert RollUp(classes, ABOVE).place(label) == expected


def test_the_lowest_of_some_nouns_are_above_none_of_the_others():
    assert RollUp(frozenset(), ABOVE).lowest({"animal", "dog", "cat"}) == {"dog", "cat"}
    assert RollUp(frozenset(), ABOVE).lowest(set()) == set()


@given(st.sets(st.sampled_from([*ABOVE, "animal"])), st.sampled_from([*ABOVE, "animal"]))
def test_a_class_is_at_or_above_what_belongs_to_it_and_a_reason_says_why_none_is(classes, label):
    found, why = RollUp(classes, ABOVE).place(label)

    at_or_above = ({label} | ABOVE.get(label, set())) & classes
    if found is not None:
        assert (found in at_or_above, why) == (True, "")
    else:
        assert (why == SEVERAL) == bool(at_or_above)
