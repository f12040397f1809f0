"""Votes -> how well the people who cast them agree, and how sure we are of each. Arrays in, arrays out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as steps

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# How far two labels are apart: a table of all, or what works it out for two columns of labels.
Distance = Floats | Callable[[Ints, Ints], Floats]

STEPS = 2000  # of the grid on which a Beta distribution is summed: ends of an interval to 0.0005


def coincidences(item: Ints, label: Ints, count: Ints, n_labels: int) -> Floats:
    """Return how often each pair of labels met on one item, every pair of votes weighing 1 / (votes - 1).

    item, label, count: (n_rows,) int64: `count[r]` votes said of `item[r]` that it is `label[r]`; a pair of item
    and label may come once. Items with one vote have nothing to meet and leave no trace.
    Returns (n_labels, n_labels), symmetric, summing to the number of votes that could be paired.
    Raises ValueError as `alpha` does.
    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
    """
    _check(item, label, count)
    met = np.zeros((n_labels, n_labels))
    for rows in _rows_by_item(item):
        n_votes = count[rows].sum()
        if n_votes > 1:
            pairs = np.outer(count[rows], count[rows]) - np.diag(count[rows])
            met[np.ix_(label[rows], label[rows])] += pairs / (n_votes - 1)
    return met


@dataclass(frozen=True)
class Tally:
    """What alpha is made from. Tallies of different items add up to that of all of them.

    votes: how many could be paired with another on their item; differing: the pairs among them that differ, each
    weighing 1 / (votes on the item - 1); of_label: votes for each label.
    """

    votes: float
    differing: float
    of_label: Mapping[int, float]

    def __add__(self, other: "Tally") -> "Tally":
        labels = sorted({*self.of_label, *other.of_label})
        of_label = {each: self.of_label.get(each, 0) + other.of_label.get(each, 0) for each in labels}
        return Tally(self.votes + other.votes, self.differing + other.differing, of_label)

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha; None where it is not defined."""
        chance = self.votes**2 - sum(n**2 for n in self.of_label.values())
        if not chance:
            return None
        return float(1 - (self.votes - 1) * self.differing / chance)


def tally(item: Ints, label: Ints, count: Ints) -> Tally:
    """Return what alpha is made from; columns and errors as for `coincidences`. Memory grows with the rows."""
    _check(item, label, count)
    if not len(item):
        return Tally(0, 0, {})
    _place, label, votes, others = _paired(item, label, count)
    labels, place = np.unique(label, return_inverse=True)
    n_of_label = np.bincount(place, weights=votes, minlength=len(labels))
    # Of the n - 1 others that a vote meets, its own label has count - 1.
    differing = (votes * (others + 1 - votes) / others).sum()
    of_label = dict(zip(labels.tolist(), n_of_label.tolist(), strict=True))
    return Tally(float(votes.sum()), float(differing), of_label)


def alpha(item: Ints, label: Ints, count: Ints) -> float | None:
    """Return Krippendorff's alpha for nominal data, any number of voters and missing votes: 1 is perfect agreement,
    0 what chance alone would bring, and below 0 is worse than that.

    item, label, count: as for `coincidences`. Returns None where it is not defined: no item has two votes, or all
    votes are for one label. Raises ValueError if the columns differ in length or a count is below 1.
    Source: Krippendorff (2011), section C: alpha = 1 - (n - 1) * sum o_ck / sum n_c * n_k, over c other than k.
    """
    return tally(item, label, count).alpha


