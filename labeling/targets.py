"""A starter set -> how sure a label of each class has to be. Arrays in, arrays out.

Some questions are asked of so many people that what all of them say can pass for the truth. Their votes, read again
in the order in which they came, tell what would have happened by any target confidence: at which vote the question
would have settled, as what, and whether that is what all the votes say. So for each class one finds the lowest
target at which its labels agree with all votes as often as is wanted: breeds need a higher one than cats, as
ImageNet found (Deng et al. 2009, section 3.2, doi:10.1109/CVPR.2009.5206848).

Few starter questions tell little of a class, so how often its labels agree at a target is drawn towards how often
those of all classes do there; and that towards what the target itself says, so that without any question every
target is what is wanted. Each class's agreement is taken to come from a Beta distribution around that of all, and
how narrow that is, is what makes the classes' counts most probable (beta-binomial likelihood: Griffiths 1973,
doi:10.2307/2529131).

What would have settled as another class before, by that class's own target, is not taken into account.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# The targets that are tried: from even odds to one error in a hundred thousand.
ERRORS = 0.5 * 10.0 ** -np.arange(0, 4.75, 0.05)
TRIED = 1 - ERRORS
# So many questions that agree as often as the target says are put to those of all classes.
AT_ITS_WORD = 20.0
# By how many questions of all classes a class may be helped out.
WEIGHTS = 5.0 * 2.0 ** np.arange(7)


@dataclass(frozen=True, eq=False)
class Course:
    """What was believed of starter questions after each vote by which they could have settled, in the votes' order.

    item:       (n,) int64, which question.
    group:      (n,) int64, 0..n_groups-1, by whose target the label of then would have settled: its class.
    confidence: (n,), 0..1, in that label.
    agrees:     (n,) bool, whether it is what all votes of the question say.
    Raises ValueError if the lengths differ or a confidence is out of its range.
    """

    item: Ints
    group: Ints
    confidence: Floats
    agrees: Bools

    def __post_init__(self) -> None:
        lengths = [len(column) for column in (self.item, self.group, self.confidence, self.agrees)]
        if len({*lengths}) > 1:
            raise ValueError(f"Course: expected columns of one length; found {lengths}.")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError(
                f"Course.confidence: expected 0 to 1; found {self.confidence.min()} to {self.confidence.max()}."
            )


@dataclass(frozen=True, eq=False)
class Targets:
    """The lowest target confidence at which labels agree with all votes as often as is wanted.

    of_group: (n_groups,), of each class; common: of all classes together.
    n_items:  (n_groups,) int64, starter questions that were ever taken for that class; n_all: all of them.
    """

    of_group: Floats
    common: float
    n_items: Ints
    n_all: int


def calibrate(course: Course, n_groups: int, wanted: float) -> Targets:
    """Return the targets at which labels agree with all votes with the share `wanted`, above 0 and below 1.

    None is below `wanted`: not only the mean of labels is to be that sure, each is. Where no target does, it is the
    one at which they agree most often. Raises ValueError if a group is out of range.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"wanted: expected above 0 and below 1; found {wanted}.")
    if len(course.group) and not (course.group.min() >= 0 and course.group.max() < n_groups):
        raise ValueError(
            f"Course.group: expected 0 to {n_groups - 1}; found {course.group.min()} to {course.group.max()}."
        )
    tried = np.append(wanted, TRIED[wanted < TRIED])
    n, n_agree = settled_at(course, n_groups, tried)
    of_all = (n_agree.sum(axis=0) + AT_ITS_WORD * tried) / (n.sum(axis=0) + AT_ITS_WORD)  # (n_tried,)
    common = int(_lowest(of_all[np.newaxis], wanted, 0)[0])
    weight = _weight(n[:, common], n_agree[:, common], of_all[common])
    share = (n_agree + weight * of_all) / (n + weight)  # (n_groups, n_tried)
    pairs = np.unique(np.stack([course.group, course.item], axis=1), axis=0)
    n_items = np.bincount(pairs[:, 0], minlength=n_groups)
    return Targets(
        tried[_lowest(share, wanted, common)], float(tried[common]), n_items, len(np.unique(course.item))
    )


