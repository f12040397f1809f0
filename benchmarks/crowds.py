"""Crowds made up to resemble published ones in kind: their sizes, their classes and the ways in which people err.

No number here was fitted to a published crowd, and none of labeling.consensus is to be fitted to these. `simulate`
draws from a model that is not ours: annotators lean towards classes of their own, items differ in difficulty, and on
a hard item most who err take it for the same wrong class.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labeling.consensus import Floats, Ints, Votes

BLOCK_FLOATS = 1 << 22


@dataclass(frozen=True, eq=False)
class Crowd:
    """Votes whose truth is known. truth: (n_items,) int64; each item has a vote at least where it was simulated."""

    name: str
    votes: Votes
    truth: Ints
    n_classes: int

    @property
    def n_items(self) -> int:
        return len(self.truth)


def renamed(crowd: Crowd, seed: int) -> Crowd:
    """Return the same crowd with its classes in an order by lot, so that a rule by which ties go to the first class
    neither gains nor loses from which class that is.
    """
    place = np.random.default_rng(seed).permutation(crowd.n_classes)
    votes = Votes(crowd.votes.item, crowd.votes.annotator, place[crowd.votes.label])
    return Crowd(f"{crowd.name}, renamed", votes, place[crowd.truth], crowd.n_classes)


@dataclass(frozen=True)
class Recipe:
    """How to make a crowd up.

    votes_each: votes an item, all by different annotators.
    skill:      the Beta distribution of an annotator's P(right) on an easy item.
    tail:       the k-th largest class is k ** -tail as large as the first; 0 where all are alike.
    ratio:      or with two classes, how many times larger the first is.
    mistakes:   what an error says: any class; one next to the truth on a scale; or the truth's look-alike.
    hard:       the share of items that look like one wrong class, to which 7 of 10 errors on them go, and on which an
                annotator has lost half of the lead over chance.
    leaning:    the spread of the logarithms by which an annotator prefers classes.
    guessing, clicking, hostile: shares of annotators who answer at random, always the same, or wrongly on purpose.
    busy:       the spread of the logarithm of how much an annotator does; 0 where all do about as much.
    """

    name: str
    n_items: int
    n_annotators: int
    n_classes: int
    votes_each: int
    skill: tuple[float, float] = (8.0, 2.0)
    tail: float = 0.0
    ratio: float = 1.0
    mistakes: Literal["any", "next", "pairs"] = "any"
    hard: float = 0.0
    leaning: float = 0.0
    guessing: float = 0.0
    clicking: float = 0.0
    hostile: float = 0.0
    busy: float = 1.0


RECIPES = (
    Recipe("2 classes, few who all lean", 100, 20, 2, 18, (5, 2), hard=0.3, leaning=1.5, busy=0),
    Recipe("2 classes, many who lean", 110, 40, 2, 38, (4, 2), hard=0.4, leaning=1.0, busy=0),
    Recipe("2 classes, ten votes", 800, 160, 2, 10, (8, 2), guessing=0.1),
    Recipe("2 classes, 1 in 9, three votes", 5_000, 200, 2, 3, (9, 1), ratio=8),
    Recipe("2 classes, 1 in 9, who lean", 3_000, 120, 2, 5, (7, 2), ratio=8, leaning=0.8, hard=0.1),
    Recipe("2 classes, a third hostile", 800, 90, 2, 9, (8, 2), hostile=0.3),
    Recipe("2 classes, hard", 4_000, 500, 2, 5, (3, 2), hard=0.3),
    Recipe("3 classes, a fifth hostile", 1_000, 80, 3, 7, (8, 2), hostile=0.2),
    Recipe("4 classes, eighty items", 80, 30, 4, 10, (6, 3), hard=0.2),
    Recipe("4 grades", 2_200, 700, 4, 6, (6, 3), mistakes="next", hard=0.2, leaning=0.4),
    Recipe("4 breeds, hard", 800, 110, 4, 10, (6, 2), mistakes="pairs", hard=0.4, leaning=0.3),
    Recipe("4 classes, half guess", 1_000, 100, 4, 10, (8, 2), guessing=0.5),
    Recipe("5 grades, harsh and lenient", 500, 60, 5, 20, (5, 3), mistakes="next", leaning=0.8),
    Recipe("5 grades, few votes", 2_600, 160, 5, 6, (4, 4), mistakes="next", hard=0.3, leaning=0.4),
    Recipe("5 classes, a third click one", 1_000, 90, 5, 8, (8, 2), clicking=0.33),
    Recipe("10 classes, pairs", 2_000, 100, 10, 5, (7, 3), mistakes="pairs", hard=0.1),
    Recipe("10 classes, five votes a person", 4_000, 2_400, 10, 3, (8, 2), busy=0, guessing=0.1),
    Recipe(
        "10 classes, long tails", 18_000, 900, 10, 5, (7, 3), tail=1.2, mistakes="pairs", hard=0.1, busy=2
    ),
    Recipe("10 classes, a tenth spam", 2_000, 150, 10, 4, (8, 2), guessing=0.05, clicking=0.05, hostile=0.05),
    Recipe("40 classes, hard, long tails", 6_000, 200, 40, 5, (5, 3), tail=0.8, hard=0.3, leaning=0.3),
    Recipe("100 classes, three votes", 3_000, 100, 100, 3, (6, 3), mistakes="pairs"),
    Recipe("100 classes, long tails", 9_000, 300, 100, 5, (6, 3), tail=1.0, mistakes="pairs", hard=0.15),
)


def simulate(recipe: Recipe, seed: int = 0) -> Crowd:
    """Return the crowd that `recipe` and `seed` make, always the same."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(recipe.n_classes, recipe.n_items, p=_shares(recipe))
    annotator = _assign(recipe, rng)
    item = np.repeat(np.arange(recipe.n_items), recipe.votes_each)
    said = _chances(recipe, truth, annotator, item, rng)
    said = _misbehave(said, recipe, truth[item], annotator, rng)
    edges = np.cumsum(said, axis=1)
    label = (rng.random((len(item), 1)) * edges[:, -1:] > edges).sum(axis=1)
    return Crowd(recipe.name, Votes(item, annotator, label), truth, recipe.n_classes)


