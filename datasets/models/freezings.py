"""Snapshots on their way: what waits, how far a worker has got, and when one is made without being asked for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.clock import silent
from datasets.models.snapshots import Snapshot
from labeling.models import Collection, Figures

HEARTBEAT_EVERY_S = 2
# Without a heartbeat. The longest silence is to lay out archives and copy files: half a minute for 3,200,000.
LOST_AFTER = timedelta(minutes=5)
MOST_LOST = 3  # times that its worker died without a part between, until it is given up
REST = timedelta(hours=1)  # after a freezing that failed, until growth brings another


class FreezingLostError(Exception):
    """The freezing was given to another worker, or is gone: this one has nothing left to do."""


class FreezingQuerySet(models.QuerySet["Freezing"]):
    def waiting(self) -> Self:
        return self.filter(state=Freezing.State.WAITING)

    def running(self) -> Self:
        return self.filter(state__in=Freezing.RUNNING)

    def unfinished(self) -> Self:
        return self.exclude(state__in=Freezing.ENDS)

    def enqueue(
        self,
        collection: Collection,
        options: Mapping[str, Any],
        *,
        cause: "Freezing.Cause",
        asked_by: Any = None,
    ) -> "Freezing":
        """Have a collection frozen; return the new freezing, or the one that waits or runs already."""
        new = Freezing(collection=collection, options=dict(options), cause=cause, asked_by=asked_by)
        # The database keeps a second one out, whoever comes at the same moment.
        Freezing.objects.bulk_create([new], ignore_conflicts=True)
        return self.filter(collection=collection).latest()

    def claim_next(self) -> "Freezing | None":
        """Take the oldest that waits; None if there is none."""
        for pk in self.waiting().order_by("pk").values_list("pk", flat=True)[:10]:
            if freezing := self.claim(pk):
                return freezing
        return None

    def claim(self, pk: int) -> "Freezing | None":
        """Take one that waits; None if it does not, or somebody else took it."""
        # One UPDATE both checks and takes it, so two workers cannot make the same snapshot.
        moment = timezone.now()
        taken = (
            self.waiting()
            .filter(pk=pk)
            .update(
                state=Freezing.State.CHECKING,
                attempt=F("attempt") + 1,
                started_at=Coalesce("started_at", moment),
                heartbeat_at=moment,
            )
        )
        return self.select_related("collection", "asked_by").get(pk=pk) if taken else None

    def lost(self) -> Self:
        """Those whose worker has died: they say nothing any more."""
        return self.running().filter(silent("heartbeat_at", LOST_AFTER))

    def requeue(self) -> int:
        """Let these running ones wait again; what broke off too often has failed. Return how many wait."""
        self.running().filter(n_lost__gte=MOST_LOST - 1).update(
            state=Freezing.State.FAILED,
            error=_("It broke off %(n)d times and got no further; the workers’ log may say why.")
            % {"n": MOST_LOST},
            finished_at=timezone.now(),
        )
        return self.running().update(state=Freezing.State.WAITING, n_lost=F("n_lost") + 1)


class Freezing(models.Model):
    """One time that a collection is frozen. A snapshot is there when it has finished, and nothing before."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for a worker")
        CHECKING = "checking", _("looking for pictures that look alike")
        READING = "reading", _("reading labels")
        SEALING = "sealing", _("putting the parts together")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    class Cause(models.TextChoices):
        ASKED = "asked", _("somebody asked for it")
        GROWTH = "growth", _("enough new labels have settled")

    RUNNING = (State.CHECKING, State.READING, State.SEALING)
    ENDS = (State.FINISHED, State.FAILED)

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="freezings")
    cause = models.CharField(max_length=6, choices=Cause)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    options = models.JSONField(help_text=_("What was chosen: see datasets.choosing."))
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    plan = models.JSONField(default=dict, help_text=_("What holds for all parts; empty before the first."))
    n_parts = models.PositiveIntegerField(default=0, help_text=_("Parts in which it is read."))
    n_settled = models.PositiveIntegerField(
        default=0, help_text=_("Settled questions of the collection when it began.")
    )
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    is_new = models.BooleanField(default=True, help_text=_("Nothing of it was there as a snapshot before."))
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("How often a worker has taken it."))
    n_lost = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often its worker died since a part.")
    )
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = FreezingQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        get_latest_by = "pk"
        constraints = [
            models.UniqueConstraint(
                fields=["collection"],
                condition=~Q(state__in=["finished", "failed"]),
                name="datasets_one_freezing_at_a_time",
                violation_error_message=_("This collection is being frozen already."),
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="datasets_failed_freezing_has_a_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state="finished") | Q(snapshot__isnull=False),
                name="datasets_finished_freezing_has_a_snapshot",
            ),
        ]

    def __str__(self) -> str:
        return f"Freezing {self.pk} of {self.collection}"

    def get_absolute_url(self) -> str:
        return reverse("datasets:freezing", args=[self.collection.slug, self.pk])

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDS

    @property
    def folder(self) -> str:
        """Where its parts lie in the private storage, until it has ended."""
        return f"freezings/{self.pk}"

    @property
    def took_s(self) -> float | None:
        """Seconds from when a worker first took it to its end; None before that."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def mine(self) -> FreezingQuerySet:
        """This freezing as long as this attempt still holds it."""
        return Freezing.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def tell(self, **progress: Any) -> None:
        """Say that this attempt lives, and how far it is: fields of this row. Raises FreezingLostError where another
        attempt has it.
        """
        if not self.mine().update(heartbeat_at=timezone.now(), **progress):
            raise FreezingLostError(f"{self} was given to another worker, or is gone.")
        for name, value in progress.items():
            setattr(self, name, value)

    @transaction.atomic
    def keep_part(self, number: int, folder: str, found: dict[str, Any]) -> None:
        """Note that a part is whole. Raises FreezingLostError."""
        self.tell(n_lost=0)
        self.parts.create(number=number, folder=folder, found=found)

    @transaction.atomic
    def begin_anew(self, **fields: Any) -> None:
        """Forget the parts that were read. Raises FreezingLostError."""
        self.tell(**fields)
        self.parts.all().delete()

    def finish(self, snapshot: Snapshot, *, is_new: bool) -> None:
        """End it well. Raises FreezingLostError if it is not this attempt's any more."""
        self.tell(
            state=self.State.FINISHED, finished_at=timezone.now(), snapshot=snapshot, is_new=is_new, error=""
        )

    def fail(self, error: Any) -> None:
        """End it with a sentence for people."""
        self.mine().update(state=self.State.FAILED, error=str(error), finished_at=timezone.now())
        self.parts.all().delete()


