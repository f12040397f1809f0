"""The M-step of labeling.consensus: what to believe of a crowd and its annotators, given what the items show.

Everything is drawn towards what is known of more people: an annotator's own confusion towards what their skill and
the crowd's confusion would make it, the skill towards the crowd's, the crowd towards a mild optimism. How firmly,
the crowd itself says (empirical Bayes).
"""

from dataclasses import replace

import numpy as np

from labeling.expectation import NOBODY, AnyFloats, Crowd, Expected
from labeling.parameters import ROW_WEIGHT, START_SKILL, Floats, Ints, Parameters, logit

# The start counts as this many annotators when the crowd's skill prior is estimated.
START_ANNOTATORS = 4.0
# As a whole a crowd is presumed right more often than wrong; otherwise a relabelling of the classes, under
# which everybody is an adversary, would explain the votes as well. Single annotators may fall far below.
CROWD_MEAN = (0.5, 0.98)
# Pseudo-votes that the crowd lends to each annotator: more than twenty votes of one's own outweigh them.
CROWD_WEIGHT = (2.0, 20.0)
# Pseudo-counts of the prior; of each class's accuracy, at least; and of each pair of a truth and a mistake.
ITEMS_PER_CLASS = 1.0
VOTES_PER_TRUTH = 20.0
ERRORS_PER_PAIR = 1.0
# Few votes an item hardly tell which of two nouns is the one that is misread, the less so the more people err; a fit
# that presumes it lets one noun swallow the other. Where a share e of the votes errs, some e² of two votes err both.
# As many of a class's votes, times DOUBT_SHARE, draw its accuracy to the start, its errors to what is taken for it.
DOUBT_SHARE, MOST_DOUBT = 4.0, 100.0
# Who has a vote for every four cells of a confusion gets one of their own. So these hold four numbers a vote at most.
VOTES_PER_CELL = 0.25
# Votes that are guesses, and as many that are none, before any.
GUESSES = 2.0
# How firmly ROW_WEIGHT is held, as the shape of a Gamma distribution around it, and what it never leaves.
ROW_SHAPE = 4.0
ROW_WEIGHTS = (1.0, 300.0)
MOST_ROWS, ROW_STEPS = 1_000, 2  # annotators whose matrices tell it, and steps towards it an iteration


def choose_own(n_fine: Ints, n_classes: int) -> Ints:
    """Return which annotators get a confusion of their own: (n_annotators,) int64, places from 0 on, or NOBODY.

    n_fine: (n_annotators,), their votes that name a class; those for groups do not tell which of them somebody sees.
    """
    has_own = n_fine >= VOTES_PER_CELL * n_classes**2
    return (
        np.where(has_own, np.cumsum(has_own) - 1, NOBODY) if n_classes > 1 else np.full(len(has_own), NOBODY)
    )


def maximise(
    expected: Expected, n_votes_of: Floats, own: Ints, parameters: Parameters
) -> tuple[Crowd, Parameters]:
    """Return what is believed of the annotators and of the crowd; `parameters` are the ones before."""
    n_classes = parameters.n_classes
    said = (expected.errors + expected.own.sum(axis=0)).T  # (n_classes, n_classes), [truth, observed]
    accuracy, confusion = _crowd_rows(said)
    n_right_of_crowd = float(said.sum(axis=1) @ accuracy)
    skill, skill_prior = _skills(
        expected, n_votes_of - expected.guessed, n_right_of_crowd, sum(parameters.skill_prior)
    )
    classes = expected.classes + ITEMS_PER_CLASS
    n_guesses, n_blurred = expected.guesses
    guessing = float((n_guesses + GUESSES) / (n_blurred + 2 * GUESSES))
    network, row_weight = parameters.network, parameters.row_weight
    found = Parameters(
        classes / classes.sum(), confusion, skill_prior, accuracy, network, guessing, row_weight
    )
    rows = np.empty((0, n_classes, n_classes), expected.own.dtype)
    if len(expected.own):
        mean = skill[own != NOBODY, 0] / skill[own != NOBODY].sum(axis=1)
        # [own, observed, truth]
        drawn_to = found.likelihoods(mean).transpose(0, 2, 1).astype(expected.own.dtype, order="C")
        found = replace(found, row_weight=_row_weight(expected.own, drawn_to, parameters.row_weight))
        rows = expected.own + np.float32(found.row_weight) * drawn_to
        rows /= rows.sum(axis=1, keepdims=True)
    return Crowd(skill, own, rows), found


def _crowd_rows(said: Floats) -> tuple[Floats, Floats]:
    """Return how often the crowd is right on each class, and what it says where it is not, smoothed."""
    n_classes = len(said)
    start, n_of = START_SKILL[0] / sum(START_SKILL), said.sum(axis=1)
    errs = 1 - np.trace(said) / max(n_of.sum(), 1e-9)
    doubt = np.minimum(DOUBT_SHARE * errs**2 * n_of, MOST_DOUBT)
    held = np.maximum(doubt, VOTES_PER_TRUTH)
    accuracy = (said.diagonal() + held * start) / (n_of + held)
    errors = said + _mirrored(said, doubt) + ERRORS_PER_PAIR
    np.fill_diagonal(errors, 0)
    if n_classes > 1:
        errors /= errors.sum(axis=1, keepdims=True)
    return accuracy, errors