def _shares(recipe: Recipe) -> Floats:
    """How common each class is, (n_classes,), summing to 1."""
    shares: Floats = np.arange(1.0, recipe.n_classes + 1) ** -recipe.tail
    shares[0] *= recipe.ratio
    shares /= shares.sum()
    return shares


def _assign(recipe: Recipe, rng: np.random.Generator) -> Ints:
    """Draw who votes, (n_items * votes_each,), nobody twice on one item; the busy are drawn more often.

    Source: Efraimidis & Spirakis (2006), doi:10.1016/j.ipl.2005.11.003: the smallest of exponential times.
    """
    pace = np.exp(recipe.busy * rng.standard_normal(recipe.n_annotators))
    step = max(BLOCK_FLOATS // recipe.n_annotators, 1)
    drawn = []
    for first in range(0, recipe.n_items, step):
        n_rows = min(step, recipe.n_items - first)
        times = rng.exponential(size=(n_rows, recipe.n_annotators)) / pace
        drawn.append(times.argpartition(recipe.votes_each - 1, axis=1)[:, : recipe.votes_each])
    _, annotator = np.unique(np.concatenate(drawn).ravel(), return_inverse=True)
    return annotator.astype(np.int64)


def _chances(recipe: Recipe, truth: Ints, annotator: Ints, item: Ints, rng: np.random.Generator) -> Floats:
    """What an honest annotator says of an item, (n_votes, n_classes), rows summing to 1."""
    n_annotators, n_classes = int(annotator.max()) + 1, recipe.n_classes
    skill = rng.beta(*recipe.skill, n_annotators)[annotator]
    is_hard = (rng.random(recipe.n_items) < recipe.hard)[item]
    right = np.where(is_hard, 1 / n_classes + 0.5 * (skill - 1 / n_classes), skill)
    mistakes = _mistakes(recipe)
    wrong = mistakes[truth[item]]
    lure = np.array([rng.choice(n_classes, p=mistakes[t]) for t in truth])[item]
    wrong[is_hard] *= 0.3
    wrong[np.flatnonzero(is_hard), lure[is_hard]] += 0.7
    chances = (1 - right[:, np.newaxis]) * wrong
    chances[np.arange(len(item)), truth[item]] = right
    chances *= np.exp(recipe.leaning * rng.standard_normal((n_annotators, n_classes)))[annotator]
    honest: Floats = chances / chances.sum(axis=1, keepdims=True)
    return honest


def _mistakes(recipe: Recipe) -> Floats:
    """P(said | truth, an error), (n_classes, n_classes), 0 on the diagonal, rows summing to 1."""
    places = np.arange(recipe.n_classes)
    apart = abs(places[:, np.newaxis] - places)
    any_other: Floats = (apart > 0).astype(np.float64)
    if recipe.mistakes == "next":
        any_other *= 0.2 ** (apart - 1.0)
    if recipe.mistakes == "pairs":
        is_partner = (places[:, np.newaxis] ^ 1) == places
        any_other *= np.where(is_partner, 2.0 * recipe.n_classes, 1.0)
    any_other /= any_other.sum(axis=1, keepdims=True)
    return any_other


def _misbehave(
    said: Floats, recipe: Recipe, truth: Ints, annotator: Ints, rng: np.random.Generator
) -> Floats:
    """Put in what the guessing, the clicking and the hostile say instead, (n_votes, n_classes)."""
    n_annotators, n_classes = int(annotator.max()) + 1, recipe.n_classes
    lots = rng.permutation(n_annotators) / n_annotators  # so that their number is no matter of luck
    favourite = np.eye(n_classes)[rng.integers(0, n_classes, n_annotators)]
    ends = np.cumsum([recipe.guessing, recipe.clicking, recipe.hostile])
    kind = np.searchsorted(ends, lots, side="right")[annotator]
    other = (1 - np.eye(n_classes)) / (n_classes - 1)
    said[kind == 0] = 1 / n_classes
    said[kind == 1] = 0.95 * favourite[annotator[kind == 1]] + 0.05 / n_classes
    said[kind == 2] = 0.9 * other[truth[kind == 2]] + 0.1 / n_classes
    return said
