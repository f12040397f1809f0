from datasets.turning import Turn, turned

NOUNS = ("dog", "pug", "canine", "cat", "fox", "wolf")
THEMSELVES = dict(zip(NOUNS, NOUNS, strict=True))


def test_without_changes_nothing_turned():
    assert turned([], THEMSELVES, THEMSELVES) == {}


def test_a_merge_turns_a_class_into_its_target():
    assert turned([Turn(7, "pug", "dog")], THEMSELVES, THEMSELVES) == {("pug", "dog"): (7,)}


def test_changes_one_after_another_are_all_named():
    turns = [Turn(7, "pug", "dog"), Turn(9, "dog", "canine")]

    found = turned(turns, THEMSELVES, THEMSELVES)

    assert found == {("pug", "dog"): (7,), ("dog", "canine"): (9,), ("pug", "canine"): (7, 9)}


def test_changes_in_the_other_order_do_not_add_up():
    turns = [Turn(7, "dog", "canine"), Turn(9, "pug", "dog")]

    assert ("pug", "canine") not in turned(turns, THEMSELVES, THEMSELVES)


def test_a_split_turns_a_class_into_each_of_its_parts():
    turns = [Turn(7, "dog", "fox"), Turn(7, "dog", "wolf")]

    assert turned(turns, THEMSELVES, THEMSELVES) == {("dog", "fox"): (7,), ("dog", "wolf"): (7,)}


def test_what_was_undone_turned_nothing():
    turns = [Turn(7, "pug", "dog"), Turn(8, "dog", "pug")]

    assert turned(turns, THEMSELVES, THEMSELVES) == {}


def test_the_undoing_of_an_earlier_change_turns_a_class_back():
    assert turned([Turn(8, "dog", "pug")], THEMSELVES, THEMSELVES) == {("dog", "pug"): (8,)}


def test_what_was_undone_and_done_again_turned_it():
    turns = [Turn(7, "pug", "dog"), Turn(8, "dog", "pug"), Turn(9, "pug", "dog")]

    assert turned(turns, THEMSELVES, THEMSELVES) == {("pug", "dog"): (9,)}


def test_a_noun_below_a_class_turns_that_class():
    old = {"pug": "dog"}
    new = {"fox": "wolf"}

    assert turned([Turn(7, "pug", "fox")], old, new) == {("dog", "wolf"): (7,)}


def test_a_noun_that_moved_from_below_one_class_to_below_another_turns_them():
    found = turned([Turn(7, "pug", "pug")], {"pug": "dog"}, {"pug": "cat"})

    assert found == {("dog", "cat"): (7,)}


def test_a_noun_that_moved_about_below_one_class_turns_nothing():
    assert turned([Turn(7, "pug", "pug")], {"pug": "dog"}, {"pug": "dog"}) == {}


def test_what_no_class_stood_for_turns_nothing():
    assert turned([Turn(7, "pug", "dog")], {"pug": None}, THEMSELVES) == {}
    assert turned([Turn(7, "pug", "dog")], THEMSELVES, {"dog": None}) == {}


def test_several_changes_that_each_made_one_class_of_another_are_all_named():
    turns = [Turn(7, "pug", "wolf"), Turn(9, "fox", "wolf")]

    found = turned(turns, {"pug": "dog", "fox": "dog"}, {"wolf": "canine"})

    assert found == {("dog", "canine"): (7, 9)}
