"""What measures and grades mean, in words for everybody."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from competition.grading import GRADES, WORST
from competition.models import Metric

MEASURES: dict[str, Promise] = {
    Metric.TOP1: _("The share of pictures whose noun was not the first guess."),
    Metric.TOP5: _("The share of pictures whose noun was not among the five guesses."),
    Metric.HIERARCHICAL: _(
        "How far up the tree of nouns one must go from the best of five guesses to meet the truth, in levels; 0 is "
        "exact. A guess that is missing costs as much as the worst."
    ),
    Metric.SEVERITY: _(
        "How far up the tree the first guess meets the truth where it is wrong: a small one takes a husky for "
        "another dog, a large one for a teapot."
    ),
    Metric.CALIBRATION: _(
        "How far what an entry says of its first guess is from how often that is right: of guesses at 80 %, 80 % "
        "should be."
    ),
    Metric.BRIER: _(
        "How far all its probabilities are from the truth, squared and added: from 0, sure and right, to 2, sure and "
        "wrong."
    ),
}
GRADE_WORDS: dict[str, Promise] = {
    "A": _("as good as people"),
    "B": _("nearly as good as people"),
    "C": _("good"),
    "D": _("over half the way"),
    "E": _("better than chance"),
    "F": _("hardly better than chance, or worse"),
}
# The same where nobody has measured what people err.
GRADE_WORDS_ALONE: dict[str, Promise] = GRADE_WORDS | {
    "A": _("hardly an error"),
    "B": _("few errors"),
}


def measures() -> list[tuple[Promise | str, Promise]]:
    """Return the name of each measure and what it says."""
    return [(metric.label, MEASURES[metric]) for metric in Metric]


def grade_words(letter: str, *, knows_people: bool) -> Promise | str:
    """Return what a letter means; empty where there is none."""
    return (GRADE_WORDS if knows_people else GRADE_WORDS_ALONE).get(letter, "")


def grades(*, knows_people: bool) -> list[tuple[str, Promise | str, float | None]]:
    """Return each letter, what it means, and the least share of the way from chance that it takes; None for the
    last.
    """
    least: list[tuple[str, float | None]] = [*GRADES, (WORST, None)]
    return [(letter, grade_words(letter, knows_people=knows_people), share) for letter, share in least]
