"""Labels -> how many pictures and labels are at each noun and below it, for the pages of the tree."""

import time
from collections import Counter
from collections.abc import Collection
from itertools import chain
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Max, Min, QuerySet

from labeling.models import ConsensusFit, Question, Vote
from taxonomy import tree
from taxonomy.models import Ancestry, Change, Tally

LAST = "labeling.tallying.last"  # what was there when it was last counted
RESTING = "labeling.tallying.resting"
# Times as long as a count took, until the next. People vote all the time, and a count of millions takes seconds.
REST = 10
SHORT_S = 3  # a count that takes no longer need not rest: it is asked for twice a minute


def tally_if_changed() -> bool:
    """Count anew unless nothing has happened since it was counted last, or that took long and was just now; say
    whether it did.
    """
    if cache.get(RESTING):
        return False
    now = [
        Change.objects.version(),
        *Vote.objects.aggregate(last=Max("pk")).values(),
        *ConsensusFit.objects.aggregate(last=Max("pk")).values(),
    ]
    if cache.get(LAST) == now:
        return False
    start = time.monotonic()
    tally()
    cache.set(LAST, now, timeout=None)
    took_s = time.monotonic() - start
    if took_s > SHORT_S:
        cache.set(RESTING, True, timeout=round(REST * took_s))
    return True


def forget() -> None:
    """Have labels counted anew though no vote or change says so: after a refit has written them."""
    cache.delete_many([LAST, RESTING])


def tally() -> int:
    """Count pictures and labels at every noun and below it; return how many nouns have any.

    A picture is counted once at a noun, however many paths and labels lead there. One pass over the labels;
    readers see the old counts until the new ones are there.
    """
    n_of, several = _labels()
    pairs = _pairs_above(n_of)
    nodes = np.unique(pairs[:, 0])  # every noun is above itself, so these are all
    ancestor, descendant = np.searchsorted(nodes, pairs).T
    n_labels = np.array([n_of.get(pk, 0) for pk in nodes.tolist()], dtype=np.int64)
    label = np.searchsorted(nodes, several[:, 1])
    alone = n_labels - np.bincount(label, minlength=len(nodes))
    pictures = tree.roll_up(len(nodes), ancestor, descendant, alone, several[:, 0], label)
    labels = np.bincount(ancestor, weights=n_labels[descendant], minlength=len(nodes)).astype(np.int64)
    Tally.objects.replace(zip(nodes.tolist(), pictures.tolist(), labels.tolist(), strict=True))
    return len(nodes)


def _labels() -> tuple[Counter[int], tree.Ints]:
    """Return the number of labels at each noun, and (picture, noun) for each label of a picture that has several.

    Settled labels come from two indexes that hold all that is asked, each read once: counting a column besides
    would lead to the rows. Those that are being narrowed are few, and each counts as one of several.
    """
    settled = Question.objects.settled().filter(label__isnull=False).order_by()
    n_of: Counter[int] = Counter()
    # Grouped by the whole index, other states too: with fewer columns SQLite sorts what the index has in order.
    by_index = Question.objects.order_by().values_list("collection", "state", "label").annotate(n=Count("*"))
    for _collection, state, label, n in by_index:
        if state == Question.State.SETTLED and label is not None:
            n_of[label] += n
    narrowed = (
        Question.objects.labelled().exclude(state=Question.State.SETTLED).filter(narrowing__gt=0).order_by()
    )
    n_of.update(narrowed.values_list("label", flat=True))
    several = _several(settled)
    beside = _table(settled.filter(image__in=narrowed.values("image")).values_list("image", "label"), 2)
    beside = beside[~np.isin(beside[:, 0], several[:, 0])]
    return n_of, np.concatenate([several, beside, _table(narrowed.values_list("image", "label"), 2)])


def _several(settled: QuerySet[Question]) -> tree.Ints:
    """Return (picture, noun) for each settled label of a picture that has several."""
    counted = (
        settled.values("image").annotate(n=Count("*"), low=Min("label"), high=Max("label")).filter(n__gt=1)
    )
    image, n, low, high = _table(counted.values_list("image", "n", "low", "high"), 4).T
    of_two = np.stack([np.tile(image[n == 2], 2), np.concatenate([low[n == 2], high[n == 2]])], axis=1)
    more = settled.values_list("image", "label")
    of_more = _table(more.filter(image__among=image[n > 2].tolist()), 2)
    return np.concatenate([of_two, of_more])


def _pairs_above(nouns: Collection[int]) -> tree.Ints:
    """Return (ancestor, descendant) for each of `nouns` and each noun above it, itself included."""
    above = Ancestry.objects.values_list("ancestor", "descendant")
    return _table(above.filter(descendant__among=nouns), 2)


def _table(rows: QuerySet[Any, Any], n_columns: int) -> tree.Ints:
    """Return rows of whole numbers as an array, (n_rows, n_columns) int64."""
    # From the cursor itself: Django's own iteration takes twice as long for a million rows.
    statement, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return np.fromiter(chain.from_iterable(cursor), dtype=np.int64).reshape(-1, n_columns)
