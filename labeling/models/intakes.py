"""Pictures on their way in: what somebody sent, and how far a worker has got with it. The row is the truth."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.clock import silent
from config.storage import private_storage
from labeling.archives import printable
from labeling.models.collections import Collection

HEARTBEAT_EVERY_S = 2
# Without a heartbeat. The longest silence is one picture that is checked in the worker itself.
LOST_AFTER = timedelta(seconds=60)
# Storing an upload of gigabytes where files lie elsewhere, without a word between.
UNSTORED_AFTER = timedelta(hours=1)
FOLDER = "intakes"  # in the private storage
MOST_LOST = 3  # times that it broke off without a batch between, until it is given up
MOST_NOTES = 10_000  # files of one intake of which more is kept than their number
MOST_LETTERS = 1000  # of a file's name, which an archive may make as long as a book


class IntakeLostError(Exception):
    """The intake was given to another worker, or is gone: this one has nothing left to do."""


class IntakeQuerySet(models.QuerySet["Intake"]):
    def waiting(self) -> Self:
        return self.filter(state=Intake.State.WAITING)

    def running(self) -> Self:
        return self.filter(state=Intake.State.RUNNING)

    def seen_by(self, user: Any) -> Self:
        """Those into collections that `user` may edit."""
        if not isinstance(user, User):
            return self.none()
        return self if user.is_staff else self.filter(collection__owner=user)

    def claim_next(self) -> "Intake | None":
        """Take the oldest that waits; None if there is none."""
        for pk in self.waiting().order_by("pk").values_list("pk", flat=True)[:10]:
            # One UPDATE both checks and takes it, so two workers cannot take in the same files.
            moment = timezone.now()
            if (
                self.waiting()
                .filter(pk=pk)
                .update(
                    state=Intake.State.RUNNING,
                    attempt=F("attempt") + 1,
                    started_at=Coalesce("started_at", moment),
                    heartbeat_at=moment,
                )
            ):
                return self.select_related("collection__root").get(pk=pk)
        return None

    def lost(self) -> Self:
        """Those whose worker has died: they say nothing any more."""
        return self.running().filter(silent("heartbeat_at", LOST_AFTER))

    def requeue(self, error: Any = "") -> int:
        """Let these running ones wait again; what broke off too often has failed, with `error` if there is one.
        Return how many wait.
        """
        self.running().filter(n_lost__gte=MOST_LOST - 1).end_badly(
            error
            or _("It broke off %(n)d times and got no further; what was taken in before that stays.")
            % {"n": MOST_LOST}
        )
        return self.running().update(state=Intake.State.WAITING, n_lost=F("n_lost") + 1)

    def give_up_unstored(self) -> int:
        """End those whose request died before all of it was stored; return how many those were."""
        unstored = self.filter(state=Intake.State.RECEIVING, created_at__lt=timezone.now() - UNSTORED_AFTER)
        return unstored.end_badly(_("It broke off while it was being received. Send it again."))

    def end_badly(self, error: Any) -> int:
        return self.update(state=Intake.State.FAILED, error=str(error), finished_at=timezone.now())

    def sweep_files(self) -> int:
        """Delete received files that are needed no more; return of how many intakes."""
        return sum(intake.delete_files() for intake in self.filter(state__in=Intake.ENDS, is_stored=True))

    def sweep_orphans(self) -> int:
        """Delete received files whose row is gone, as with its collection; return how many those were.

        A row is there before its files are, so what is on its way is not taken for one.
        """
        storage = private_storage()
        try:
            _folders, names = storage.listdir(FOLDER)
        except FileNotFoundError:
            return 0
        there = {str(pk) for pk in self.filter(is_stored=True).values_list("pk", flat=True)}
        orphans = [name for name in names if name.partition("-")[0] not in there]
        for name in orphans:
            storage.delete(f"{FOLDER}/{name}")
        return len(orphans)

    def forget(self) -> None:
        """Delete them with what was received; pictures that were taken in stay."""
        for intake in self:
            intake.delete_files()
        self.delete()


class Intake(models.Model):
    """What somebody sent to a collection at once, received whole before any of it is looked at."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("being received")
        WAITING = "waiting", _("waiting for a worker")
        RUNNING = "running", _("being taken in")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    ENDS = (State.FINISHED, State.FAILED)

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="intakes")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="intakes")
    name = models.CharField(max_length=300, help_text=_("Of the first file that was sent."))
    size = models.PositiveBigIntegerField(help_text=_("Bytes that were sent."))
    source = models.CharField(max_length=300)
    licence = models.CharField(max_length=100, blank=True)
    credit = models.CharField(max_length=200, blank=True)
    folder = models.CharField(max_length=300, blank=True)
    names = models.JSONField(help_text=_("Of the files that were sent, an archive being one."))
    is_stored = models.BooleanField(
        default=True, help_text=_("What was sent lies in the private storage, or part of it.")
    )
    state = models.CharField(max_length=9, choices=State, default=State.RECEIVING)
    n_files = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("Files in all, those in archives counted; none where nobody knows."),
    )
    n_added = models.PositiveIntegerField(default=0)
    n_there = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("How often a worker has taken it."))
    n_lost = models.PositiveSmallIntegerField(default=0, help_text=_("How often it broke off since a batch."))
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = IntakeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(error=""), name="labeling_failed_intake_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["state"],
                condition=Q(state__in=["receiving", "waiting", "running"]),
                name="labeling_unfinished_intakes",
            ),
            models.Index(fields=["state"], condition=Q(is_stored=True), name="labeling_stored_intakes"),
        ]

    def __str__(self) -> str:
        return f"Intake {self.pk}: {self.name}"

    def get_absolute_url(self) -> str:
        return reverse("labeling:intake", args=[self.collection.slug, self.pk])

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDS

    @property
    def n_done(self) -> int:
        """Files of which is known what became of them; the next attempt goes on behind them."""
        return self.n_added + self.n_there + self.n_refused

    @property
    def n_others(self) -> int:
        """Files that were sent beside the one that it is named as."""
        return len(self.names) - 1

    def stored_as(self, place: int) -> str:
        """Return the name in the private storage of what was sent at `place`."""
        return f"{FOLDER}/{self.pk}-{place}"

    def let_wait(self) -> None:
        """Let it wait for a worker: all of it is stored."""
        received = Intake.objects.filter(pk=self.pk, state=self.State.RECEIVING)
        received.update(state=self.State.WAITING)
        self.state = self.State.WAITING

    def mine(self) -> "IntakeQuerySet":
        """This intake as long as this attempt still holds it."""
        return Intake.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def beat(self) -> None:
        """Say that this attempt lives. Raises IntakeLostError if the intake is not its any more."""
        self._write(heartbeat_at=timezone.now())

    def expect(self, n_files: int | None) -> None:
        """Note how many files there are in all."""
        self._write(n_files=n_files)

    @transaction.atomic
    def record(self, outcomes: Sequence[Any]) -> None:
        """Note what became of the next files, in the transaction that keeps them.

        outcomes: labeling.intake.Outcome of each.
        Raises IntakeLostError if the intake is not this attempt's any more.
        """
        counts = Counter(outcome.status.value for outcome in outcomes)
        n_noted = min(self.notes.count(), MOST_NOTES)
        notes = [
            IntakeNote(
                intake=self,
                place=place,
                name=each.name[:MOST_LETTERS],
                why=printable(each.why),
                near=list(each.near),
            )
            for place, each in enumerate(outcomes, start=self.n_done)
            if each.why or each.near
        ]
        self._write(
            n_added=self.n_added + counts["added"],
            n_there=self.n_there + counts["there"],
            n_refused=self.n_refused + counts["refused"],
            n_lost=0,  # it gets on, however often its worker is restarted
            heartbeat_at=timezone.now(),
        )
        IntakeNote.objects.bulk_create(notes[: MOST_NOTES - n_noted])

    def finish(self) -> None:
        """End it well, and delete what was received. Raises IntakeLostError if it is not this attempt's any more."""
        self._write(state=self.State.FINISHED, finished_at=timezone.now(), n_files=self.n_done)
        self.delete_files()

    def fail(self, error: Any) -> None:
        """End it with a sentence for people, and delete what was received."""
        if self.mine().end_badly(error):
            self.delete_files()

    def delete_files(self) -> bool:
        """Delete what was received; say whether it was still to be deleted. Doing so twice does no harm."""
        storage = private_storage()
        for place in range(len(self.names)):
            storage.delete(self.stored_as(place))
        return bool(Intake.objects.filter(pk=self.pk, is_stored=True).update(is_stored=False))

    def _write(self, **fields: Any) -> None:
        if not self.mine().update(**fields):
            raise IntakeLostError(f"{self} was given to another worker, or is gone.")
        for name, value in fields.items():
            setattr(self, name, value)


class IntakeNote(models.Model):
    """What is to be said of one file of an intake: why it was refused, or which pictures it looks like."""

    intake = models.ForeignKey(Intake, on_delete=models.CASCADE, related_name="notes", db_index=False)
    place = models.PositiveIntegerField(help_text=_("Among the files of the intake, from 0."))
    name = models.CharField(max_length=MOST_LETTERS)
    why = models.TextField(blank=True, help_text=_("It was refused."))
    near = models.JSONField(default=list, help_text=_("SHA-256 of pictures that it looks like."))

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["intake", "place"], name="labeling_intake_note_once"),
        ]

    def __str__(self) -> str:
        return self.name
