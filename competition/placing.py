"""Kept answers -> ranks with their intervals, by whether entries differ on the same pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from competition.answers import Answers
from competition.contenders import Contender
from competition.metrics import top_k_wrong
from competition.models import Contest, Metric, Part, Phase
from competition.ranking import rank
from competition.releasing import GUESSES_OF
from competition.truth import truth_of
from config.storage import private_storage


@dataclass(frozen=True)
class Place:
    rank: int
    low: int
    high: int


def places(contest: Contest, phase: Phase, part: Part, ranked: Sequence[Contender]) -> dict[int, Place]:
    """Return the rank of each of these entries among them, by its key. One without kept answers has none: it was
    scored before answers were kept, and gets its rank when it is scored anew.
    """
    kept = [each for each in ranked if each.answers]
    if not kept:
        return {}
    wrong = _wrong(contest, phase, part, kept)
    ranks = rank(wrong)
    return {
        each.pk: Place(*map(int, place))
        for each, *place in zip(kept, ranks.rank, ranks.low, ranks.high, strict=True)
    }


def _wrong(contest: Contest, phase: Phase, part: Part, kept: Sequence[Contender]) -> NDArray[np.float32]:
    """Return which pictures of the part each entry was wrong about; (n_entries, n_images)."""
    truth = truth_of(contest)
    counts = truth.counts(phase, part)
    labels = truth.labels[counts]
    wrong = np.empty((len(kept), len(labels)), dtype=np.float32)
    for row, each in zip(wrong, kept, strict=True):
        row[:] = top_k_wrong(_guesses(each)[counts], labels, GUESSES_OF[Metric(contest.ranked_by)])
    return wrong


def _guesses(entry: Contender) -> NDArray[np.int32]:
    with private_storage().open(entry.answers, "rb") as file:
        return Answers.from_bytes(file.read()).guesses