def weighted_alpha(item: Ints, label: Ints, count: Ints, distance: Distance) -> float | None:
    """Return Krippendorff's alpha where some labels differ more than others do: votes for kin weigh less against it
    than votes for what has nothing to do with each other. With a distance of 1 between all labels it is `alpha`.

    item, label, count: as for `coincidences`.
    distance: how far two labels are apart, in any unit, 0 of a label from itself and as far back as forth: (n_labels,
        n_labels), [one, other]; or a function of two (n,) int64 columns of labels, which returns (n,). It is
        squared, as in all of his metrics, so that alpha shares out a variance.
    Memory grows with the rows and with the labels that are present; time with these squared too.
    Returns None where it is not defined: no item has two votes, or no two of the labels differ.
    Raises ValueError as `alpha` does, and where a distance is below 0, no number, or not 0 of a label from itself.
    Source: Krippendorff (2011), section D: alpha = 1 - (n - 1) * sum o_ck d_ck^2 / sum n_c n_k d_ck^2.
    """
    _check(item, label, count)
    if not len(item):
        return None
    place, label, votes, others = _paired(item, label, count)
    labels, which = np.unique(label, return_inverse=True)
    n_of_label = np.bincount(which, weights=votes, minlength=len(labels))
    if (of_itself := _squared(distance, labels, labels)).any():
        found = f"{of_itself.max() ** 0.5} of label {labels[of_itself.argmax()]}"
        raise ValueError(f"distance: expected 0 of a label from itself; found {found}.")
    # One label at a time against all, so that no table of all pairs has to fit.
    chance = sum(
        n * (n_of_label @ _squared(distance, np.full_like(labels, one), labels))
        for one, n in zip(labels.tolist(), n_of_label.tolist(), strict=True)
    )
    if not chance:
        return None
    weight, differing, left = votes / others, 0.0, np.arange(len(place))
    for step in steps(1):  # each row with the next one of its item, then the next but one, and so on
        left = left[left + step < len(place)]
        left = left[place[left + step] == place[left]]
        if not len(left):
            break
        pairs = weight[left] * votes[left + step]
        differing += 2 * float(pairs @ _squared(distance, label[left], label[left + step]))
    return float(1 - (votes.sum() - 1) * differing / chance)


def beta_intervals(right: Floats, wrong: Floats, level: float = 0.95) -> Floats:
    """Return between which shares a Beta distribution lies with probability `level`, as much left out on each side.

    right, wrong: (n,), above 0: the pseudo-counts. Returns (n, 2), low and high, each between 0 and 1.
    Raises ValueError if a count is not above 0.
    """
    if not ((right > 0).all() and (wrong > 0).all()):
        raise ValueError("right, wrong: expected counts above 0.")
    share = (np.arange(STEPS) + 0.5) / STEPS  # middles, since the density may be infinite at 0 and at 1
    log_density = np.outer(right - 1, np.log(share)) + np.outer(wrong - 1, np.log1p(-share))  # (n, STEPS)
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True, initial=-np.inf))
    below = density.cumsum(axis=1)
    below /= below[:, -1:]
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    edges = np.concatenate([[0.0], share + 0.5 / STEPS])
    return np.array([np.interp(ends, np.concatenate([[0.0], row]), edges) for row in below]).reshape(-1, 2)


def _rows_by_item(item: Ints) -> Sequence[Ints]:
    order = np.argsort(item, kind="stable")
    starts = np.flatnonzero(np.diff(item[order])) + 1
    return np.split(order, starts) if len(item) else []


def _paired(item: Ints, label: Ints, count: Ints) -> tuple[Ints, Ints, Floats, Floats]:
    """Return the rows of items with two votes at least, sorted by item: the item's place, the label, how many votes
    say so, and how many others each of these votes meets.
    """
    order = np.argsort(item, kind="stable")
    label, votes = label[order], count[order].astype(np.float64)
    _items, place = np.unique(item[order], return_inverse=True)
    others = np.bincount(place, weights=votes)[place].astype(np.float64) - 1
    paired = others > 0
    return place[paired].astype(np.int64), label[paired], votes[paired], others[paired]


def _squared(distance: Distance, one: Ints, other: Ints) -> Floats:
    found = distance(one, other) if callable(distance) else distance[one, other]
    if not (found >= 0).all():
        raise ValueError(f"distance: expected 0 or more; found {found.min()}.")
    squared: Floats = found * found
    return squared


def _check(item: Ints, label: Ints, count: Ints) -> None:
    if not len(item) == len(label) == len(count):
        raise ValueError(
            f"item, label, count: expected one length; found {len(item)}, {len(label)} and {len(count)}."
        )
    if (count < 1).any():
        raise ValueError(f"count: expected 1 or more votes a row; found {count.min()}.")
