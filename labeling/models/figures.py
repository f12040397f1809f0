"""What counting a collection's votes found, kept so that pages need not count them again.

Figures say nothing that the votes and questions do not: they can be thrown away and counted anew at any time.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, F, Max, Min, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling.models.collections import Collection

LIVE = 20_000  # votes up to which pages count them whenever they are asked for
AGE = timedelta(hours=1)  # then figures are counted anew though nothing is known to have changed
LONGEST_COUNT = timedelta(minutes=10)  # then whoever counts is taken for dead

# What an annotator's votes come to: the columns of a Standing, and what people.py counts.
Standings = dict[int, tuple[int, ...]]


class Counted:
    """When something was counted, in the words of pages."""

    every_s: float

    @property
    def every_minutes(self) -> int:
        """Minutes between two counts while people vote, rounded up."""
        return max(1, math.ceil(self.every_s / 60))


class FiguresQuerySet(models.QuerySet["Figures"]):
    def stale(self) -> Self:
        """Those that are known to have changed since they were counted, or were never counted."""
        return self.filter(Q(counted_at=None) | Q(marked_at__gte=F("counted_at")))

    def mark(self) -> int:
        """Have these counted anew, since what they say has changed; return how many those are."""
        return self.update(marked_at=timezone.now())

    def of(self, collection: Collection) -> "Figures | None":
        """Return what was counted; None where its votes are few enough to be counted for each page."""
        return self.filter(collection=collection, counted_at__isnull=False, n_votes__gt=LIVE).first()

    def of_site(self) -> "SiteFigures | None":
        """Return what was counted on the whole site; None where its votes are few enough to be counted."""
        found = self.aggregate(
            votes=Sum("n_votes"),
            settled=Sum("n_settled"),
            every_s=Max("every_s"),
            last=Max("counted_at"),
            stale=Min("counted_at", filter=Q(marked_at__gte=F("counted_at"))),
        )
        if (found["votes"] or 0) <= LIVE:
            return None
        return SiteFigures(
            found["votes"], found["settled"], found["stale"] or found["last"], found["every_s"]
        )

    def claim(self, collection: int) -> bool:
        """Take the counting of one upon oneself; False where somebody else counts, or it was counted just now."""
        now = timezone.now()
        due = self.filter(pk=collection, due_at__lte=now)
        return bool(due.update(due_at=now + LONGEST_COUNT))


class Figures(Counted, models.Model):
    """What was counted of one collection, and when it is to be counted again."""

    collection = models.OneToOneField(
        Collection, on_delete=models.CASCADE, primary_key=True, related_name="figures"
    )
    found = models.JSONField(default=dict)
    n_votes = models.PositiveIntegerField(default=0)
    n_settled = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True, help_text=_("When counting began; empty before the first."))
    every_s = models.FloatField(default=0, help_text=_("Seconds between two counts while people vote."))
    due_at = models.DateTimeField(default=timezone.now, help_text=_("No count begins before."))
    marked_at = models.DateTimeField(
        default=timezone.now, help_text=_("When something was last found to have changed.")
    )
    last_vote = models.BigIntegerField(default=0, help_text=_("No later vote was looked at."))
    last_retraction = models.BigIntegerField(default=0)
    taxonomy_version = models.PositiveIntegerField(default=0)

    objects = FiguresQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "figures"

    def __str__(self) -> str:
        return f"{self.collection}, counted {self.counted_at}"


@dataclass(frozen=True)
class SiteFigures(Counted):
    """The sums over all collections, and the moment up to which every vote is in them."""

    n_votes: int
    n_settled: int
    counted_at: datetime
    every_s: float


class StandingQuerySet(models.QuerySet["Standing"]):
    def voters(self) -> dict[str, int]:
        """Return how many users have cast a vote, and how many of them are simulated."""
        return self.filter(votes__gt=0).aggregate(
            n_volunteers=Count("annotator", distinct=True),
            n_simulated=Count("annotator", distinct=True, filter=Q(annotator__kind=User.Kind.SIMULATED)),
        )

    def sums(self, annotator: User) -> dict[str, int]:
        """Return the sum of each column over all collections."""
        found = self.filter(annotator=annotator).aggregate(**{name: Sum(name) for name in Standing.COUNTS})
        return {name: n or 0 for name, n in found.items()}

    @transaction.atomic
    def replace(self, collection: Collection, counted: Standings) -> None:
        """Keep these counts of a collection in place of all that were there; write only what is another one."""
        rows = self.filter(collection=collection).values_list("annotator", *Standing.COUNTS)
        kept = {annotator: counts for annotator, *counts in rows}
        new = {who: counts for who, counts in counted.items() if kept.get(who) != list(counts)}
        gone = kept.keys() - counted.keys()
        self.filter(collection=collection, annotator__among=gone).delete()
        Standing.objects.bulk_create(
            self._rows(collection, new.items()),
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["collection", "annotator"],
            update_fields=Standing.COUNTS,
        )

    def _rows(
        self, collection: Collection, counted: Iterable[tuple[int, tuple[int, ...]]]
    ) -> Iterator["Standing"]:
        for annotator, counts in counted:
            columns: dict[str, Any] = dict(zip(Standing.COUNTS, counts, strict=True))
            yield Standing(collection=collection, annotator_id=annotator, **columns)


class Standing(models.Model):
    """What one annotator's votes in one collection come to, as last counted."""

    COUNTS = ("votes", "judged", "agreed", "known", "right")

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="standings", db_index=False
    )
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    votes = models.PositiveIntegerField()
    judged = models.PositiveIntegerField(help_text=_("Votes on decided pictures that are no secret."))
    agreed = models.PositiveIntegerField(help_text=_("Those of them that say what was decided."))
    known = models.PositiveIntegerField(help_text=_("Votes where the answer was known beforehand."))
    right = models.PositiveIntegerField(help_text=_("Those of them that say it."))

    objects = StandingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "annotator"], name="labeling_standing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.agreed} of {self.judged}"
