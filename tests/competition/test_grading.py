import pytest

from competition.grading import chance_error, grade

# Chance errs on all and people on a tenth: 95 % of the way is 0.145, 85 % 0.235, 70 % 0.37, 50 % 0.55, 20 % 0.82.
LAST_OF_A_LETTER = {"A": 0.145, "B": 0.235, "C": 0.37, "D": 0.55, "E": 0.82, "F": 1.0}
FIRST_OF_A_LETTER = {"A": 0.0, "B": 0.146, "C": 0.236, "D": 0.371, "E": 0.551, "F": 0.821}


@pytest.mark.parametrize("letter", LAST_OF_A_LETTER)
def test_a_letter_is_a_share_of_the_way_from_chance_to_people(letter):
    assert grade(LAST_OF_A_LETTER[letter], 1.0, 0.1) == letter
    assert grade(FIRST_OF_A_LETTER[letter], 1.0, 0.1) == letter


def test_who_errs_as_people_do_has_an_a():
    assert grade(0.051, 0.999, 0.051) == "A"
    assert grade(0.02, 0.999, 0.051) == "A"


def test_who_does_no_better_than_chance_has_an_f():
    assert grade(0.9, 0.9) == "F"
    assert grade(0.95, 0.9) == "F"


def test_where_people_are_unknown_the_way_is_to_no_error():
    # 70 % of the way from 0.9 to 0 is 0.27.
    assert grade(0.27, 0.9) == "C"
    assert grade(0.271, 0.9) == "D"


def test_people_who_do_no_better_than_chance_are_no_goal():
    assert grade(0.27, 0.9, human_error=0.9) == "C"
    assert grade(0.27, 0.9, human_error=0.2) == "B"


def test_with_one_class_everybody_is_right():
    assert grade(0.0, 0.0) == "A"
    assert grade(0.5, 0.0) == "F"


def test_chance_is_right_with_any_of_its_guesses():
    assert chance_error(10) == pytest.approx(0.9)
    assert chance_error(10, k=5) == pytest.approx(0.5)
    assert chance_error(3, k=5) == 0.0


def test_chance_needs_a_class():
    assert chance_error(1) == 0.0

    with pytest.raises(ValueError, match="Expected at least one class; found 0"):
        chance_error(0)
