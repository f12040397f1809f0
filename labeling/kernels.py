"""The inner loop of labeling.expectation, compiled by Numba when it is first called; so it is written for one vote at
a time, with nothing but numbers and arrays. Importing it takes half a second and 60 MiB, compiling it ten seconds.

What was compiled is kept beside this file, or else in the user's folder for caches, until this file changes; so it
takes nothing from other files of ours. Where neither can be written each process compiles anew.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# ln(1 + e^x), read from a table, since it is what an E-step would spend its time on: linear between points
# 1 / TABLE_STEPS apart, at most 2e-6 too large. Beyond the edge probabilities are clipped anyway.
TABLE_EDGE, TABLE_STEPS = 28.0, 128


def softplus_table() -> NDArray[np.float64]:
    """Return ln(1 + e^x) at -TABLE_EDGE, -TABLE_EDGE + 1 / TABLE_STEPS and so on, beyond TABLE_EDGE."""
    points = np.arange(-TABLE_EDGE, TABLE_EDGE + 2 / TABLE_STEPS, 1 / TABLE_STEPS)
    table: NDArray[np.float64] = np.logaddexp(0, points)
    return table


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        found: Callable[..., Any] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither place can be written
        found = numba.njit(nogil=True)(function)
    return found


@compiled
def expect_rows(
    by_shares: bool, first: int, end: int, is_short: Any, start: Any, annotator: Any, label: Any, known: Any,
    seat: Any, log_rows: Any, log_confusion: Any, log_wrong: Any, log_odds: Any, log_prior: Any, prior_of: Any,
    accuracy: Any, member: Any, reach: Any, best: Any, confidence: Any, belief: Any, right: Any, expected_right: Any,
    classes: Any, errors: Any, own: Any, coarse: Any, guessing: float, blur: Any, popular: Any, guesses: Any,
    guessed: Any,
) -> float:  # fmt: skip
    """Work out the rows from `first` to `end` that weigh every class: write `best`, `confidence` and `belief`, add to
    the six behind them, and return the log likelihood. See labeling.expectation for the arrays.
    """
    n_classes = log_prior.shape[1]
    joint = np.empty(n_classes)
    of_vote = np.empty(n_classes)
    log_likelihood = 0.0
    for row in range(first, end):
        if is_short[row]:
            continue
        votes = slice(start[row], start[row + 1])
        if by_shares:
            _share(joint, label[votes], member)
        else:
            joint[:] = log_prior[prior_of[row]]
            for v in range(start[row], start[row + 1]):
                a, o = seat[annotator[v]], label[v]
                if o >= n_classes or blur[row] > 0:
                    _read(of_vote, a, o, log_rows, log_confusion, log_wrong, member, reach)
                    for t in range(n_classes):
                        joint[t] += np.log((1 - blur[row]) * of_vote[t] + blur[row] * popular[o])
                elif a >= 0:
                    of_truth = log_rows[a, o]
                    for t in range(n_classes):
                        joint[t] += of_truth[t]
                else:
                    errs, towards = log_wrong[-1 - a], log_confusion[o]
                    for t in range(n_classes):
                        joint[t] += errs[t] + towards[t]
                    joint[o] += log_odds[-1 - a, o]
            log_likelihood += _normalise(joint)
        if known[row] >= 0:
            log_likelihood += np.log(max(joint[known[row]], 1e-300))
            joint[:] = 0
            joint[known[row]] = 1
        best[row] = _likeliest(joint)
        confidence[row] = joint[best[row]]
        if prior_of[row] > 0:
            belief[prior_of[row] - 1] = joint
        hits = 0.0
        for t in range(n_classes):
            classes[t] += joint[t]
            hits += joint[t] * accuracy[t]
        for v in range(start[row], start[row + 1]):
            who, o = annotator[v], label[v]
            a = seat[who]
            is_plain = blur[row] == 0 or by_shares
            if o < n_classes and is_plain:
                expected_right[who] += hits
                right[who] += joint[o]
                if a >= 0:
                    _add(own[a, o], joint)
                else:
                    _add(errors[o], joint)
                continue
            _read(of_vote, a, o, log_rows, log_confusion, log_wrong, member, reach)
            b = 0.0 if is_plain else blur[row]
            sure = 0.0
            for t in range(n_classes):
                of_vote[t] = (1 - b) * of_vote[t] + b * popular[o]
                sure += joint[t] * (1 - b * popular[o] / of_vote[t])
            expected_right[who] += sure * hits
            if b > 0:
                _count_guess(guesses, 1 - sure, b, guessing)
                guessed[who] += 1 - sure
            for t in range(n_classes):
                ratio = (1 - b) * joint[t] / of_vote[t]
                if o < n_classes:
                    share = joint[t] * (1 - b * popular[o] / of_vote[t])
                    if t == o:
                        right[who] += share
                    if a >= 0:
                        own[a, o, t] += share
                    else:
                        errors[o, t] += share
                    continue
                if a < 0:
                    wrong = np.exp(log_wrong[-1 - a, t])
                    coarse[o - n_classes, t] += ratio * wrong
                    if member[o - n_classes, t]:
                        right[who] += ratio * (1 - wrong)
                        errors[t, t] += ratio * (1 - wrong)
                    continue
                for seen in range(n_classes):
                    if member[o - n_classes, seen]:
                        share = ratio * np.exp(log_rows[a, seen, t])
                        own[a, seen, t] += share
                        if seen == t:
                            right[who] += share
    return log_likelihood


@compiled
def expect_short_rows(
    by_shares: bool, first: int, end: int, is_short: Any, start: Any, annotator: Any, label: Any, known: Any,
    seat: Any, log_rows: Any, log_far_rows: Any, log_confusion: Any, log_far: Any, above: Any, prior: Any,
    log_prior: Any, accuracy: Any, difficulty: Any, mean_accuracy: float, hardness: float, near: Any, softplus: Any,
    best: Any, confidence: Any, right: Any, expected_right: Any, classes: Any, errors: Any, own: Any, far: Any,
    far_errors: Any, far_own: Any, guessing: float, blur: Any, popular: Any, guesses: Any,
    guessed: Any,
) -> float:  # fmt: skip
    """The same of those that weigh a shortlist: its classes have places 1, 2, ... in `joint`, and all others
    together place 0. See labeling.expectation for the arrays.
    """
    n_classes = len(log_prior)
    listed, is_listed = np.empty(n_classes + 1, np.int64), np.zeros(n_classes, np.bool_)
    joint, of_vote = np.empty(n_classes + 1), np.empty(n_classes + 1)
    log_likelihood = 0.0
    for row in range(first, end):
        if not is_short[row]:
            continue
        begin, stop = start[row], start[row + 1]
        n = _list(listed, is_listed, label[begin:stop], known[row], near, by_shares)
        if by_shares:
            joint[: n + 1] = 0.0
            for k in range(1, n + 1):
                for v in range(begin, stop):
                    joint[k] += (label[v] == listed[k]) / (stop - begin)
        else:
            outside = 1.0
            for k in range(1, n + 1):
                joint[k] = log_prior[listed[k]]
                outside -= prior[listed[k]]
            joint[0] = np.log(max(outside, 1e-12))
            n_alike = 0
            for v in range(begin, stop):
                a, o = seat[annotator[v]], label[v]
                if blur[row] > 0:
                    _read_listed(
                        of_vote, a, o, listed, n, log_rows, log_far_rows, log_confusion, log_far, above[annotator[v]],
                        difficulty, hardness,
                    )  # fmt: skip
                    for k in range(n + 1):
                        joint[k] += np.log((1 - blur[row]) * of_vote[k] + blur[row] * popular[o])
                elif a >= 0:
                    joint[0] += log_far_rows[a, o]
                    for k in range(1, n + 1):
                        joint[k] += log_rows[a, o, listed[k]]
                else:
                    n_alike += 1
                    ahead = above[annotator[v]]
                    joint[0] -= _softplus(ahead + hardness, softplus)
                    for k in range(1, n + 1):
                        odds = ahead + difficulty[listed[k]]
                        joint[k] += (odds if listed[k] == o else 0.0) - _softplus(odds, softplus)
                if n_alike and (v + 1 == stop or label[v + 1] != o):
                    # Votes come in order of their labels, so each of these rows is fetched from memory once.
                    joint[0] += n_alike * log_far[o]
                    _add_listed(joint, log_confusion[o], listed, n, n_alike)
                    n_alike = 0
            log_likelihood += _normalise(joint[: n + 1])
        if known[row] >= 0:
            for k in range(1, n + 1):
                if listed[k] == known[row]:
                    log_likelihood += np.log(max(joint[k], 1e-300))
                joint[k] = listed[k] == known[row]
            joint[0] = 0.0
        k = 1 + _likeliest(joint[1 : n + 1])
        best[row], confidence[row] = listed[k], joint[k]
        hits = joint[0] * mean_accuracy
        far[0] += joint[0]
        for k in range(1, n + 1):
            classes[listed[k]] += joint[k]
            hits += joint[k] * accuracy[listed[k]]
        n_alike = 0
        for v in range(begin, stop):
            who, o = annotator[v], label[v]
            a = seat[who]
            if blur[row] > 0 and not by_shares:
                _read_listed(
                    of_vote, a, o, listed, n, log_rows, log_far_rows, log_confusion, log_far, above[who], difficulty,
                    hardness,
                )  # fmt: skip
                sure = 0.0
                for k in range(n + 1):
                    of_vote[k] = joint[k] * (
                        1 - blur[row] * popular[o] / ((1 - blur[row]) * of_vote[k] + blur[row] * popular[o])
                    )
                    sure += of_vote[k]
                _count_guess(guesses, 1 - sure, blur[row], guessing)
                guessed[who] += 1 - sure
                expected_right[who] += sure * hits
                for k in range(1, n + 1):
                    if listed[k] == o:
                        right[who] += of_vote[k]
                if a >= 0:
                    far_own[a, o] += of_vote[0]
                    _count_listed(own[a, o], of_vote, listed, n, 1)
                else:
                    far_errors[o] += of_vote[0]
                    _count_listed(errors[o], of_vote, listed, n, 1)
                continue
            expected_right[who] += hits
            for k in range(1, n + 1):
                if listed[k] == o:
                    right[who] += joint[k]
            if a >= 0:
                far_own[a, o] += joint[0]
                _count_listed(own[a, o], joint, listed, n, 1)
            else:
                n_alike += 1
            if n_alike and (v + 1 == stop or label[v + 1] != o):
                far_errors[o] += n_alike * joint[0]
                _count_listed(errors[o], joint, listed, n, n_alike)
                n_alike = 0
    return log_likelihood


@compiled
def _add(into: Any, joint: Any) -> None:
    for t in range(len(joint)):
        into[t] += joint[t]


@compiled
def _add_listed(joint: Any, of_truth: Any, listed: Any, n: int, times: int) -> None:
    for k in range(1, n + 1):
        joint[k] += times * of_truth[listed[k]]


@compiled
def _count_listed(counts: Any, joint: Any, listed: Any, n: int, times: int) -> None:
    for k in range(1, n + 1):
        counts[listed[k]] += times * joint[k]


@compiled
def _list(listed: Any, is_listed: Any, labels: Any, known: int, near: Any, by_shares: bool) -> int:
    """Write to `listed`, from place 1 on, which classes are weighed; return how many."""
    n = 0
    for o in labels:
        if not is_listed[o]:
            n += 1
            listed[n], is_listed[o] = o, True
    n_named = n
    for place in range(1, n_named + 1 if not by_shares else 1):
        for t in near[listed[place]]:
            if not is_listed[t]:
                n += 1
                listed[n], is_listed[t] = t, True
    if known >= 0 and not is_listed[known]:
        n += 1
        listed[n] = known
    for place in range(1, n + 1):
        is_listed[listed[place]] = False
    return n


@compiled
def _softplus(x: float, table: Any) -> float:
    """Return ln(1 + e^x), by labeling.shortlists.softplus_table()."""
    at = (min(max(x, -TABLE_EDGE), TABLE_EDGE) + TABLE_EDGE) * TABLE_STEPS
    place = int(at)
    return float(table[place] + (at - place) * (table[place + 1] - table[place]))


@compiled
def _share(joint: Any, labels: Any, member: Any) -> None:
    """Write each class's share of the votes; one for a group goes to its classes alike."""
    n_classes = len(joint)
    joint[:] = 0.0
    for o in labels:
        if o < n_classes:
            joint[o] += 1.0 / len(labels)
            continue
        inside = member[o - n_classes]
        for t in range(n_classes):
            joint[t] += inside[t] / (inside.sum() * len(labels))


