"""ClassTally rows -> how good entries are on the pictures of some nouns alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from competition.cells import Said
from competition.contenders import counting
from competition.frozen import Frozen
from competition.ladder import rounded
from competition.models import ClassTally, Contest, Metric, Part
from competition.saying import most
from competition.telling import LEAST_PICTURES, order_of, told_interval
from datasets.models import Snapshot
from taxonomy.models import Synset

KEPT = 16  # snapshots that a process remembers: they never change
MOST_OFFERED = 40
COUNTED = {
    Metric.TOP1: 1,
    Metric.TOP5: 2,
    Metric.HIERARCHICAL: 3,
}  # the row of ClassTally.counts; 0 is pictures


@dataclass(frozen=True)
class Noun:
    wnid: str
    name: str
    n_classes: int


@dataclass(frozen=True, eq=False)
class Nouns:
    """The nouns of a contest by which a board can be narrowed, those with the most classes below first."""

    frozen: Frozen
    every: tuple[Noun, ...]

    def find(self, words: str) -> Noun | None:
        """Return the noun of this wnid or name; of several with one name that with the most classes below."""
        wanted = words.strip().lower()
        return next((noun for noun in self.every if wanted in (noun.wnid, noun.name.lower())), None)


def nouns(contest: Contest) -> Nouns:
    """Return the nouns of a contest, sensitive ones too."""
    return _nouns(contest.snapshot.digest)


@lru_cache(KEPT)
def _nouns(digest: str) -> Nouns:
    taxonomy = Snapshot.objects.filter(digest=digest).values_list("taxonomy", flat=True)[0]
    frozen = Frozen.of(taxonomy)
    counts = dict(zip(frozen.nouns, frozen.below.sum(axis=1).tolist(), strict=True))
    every = [Noun(wnid, taxonomy["nouns"][wnid]["name"], n) for wnid, n in counts.items()]
    return Nouns(frozen, tuple(sorted(every, key=lambda noun: (-noun.n_classes, noun.name, noun.wnid))))


def find(contest: Contest, asked: str) -> Noun | None:
    """Return the noun of the contest that has this wnid or name; None where it has none, or none for a page."""
    noun = nouns(contest).find(asked)
    return noun if noun and not _sensitive([noun]) else None


def offered(contest: Contest) -> list[Noun]:
    """Return some nouns to choose from: those with the most classes below."""
    first = nouns(contest).every[:MOST_OFFERED]
    sensitive = _sensitive(first)
    return [noun for noun in first if noun.wnid not in sensitive]


def _sensitive(found: Iterable[Noun]) -> set[str]:
    """Return which of these are sensitive by now: no page shows them."""
    wnids = [noun.wnid for noun in found]
    return set(Synset.objects.filter(wnid__in=wnids, is_sensitive=True).values_list("wnid", flat=True))


def said_below(
    contest: Contest, part: Part, pks: Iterable[int], noun: Noun
) -> dict[int, dict[str, Said]] | None:
    """Return for each of these entries, by its key, what may be told of the pictures at or below a noun. None where
    these are too few: single labels could be worked out from it.

    While the contest goes on that is rounded to what so many pictures support, and how many they are is no more than
    hinted at: how many test pictures a class has is a secret.
    """
    is_below = _is_below(contest, noun)
    sums = {pk: _sums(counts, is_below) for pk, counts in _tallies(contest, part, pks)}
    if not sums or min(each[0] for each in sums.values()) < LEAST_PICTURES:
        return None
    tell = _exactly if contest.is_over else _roughly
    return {
        pk: {metric: tell(each[row], each[0], most(contest, metric)) for metric, row in COUNTED.items()}
        for pk, each in sums.items()
    }


def _tallies(contest: Contest, part: Part, pks: Iterable[int]) -> Iterable[tuple[int, bytes | memoryview]]:
    tallies = ClassTally.objects.filter(submission__in=list(pks), part=part, **counting(contest))
    return tallies.values_list("submission", "counts").iterator()


def _is_below(contest: Contest, noun: Noun) -> NDArray[np.bool_]:
    frozen = nouns(contest).frozen
    is_below: NDArray[np.bool_] = frozen.below[frozen.place[noun.wnid]]
    return is_below


def _sums(counts: bytes | memoryview, is_below: NDArray[np.bool_]) -> list[int]:
    """Return pictures, wrong at first, wrong in five and levels, added over some classes."""
    by_class = np.frombuffer(counts, dtype="<i4").reshape(4, -1)  # (4, n_classes)
    summed: list[int] = by_class[:, is_below].sum(axis=1).tolist()
    return summed


def _exactly(total: int, n: int, at_most: float) -> Said:
    low, high = told_interval(total / n, n, at_most)
    return {"value": total / n, "low": low, "high": high}


def _roughly(total: int, n: int, at_most: float) -> Said:
    hint = order_of(n)
    value = rounded(total / n, hint, at_most)
    low, high = told_interval(value, hint, at_most)
    return {"value": value, "low": low, "high": high}
