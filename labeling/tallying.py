"""Labels -> how many pictures and labels are at each noun and below it, for the pages of the tree."""

from collections.abc import Iterable

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max

from labeling.models import ConsensusFit, Question, Vote
from taxonomy import tree
from taxonomy.models import Ancestry, Change, Tally

LAST = "labeling.tallying.last"  # what was there when it was last counted


def tally_if_changed() -> bool:
    """Count anew unless nothing has happened since this process counted last; say whether it did."""
    now = [
        Change.objects.version(),
        *Vote.objects.aggregate(last=Max("pk")).values(),
        *ConsensusFit.objects.aggregate(last=Max("pk")).values(),
    ]
    if cache.get(LAST) == now:
        return False
    tally()
    cache.set(LAST, now, timeout=None)
    return True


def tally() -> int:
    """Count pictures and labels at every noun and below it; return how many nouns have any.

    A picture is counted once at a noun, however many paths and labels lead there. One pass over the labels;
    readers see the old counts until the new ones are there.
    """
    labelled = Question.objects.labelled().filter(label__isnull=False).order_by()
    n_of = dict(labelled.values_list("label").annotate(n=Count("pk")))
    twice = labelled.values("image").annotate(n=Count("pk")).filter(n__gt=1).values("image")
    several = _table(labelled.filter(image__in=twice).values_list("image", "label"))
    pairs = _table(Ancestry.objects.filter(descendant__in=n_of).values_list("ancestor", "descendant"))
    nodes, place = np.unique(pairs, return_inverse=True)
    ancestor, descendant = place.reshape(-1, 2).T
    n_labels = np.array([n_of.get(pk, 0) for pk in nodes.tolist()], dtype=np.int64)
    label = np.searchsorted(nodes, several[:, 1])
    alone = n_labels - np.bincount(label, minlength=len(nodes))
    pictures = tree.roll_up(len(nodes), ancestor, descendant, alone, several[:, 0], label)
    labels = np.bincount(ancestor, weights=n_labels[descendant], minlength=len(nodes)).astype(np.int64)
    Tally.objects.replace(zip(nodes.tolist(), pictures.tolist(), labels.tolist(), strict=True))
    return len(nodes)


def _table(rows: Iterable[tuple[int, int]]) -> tree.Ints:
    """Return rows of two numbers as an array, (n_rows, 2) int64."""
    return np.fromiter((cell for row in rows for cell in row), dtype=np.int64).reshape(-1, 2)