def settled_at(course: Course, n_groups: int, tried: Floats) -> tuple[Ints, Ints]:
    """Return how many questions would have settled as each class by each target, and how many of these labels agree
    with all votes, (n_groups, n_tried) int64 each; tried: (n_tried,), ascending.
    """
    group, low, high, agrees = _spans(course)
    first, end = (np.searchsorted(tried, edge, side="right") for edge in (low, high))
    counts = np.zeros((2, n_groups, len(tried) + 1), dtype=np.int64)
    for which, kept in enumerate((np.ones_like(agrees), agrees)):
        np.add.at(counts[which], (group[kept], first[kept]), 1)
        np.add.at(counts[which], (group[kept], end[kept]), -1)
    n, n_agree = counts.cumsum(axis=2)[:, :, :-1]
    return n, n_agree


def _spans(course: Course) -> tuple[Ints, Floats, Floats, Bools]:
    """Return where a target has a question settle as a class: one above `low`, up to `high`; columns (n_spans,) of
    group, low, high, and whether the label agrees. A vote counts where it carries the confidence above all before.
    """
    order = np.lexsort((np.arange(len(course.item)), course.group, course.item))
    item, group, confidence = course.item[order], course.group[order], course.confidence[order]
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (np.diff(item) != 0) | (np.diff(group) != 0)
    # The highest so far of each run, by ranks, which can be told apart from those of other runs without rounding.
    values, rank = np.unique(confidence, return_inverse=True)
    above = np.cumsum(begins) * (len(values) + 1)
    highest = np.maximum.accumulate(above + rank) - above if len(rank) else rank
    before = np.where(begins, 0.0, np.roll(values[highest] if len(values) else confidence, 1))
    kept = begins | (confidence > before)
    return group[kept], before[kept], confidence[kept], course.agrees[order][kept]


def _lowest(share: Floats, wanted: float, begin: int) -> Ints:
    """Return a place in each row, (n, n_tried), with the share that is wanted; (n,). From the place `begin` on one
    goes down as long as the next has that share too; or up until one has, and where none does, to the highest share.
    So no row leaves where it begins for a low target that passes by chance.
    """
    place, enough = np.arange(share.shape[1]), share >= wanted
    down = np.where(~enough & (place < begin), place + 1, 0).max(axis=1)
    above = enough & (place > begin)
    up = np.where(above.any(axis=1), above.argmax(axis=1), share.argmax(axis=1))
    found: Ints = np.where(enough[:, begin], down, up)
    return found


def _weight(n: Ints, n_agree: Ints, of_all: float) -> float:
    """Return by how many questions a class is most probably drawn to all, one of WEIGHTS; n, n_agree: (n_groups,)."""
    from scipy.special import betaln  # takes a while to load, and web workers do without it

    alpha = (WEIGHTS * of_all)[:, np.newaxis]  # (n_weights, 1)
    beta = (WEIGHTS * (1 - of_all))[:, np.newaxis]
    likelihood = (betaln(alpha + n_agree, beta + n - n_agree) - betaln(alpha, beta)).sum(axis=1)
    return float(WEIGHTS[likelihood.argmax()])


def shift(target: float, common: float) -> float:
    """Return by how much the ln odds of `target` are above those of `common`; both above 0 and below 1."""
    log_odds = [float(np.log(each) - np.log1p(-each)) for each in (target, common)]
    return log_odds[0] - log_odds[1]  # of equals 0 to the bit


def shifted(target: float, by: float) -> float:
    """Return the probability whose ln odds are higher by `by`; above 0 and below 1."""
    if by == 0:
        return target  # to the bit
    odds = target / (1 - target) * float(np.exp(by))
    return min(odds / (1 + odds), 1 - 1e-9)
