"""Refits of collections: which waits, which runs and how far it is, what the last ones took. Rows hold the truth."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.clock import silent
from labeling import consensus, pace
from labeling.models.collections import Collection
from labeling.models.figures import LIVE
from labeling.models.fits import ConsensusFit
from labeling.models.questions import Question

HEARTBEAT_EVERY_S = 2
# Without a heartbeat. The longest silence is one iteration: half a minute for 10,000,000 votes of 1,000 classes.
LOST_AFTER = timedelta(minutes=5)
SILENT_AFTER = timedelta(minutes=1)  # pages say that nothing was heard of it
MOST_LOST = 3  # times that its worker died, until it is given up
REST = timedelta(hours=1)  # after a refit that failed, until growth brings another


class RefitLostError(Exception):
    """The refit was given to another worker, or is gone: this one has nothing left to do."""


class RefitQuerySet(models.QuerySet["Refit"]):
    def waiting(self) -> Self:
        return self.filter(state=Refit.State.WAITING)

    def running(self) -> Self:
        return self.filter(state__in=Refit.RUNNING)

    def finished(self) -> Self:
        return self.filter(state=Refit.State.FINISHED)

    def failed_lately(self) -> Self:
        return self.filter(state=Refit.State.FAILED, finished_at__gt=timezone.now() - REST)

    def of(self, collection: Collection) -> "Refits":
        """Return what a collection's pages say of its refits. One query: only the latest can be unfinished."""
        latest = list(self.filter(collection=collection)[:2])
        current = latest.pop(0) if latest and not latest[0].has_ended else None
        return Refits(current, latest[0] if latest else None)

    def enqueue(self, collection: Collection, cause: "Refit.Cause") -> "Refit":
        """Have a collection refitted; return the new refit, or the one that waits or runs already."""
        # The database keeps a second one out, whoever comes at the same moment.
        Refit.objects.bulk_create([Refit(collection=collection, cause=cause)], ignore_conflicts=True)
        refit = self.filter(collection=collection).latest()
        if cause != Refit.Cause.GROWTH and self.waiting().filter(pk=refit.pk).update(cause=cause):
            refit.cause = cause  # which begins anew, as growth does not
        return refit

    def claim_next(self) -> "Refit | None":
        """Take the oldest that waits; None if there is none."""
        for pk in self.waiting().order_by("pk").values_list("pk", flat=True)[:10]:
            if refit := self.claim(pk):
                return refit
        return None

    def claim(self, pk: int) -> "Refit | None":
        """Take one that waits; None if it does not, or somebody else took it."""
        # One UPDATE both checks and takes it, so two workers cannot refit the same collection.
        moment = timezone.now()
        taken = (
            self.waiting()
            .filter(pk=pk)
            .update(
                state=Refit.State.READING,
                attempt=F("attempt") + 1,
                started_at=moment,
                heartbeat_at=moment,
                n_iterations=0,
                moved=None,
            )
        )
        return self.select_related("collection").get(pk=pk) if taken else None

    def lost(self) -> Self:
        """Those whose worker has died: they say nothing any more."""
        return self.running().filter(silent("heartbeat_at", LOST_AFTER))

    def requeue(self) -> int:
        """Let these running ones wait again; what broke off too often has failed. Return how many wait."""
        self.running().filter(n_lost__gte=MOST_LOST - 1).update(
            state=Refit.State.FAILED,
            error=_("It broke off %(n)d times; perhaps the machine has too little memory for it.")
            % {"n": MOST_LOST},
            finished_at=timezone.now(),
        )
        return self.running().update(state=Refit.State.WAITING, n_lost=F("n_lost") + 1)

    def due_by_growth(self) -> list[Collection]:
        """Return the collections whose votes have grown by a tenth, and by ten at least, since their last fit; but
        for those whose refit failed lately. Of a large collection it is known some minutes late.
        """
        # This is asked every minute, and to add the votes up takes longer the more questions there are.
        is_counted = Q(figures__counted_at__isnull=False, figures__n_votes__gt=LIVE)
        questions = Question.objects.filter(collection=OuterRef("pk")).order_by().values("collection")
        added_up = Subquery(questions.values(n=Sum("n_votes")))
        counted = Collection.objects.exclude(refits__in=self.failed_lately()).annotate(
            n_cast=Case(When(is_counted, then=F("figures__n_votes")), default=Coalesce(added_up, 0)),
            n_fitted=Coalesce(F("latest_fit__n_votes"), 0),
        )
        return list(counted.filter(n_cast__gte=F("n_fitted") * 1.1 + 10))

    def due_anew(self) -> list[Collection]:
        """Return the collections with other votes than their last refit read that began anew, by their number."""
        last = self.finished().filter(collection=OuterRef("pk"), is_anew=True).order_by("-pk")
        counted = Collection.objects.annotate(
            n_cast=Coalesce(Sum("questions__n_votes"), 0),
            n_read=Coalesce(Subquery(last.values("n_votes")[:1]), 0),
        )
        return list(counted.exclude(n_cast=F("n_read")).order_by("pk"))