class FreezingPart(models.Model):
    """What was read of the pictures whose SHA-256 begin alike, kept so that nobody need read it again."""

    freezing = models.ForeignKey(Freezing, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text=_("From 0; what its pictures' SHA-256 begin with."))
    folder = models.CharField(max_length=100, help_text=_("Of its files in the private storage."))
    found = models.JSONField(help_text=_("Its counts."))

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["freezing", "number"], name="datasets_freezing_part_once")
        ]

    def __str__(self) -> str:
        return f"{self.freezing}, part {self.number}"


class FreezePolicyQuerySet(models.QuerySet["FreezePolicy"]):
    def due(self) -> list["FreezePolicy"]:
        """Return those of collections where enough labels have settled since the last snapshot."""
        resting = Freezing.objects.filter(state=Freezing.State.FAILED, finished_at__gt=timezone.now() - REST)
        rows = self.exclude(collection__freezings__in=Freezing.objects.unfinished()).exclude(
            collection__freezings__in=resting
        )
        return [policy for policy in rows.select_related("collection") if policy.n_since >= policy.every]


class FreezePolicy(models.Model):
    """That a collection is frozen by itself, once so many new labels have settled, and with which options."""

    collection = models.OneToOneField(
        Collection, on_delete=models.CASCADE, primary_key=True, related_name="freeze_policy"
    )
    every = models.PositiveIntegerField(help_text=_("New settled labels after which a snapshot is made."))
    options = models.JSONField(default=dict, help_text=_("What is chosen: see datasets.choosing."))

    objects = FreezePolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "freeze policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(every__gt=0),
                name="datasets_freezes_after_some_labels",
                violation_error_message=_("A snapshot is made after one new label at least."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.collection}: a snapshot every {self.every} labels"

    @property
    def n_since(self) -> int:
        """How many labels have settled since the last snapshot that was frozen."""
        last = self.collection.freezings.filter(state=Freezing.State.FINISHED).first()
        counted = Figures.objects.of(self.collection)  # of a large collection: some minutes old
        n_settled = counted.n_settled if counted else self.collection.questions.settled().count()
        return n_settled - (last.n_settled if last else 0)
