from datasets.card import card, lacking, public_card

PART = {
    "by_class": {"cat": [3, 0, 1], "dog": [1, 0, 0]},
    "said": {"cat": [10, 9]},
    "remainder": {"too coarse": 2},
    "votes": {"2": 3, "10": 2},
    "licences": {"CC0": 5},
    "n_votes": 26,
    "n_bytes": 500,
    "confidence": [0, 1, 4],
    "tally": [20.0, 2.0, {"0": 12.0, "1": 8.0}],
}


def test_a_card_adds_up_its_parts():
    found = card([PART, PART], ["dog", "cat", "emu"])

    assert found["by_class"]["cat"] == {"train": 6, "val": 0, "test": 2}
    assert found["by_class"]["emu"] == {"train": 0, "val": 0, "test": 0}
    assert list(found["by_class"]) == ["dog", "cat", "emu"]
    assert found["by_split"] == {"train": 8, "val": 0, "test": 2}
    assert (found["n_votes"], found["n_bytes"], found["confidence"]) == (52, 1000, [0, 2, 8])
    assert (found["votes"], found["remainder"]) == ({"2": 6, "10": 4}, {"too coarse": 4})


def test_agreement_is_worked_out_over_all_parts():
    agreement = card([PART, PART], ["dog", "cat"])["agreement"]

    # 1 - (40 - 1) * 4 / (40² - 24² - 16²)
    assert agreement["alpha"] == round(1 - 39 * 4 / 768, 6)
    assert agreement["share"] == 0.9
    assert agreement["by_class"] == {"dog": None, "cat": 0.9}


def test_a_card_of_nothing_says_so():
    found = card([], ["cat"])

    assert found["by_split"] == {"train": 0, "val": 0, "test": 0}
    assert (found["agreement"]["alpha"], found["agreement"]["share"]) == (None, None)


def test_what_may_be_known_of_a_card_has_no_test_counts_by_class():
    found = card([PART], ["cat", "dog"])

    assert public_card(found)["by_class"] == {"cat": {"train": 3, "val": 0}, "dog": {"train": 1, "val": 0}}
    assert public_card(found)["by_split"]["test"] == 1
    assert found["by_class"]["cat"]["test"] == 1


def test_a_class_lacks_pictures_where_a_part_has_none_of_it():
    assert lacking(card([PART], ["cat", "dog"])["by_class"]) == [
        ("cat", "val"),
        ("dog", "val"),
        ("dog", "test"),
    ]