class Refit(models.Model):
    """One time that a collection's consensus is learnt from all its votes."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for a worker")
        READING = "reading", _("reading the votes")
        LEARNING = "learning", _("learning")
        WRITING = "writing", _("writing down the labels")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    class Cause(models.TextChoices):
        GROWTH = "growth", _("enough new votes came")
        NIGHTLY = "nightly", _("it is done every night")
        ASKED = "asked", _("somebody asked for it")
        NETWORK = "network", _("a network said something")

    RUNNING = (State.READING, State.LEARNING, State.WRITING)
    ENDS = (State.FINISHED, State.FAILED)

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="refits")
    cause = models.CharField(max_length=7, choices=Cause)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    is_anew = models.BooleanField(
        default=True, help_text=_("It began with the votes alone, and not with what the last fit had learnt.")
    )
    n_votes = models.PositiveIntegerField(null=True, blank=True, help_text=_("Votes that it has read."))
    n_iterations = models.PositiveSmallIntegerField(default=0, help_text=_("Done by now."))
    moved = models.FloatField(
        null=True,
        blank=True,
        help_text=_("By how much the last iteration moved a confidence or a skill at most, 0 to 1."),
    )
    fit = models.ForeignKey(ConsensusFit, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("How often a worker has taken it."))
    n_lost = models.PositiveSmallIntegerField(default=0, help_text=_("How often its worker died."))
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RefitQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        get_latest_by = "pk"
        constraints = [
            models.UniqueConstraint(
                fields=["collection"],
                condition=Q(state__in=["waiting", "reading", "learning", "writing"]),
                name="labeling_one_refit_at_a_time",
                violation_error_message=_("This collection is being refitted already."),
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="labeling_failed_refit_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["state"],
                condition=Q(state__in=["waiting", "reading", "learning", "writing"]),
                name="labeling_unfinished_refits",
            ),
        ]

    def __str__(self) -> str:
        return f"Refit {self.pk} of {self.collection}"

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDS

    @property
    def is_running(self) -> bool:
        return self.state in self.RUNNING

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of it for so long that its worker may be dead."""
        heard_at = self.heartbeat_at
        return self.is_running and heard_at is not None and heard_at < timezone.now() - SILENT_AFTER

    @property
    def approached(self) -> float:
        """How far it has come towards the end of its iterations, 0 to 1."""
        return pace.approached(self.moved, consensus.TOLERANCE)

    @property
    def took_s(self) -> float | None:
        """Seconds from when a worker took it to its end; None before that."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def mine(self) -> RefitQuerySet:
        """This refit as long as this attempt still holds it."""
        return Refit.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def tell(self, **progress: Any) -> None:
        """Say that this attempt lives, and how far it is: fields of this row. Raises RefitLostError if the refit is
        not this attempt's any more.
        """
        self._write(heartbeat_at=timezone.now(), **progress)

    def finish(self, fit: ConsensusFit, **found: Any) -> None:
        """End it well. Raises RefitLostError if it is not this attempt's any more."""
        self._write(state=self.State.FINISHED, finished_at=timezone.now(), fit=fit, error="", **found)

    def fail(self, error: Any) -> None:
        """End it with a sentence for people."""
        self.mine().update(state=self.State.FAILED, error=str(error), finished_at=timezone.now())

    def _write(self, **fields: Any) -> None:
        if not self.mine().update(**fields):
            raise RefitLostError(f"{self} was given to another worker, or is gone.")
        for name, value in fields.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class Refits:
    """The refits of a collection as its pages tell them."""

    current: Refit | None  # that waits or runs
    last: Refit | None  # that ended
    ends_below: float = consensus.TOLERANCE  # what no iteration moves any more when it ends
