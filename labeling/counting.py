"""Counting what votes come to, in a periodic task, so that pages of large collections need not.

Each count passes over all votes of a collection: what was undone, decided anew, merged or withdrawn since is right in
the next one by itself, whatever happened. It comes again when something has changed, and not before ten times as long
has passed as it takes, so counting never takes more than a tenth of one process. Casting a vote writes nothing for
this.
"""

import time
from datetime import datetime, timedelta

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from labeling import overview, people, progress, quality
from labeling.models import Collection, Figures, Retraction, Standing, Vote
from labeling.models.figures import AGE
from taxonomy.models import Change

LEAST_S = 10  # between two counts of one collection
REST = 10  # times as long as a count took, until the next
# A vote may be written down some moments after it got its number and its time, by whoever was slow.
LATE = timedelta(seconds=10)
LATE_ROWS = 1000


def count_changed() -> int:
    """Count the collections that have changed and are due; return how many those were."""
    Figures.objects.bulk_create(
        [Figures(collection=collection) for collection in Collection.objects.filter(figures=None)],
        ignore_conflicts=True,
    )
    last_vote, last_retraction = _last(Vote.objects.all()), _last(Retraction.objects.all())
    _mark_changed()
    due = Figures.objects.stale().filter(due_at__lte=timezone.now()).order_by("counted_at", "pk")
    return sum(count(each, last_vote, last_retraction) for each in due.select_related("collection"))


def count(figures: Figures, last_vote: int = 0, last_retraction: int = 0) -> bool:
    """Count one collection, and keep what is found; False where somebody else does.

    last_vote, last_retraction: up to which changes were looked for before.
    """
    if not Figures.objects.claim(figures.pk):
        return False
    began, start = timezone.now(), time.monotonic()
    collection, version = figures.collection, Change.objects.version()
    Standing.objects.replace(collection, people.count(collection))
    found = {
        **progress.measure(collection),
        "report": overview.measure(collection),
        quality.KEPT: quality.measure(collection),
    }
    every_s = max(LEAST_S, REST * (time.monotonic() - start))
    Figures.objects.filter(pk=figures.pk).update(
        found=found,
        n_votes=found["progress"]["n_votes"],
        n_settled=found["progress"]["n_settled"],
        counted_at=began,
        every_s=every_s,
        due_at=began + timedelta(seconds=every_s),
        last_vote=last_vote,
        last_retraction=last_retraction,
        taxonomy_version=version,
    )
    return True


def _mark_changed() -> None:
    """Find what has changed since it was counted: by new votes, or some that were taken back, or by the taxonomy.
    Refits and organisers mark what they change. What nothing tells of comes within the hour.
    """
    seen = Figures.objects.aggregate(vote=Max("last_vote"), retraction=Max("last_retraction"))
    votes = Vote.objects.filter(pk__gt=(seen["vote"] or 0) - LATE_ROWS)
    retractions = Retraction.objects.filter(pk__gt=(seen["retraction"] or 0) - LATE_ROWS)
    newest = _newest(votes, "cast_at") + _newest(retractions, "retracted_at")
    counted = {
        each.pk: each.counted_at for each in Figures.objects.exclude(counted_at=None).only("counted_at")
    }
    changed = {pk for pk, at in newest if (then := counted.get(pk)) and at >= then - LATE}
    other_tree = ~Q(taxonomy_version=Change.objects.version())
    old = Q(counted_at__lt=timezone.now() - AGE)
    Figures.objects.filter(Q(pk__in=changed) | other_tree | old).mark()


def _newest(rows: "QuerySet[Vote] | QuerySet[Retraction]", at: str) -> list[tuple[int, datetime]]:
    return list(rows.order_by().values_list("question__collection").annotate(newest=Max(at)))


def _last(rows: "QuerySet[Vote] | QuerySet[Retraction]") -> int:
    return rows.aggregate(last=Max("pk"))["last"] or 0