def _mirrored(said: Floats, most: Floats) -> Floats:
    """Return how often each class would be taken for each other, if as often as the other is for it; (n_classes,
    n_classes), [truth, observed], each row's errors together at most `most`, (n_classes,).
    """
    n_of = said.sum(axis=1, keepdims=True)
    mirrored: Floats = (said / np.maximum(n_of, 1e-9)).T * n_of
    np.fill_diagonal(mirrored, 0)
    mirrored *= np.minimum(1, most / np.maximum(mirrored.sum(axis=1), 1e-9))[:, np.newaxis]
    return mirrored


def _skills(
    expected: Expected, n_votes_of: Floats, n_right_of_crowd: float, weight: float
) -> tuple[Floats, tuple[float, float]]:
    """Return the skills as Beta pseudo-counts, (n_annotators, 2), and their prior.

    A skill is the share of votes that would be right on items as hard as all are on average: on the scale of log odds
    it lies as far above the crowd's as somebody's share of right votes lies above what the crowd would have had on
    the same items.
    """
    # Rounding may carry a sum of ones a hair above their number, and a count must not be negative.
    right = np.minimum(expected.right, n_votes_of)
    prior = _skill_prior(right, n_votes_of, weight)
    a, b = prior
    n = np.maximum(n_votes_of, 1e-9)
    # What the crowd would have had was worked out with its accuracy of before.
    scale = n_right_of_crowd / max(expected.expected_right.sum(), 1e-9)
    crowd = np.where(n_votes_of > 0, scale * expected.expected_right / n, a / (a + b))
    share = (right + (a + b) * crowd) / (n_votes_of + a + b)
    above = logit(np.clip(share, 1e-9, 1 - 1e-9)) - logit(np.clip(crowd, 1e-9, 1 - 1e-9))
    mean = 1 / (1 + np.exp(-(above + np.log(a / b))))
    mean = np.clip(mean, 1e-9, 1 - 1e-9)
    return np.stack([mean, 1 - mean], axis=1) * (n_votes_of + a + b)[:, np.newaxis], prior


def _row_weight(own: AnyFloats, drawn_to: AnyFloats, weight: float) -> float:
    """Return by how many pseudo-votes a row these confusions are most probably drawn to what they are drawn to.

    own, drawn_to: (n_own, n_classes, n_classes), [own, observed, truth], votes and shares; weight: today's, from
    which some steps are made. A Gamma distribution of mean ROW_WEIGHT and shape ROW_SHAPE is its prior.
    Source: the fixed point of the Dirichlet-multinomial likelihood, Minka (2000), Estimating a Dirichlet
    distribution, eq. 65, with the prior's share in numerator and denominator.
    """
    from scipy.special import digamma  # takes a while to load, and web workers do without it

    few = slice(None, None, 1 + len(own) // MOST_ROWS)
    own, drawn_to = own[few], drawn_to[few]
    for _step in range(ROW_STEPS):
        towards = weight * drawn_to
        above = (drawn_to * (digamma(own + towards) - digamma(towards))).sum()
        below = (digamma(own.sum(axis=1) + weight) - digamma(weight)).sum()
        found = (weight * above + ROW_SHAPE) / (below + ROW_SHAPE / ROW_WEIGHT)
        weight = float(np.clip(found, *ROW_WEIGHTS))
    return weight


def _skill_prior(right: Floats, n_votes_of: Floats, weight: float) -> tuple[float, float]:
    """Match the Beta distribution of skills in the crowd to the mean and spread of its shares of right votes.

    right, n_votes_of: (n_annotators,), expected right votes, and all votes; weight: today's a + b.
    The start takes part as START_ANNOTATORS more annotators, so neither a crowd of one nor one without errors
    makes a certain prior. Source: moments of the beta-binomial, Kleinman (1973),
    doi:10.1080/01621459.1973.10481332: the mean, and rho = 1 / (a + b + 1), the correlation between one
    annotator's votes.
    """
    n = n_votes_of[n_votes_of > 0]
    share = right[n_votes_of > 0] / n
    # What one annotator tells about the crowd: n votes count as n while few, never as more than a + b + 1.
    w = n * (weight + 1) / (n + weight)
    start_weight = sum(START_SKILL)
    start_w = START_ANNOTATORS * start_weight
    mean = (start_w * START_SKILL[0] / start_weight + w @ share) / (start_w + w.sum())
    mean = min(max(mean, CROWD_MEAN[0]), CROWD_MEAN[1])
    spread = w @ (share - mean) ** 2 / (mean * (1 - mean))
    # E[spread] = sum of w * (1 / n + rho * (1 - 1 / n)); solve for rho.
    rho = (spread - (w / n).sum() + start_w / (start_weight + 1)) / ((w * (1 - 1 / n)).sum() + start_w)
    new_weight = min(max(1 / max(rho, 1e-9) - 1, CROWD_WEIGHT[0]), CROWD_WEIGHT[1])
    return float(new_weight * mean), float(new_weight * (1 - mean))