@compiled
def _normalise(joint: Any) -> float:
    """Turn logarithms into shares of their sum; return the logarithm of that."""
    n_classes = len(joint)
    top = joint.max()
    total = 0.0
    for t in range(n_classes):
        joint[t] = np.exp(joint[t] - top)
        total += joint[t]
    for t in range(n_classes):
        joint[t] /= total
    return float(top + np.log(total))


@compiled
def _likeliest(joint: Any) -> int:
    """Return the first of those that nothing but rounding sets below the largest."""
    enough = joint.max() * (1 - 1e-9)
    for t in range(len(joint)):
        if joint[t] >= enough:
            return t
    return 0


@compiled
def _count_guess(guesses: Any, guessed: float, b: float, guessing: float) -> None:
    """Count a vote that was a guess with P = guessed: two things had to come together, each with its chance before,
    `guessing` and b / guessing, so where it was none the first may have been so all the same.
    """
    guesses[0] += guessed + (1 - guessed) * (guessing - b) / (1 - b)
    guesses[1] += 1


@compiled
def _read_listed(
    of_vote: Any, a: int, o: int, listed: Any, n: int, log_rows: Any, log_far_rows: Any, log_confusion: Any,
    log_far: Any, ahead: float, difficulty: Any, hardness: float,
) -> None:  # fmt: skip
    """Write P(o | truth) to `of_vote`, at the places that a shortlist's classes and all others have there."""
    if a >= 0:
        of_vote[0] = np.exp(log_far_rows[a, o])
        for k in range(1, n + 1):
            of_vote[k] = np.exp(log_rows[a, o, listed[k]])
        return
    of_vote[0] = np.exp(log_far[o]) / (1 + np.exp(ahead + hardness))
    for k in range(1, n + 1):
        t = listed[k]
        wrong = 1 / (1 + np.exp(ahead + difficulty[t]))
        of_vote[k] = 1 - wrong if t == o else wrong * np.exp(log_confusion[o, t])


@compiled
def _read(
    of_vote: Any, a: int, o: int, log_rows: Any, log_confusion: Any, log_wrong: Any, member: Any, reach: Any
) -> None:
    """Write P(o | truth) to `of_vote`, of a class or a group: of somebody with an own confusion, or at place
    -1 - a of the others.
    """
    n_classes = len(of_vote)
    if o < n_classes:
        for t in range(n_classes):
            if a >= 0:
                of_vote[t] = np.exp(log_rows[a, o, t])
            else:
                wrong = np.exp(log_wrong[-1 - a, t])
                of_vote[t] = 1 - wrong if t == o else wrong * np.exp(log_confusion[o, t])
        return
    group = o - n_classes
    for t in range(n_classes):
        of_vote[t] = 0.0
    if a < 0:
        for t in range(n_classes):
            wrong = np.exp(log_wrong[-1 - a, t])
            of_vote[t] = wrong * reach[group, t] + (1 - wrong) * member[group, t]
        return
    for seen in range(n_classes):
        if member[group, seen]:
            for t in range(n_classes):
                of_vote[t] += np.exp(log_rows[a, seen, t])


@compiled
def count_shares(start: Any, annotator: Any, label: Any, classes: Any, counts: Any) -> None:
    """Add each row to `classes`, and each vote to `counts`, [annotator, observed, truth], where a row is of each
    class by its share of the row's votes.
    """
    for row in range(len(start) - 1):
        share = 1.0 / (start[row + 1] - start[row])
        for v in range(start[row], start[row + 1]):
            classes[label[v]] += share
            for w in range(start[row], start[row + 1]):
                counts[annotator[v], label[v], label[w]] += share
