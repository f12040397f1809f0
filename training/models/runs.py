"""One training each: a row that waits, is claimed, beats, and ends. The row is the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from config.clock import silent
from config.storage import private_storage
from datasets.models import Snapshot
from training.config import NETWORKS, Config
from training.sizing import usual_size_px

HEARTBEAT_EVERY_S = 1
LOST_AFTER = timedelta(seconds=20)  # without a heartbeat
MOST_LOST = 3  # deaths of its worker without a checkpoint between, until a run is given up
DEFAULT_SIZE_PX = 16


class SensitiveNounsError(ValueError):
    """The snapshot has classes that networks are no longer to learn."""


def usual_recipe(snapshot: Snapshot, network: str, size_px: int | None = None) -> Config:
    """Return the recipe by which `network` is usually trained on `snapshot`."""
    size_px = size_px or usual_size_px(snapshot.sides())
    return Config.default(network, size_px, snapshot.card["by_split"]["train"])


class RunLostError(Exception):
    """The run was cancelled or paused, or another worker has it: this attempt has nothing left to do."""


class RunQuerySet(models.QuerySet["Run"]):
    def queued(self) -> Self:
        return self.filter(status=Run.Status.QUEUED)

    def running(self) -> Self:
        return self.filter(status=Run.Status.RUNNING)

    def unfinished(self) -> Self:
        return self.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING, Run.Status.PAUSED])

    def enqueue(self, snapshot: Snapshot, config: Config, author: Any = None) -> "Run":
        """Queue a training by `config`. The same training is never queued twice; one that failed or was cancelled is
        tried again. Raises SensitiveNounsError where a class has become sensitive.
        """
        if sensitive := list(snapshot.sensitive_classes()):
            raise SensitiveNounsError(
                gettext(
                    "Expected a snapshot without sensitive nouns; %(snapshot)s has %(found)s. Freeze a new "
                    "one: it leaves them out."
                )
                % {"snapshot": snapshot, "found": ", ".join(map(str, sensitive))}
            )
        recipe = config.to_json()
        del recipe["seed"]  # it has a column of its own
        run, _made = self.get_or_create(
            snapshot=snapshot,
            config_digest=config.digest,
            seed=config.seed,
            defaults={"network": config.network, "config": recipe, "author": author},
        )
        ended_badly = self.filter(pk=run.pk, status__in=[Run.Status.FAILED, Run.Status.CANCELLED])
        if ended_badly.update(status=Run.Status.QUEUED, n_lost=0, error="", finished_at=None):
            run.refresh_from_db()
        return run

    def enqueue_usual(
        self,
        snapshot: Snapshot,
        network: str,
        *,
        seed: int = 0,
        size_px: int | None = None,
        author: Any = None,
    ) -> "Run":
        """Queue a training of `network` by its usual recipe, as enqueue() does; at the usual size of the snapshot's
        pictures where none is said.
        """
        recipe = usual_recipe(snapshot, network, size_px)
        return self.enqueue(snapshot, replace(recipe, seed=seed), author)

    def claim_next(self) -> "Run | None":
        """Take the oldest queued run; None if there is none."""
        for pk in self.queued().order_by("pk").values_list("pk", flat=True):
            # One UPDATE both checks and takes it, so two workers cannot train the same run.
            taken = self.queued().filter(pk=pk)
            moment = timezone.now()
            if taken.update(
                status=Run.Status.RUNNING,
                attempt=F("attempt") + 1,
                error="",
                started_at=Coalesce("started_at", moment),
                heartbeat_at=moment,
            ):
                return self.get(pk=pk)
        return None

    def lost(self) -> Self:
        """Runs whose worker has died: they say nothing any more."""
        return self.running().filter(silent("heartbeat_at", LOST_AFTER))

    def requeue(self, error: str = "") -> int:
        """Queue these running runs again; those that were tried often enough fail, with `error` if there is one.
        Return how many are queued.
        """
        self.running().filter(n_lost__gte=MOST_LOST - 1).update(
            status=Run.Status.FAILED,
            finished_at=timezone.now(),
            error=error
            or f"Its worker died {MOST_LOST} times; perhaps the machine has too little memory for it.",
        )
        return self.running().update(status=Run.Status.QUEUED, n_lost=F("n_lost") + 1)


class Run(models.Model):
    """One training of one network on one snapshot, with its options and seed."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    network = models.CharField(max_length=20, choices=[(name, name) for name in NETWORKS])
    seed = models.PositiveIntegerField(default=0)
    config = models.JSONField(
        help_text=_("The options, as training.config reads them; the seed is beside it.")
    )
    config_digest = models.CharField(max_length=64, help_text=_("Config.digest: all options but the seed."))
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0, help_text=_("How often a worker has taken it."))
    n_lost = models.PositiveSmallIntegerField(default=0, help_text=_("Deaths of its worker since an epoch."))
    error = models.TextField(blank=True)
    predictions = models.FileField(storage=private_storage, max_length=200, blank=True)
    answers = models.FileField(
        storage=private_storage, max_length=200, blank=True, help_text=_("On the validation split, an npz.")
    )
    weights = models.FileField(storage=private_storage, max_length=200, blank=True)
    onnx = models.FileField(storage=private_storage, max_length=200, blank=True)
    novelty = models.FileField(
        storage=private_storage, max_length=200, blank=True, help_text=_("What it takes to be familiar.")
    )
    layers = models.JSONField(default=list, blank=True, help_text=_("As training.describing tells them."))
    machine = models.JSONField(default=dict, blank=True, help_text=_("What it ran on, and how."))
    n_shown = models.PositiveBigIntegerField(
        default=0, help_text=_("Pictures shown to it so far, repeats too.")
    )
    n_parameters = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "config_digest", "seed"], name="training_run_once"),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="training_failure_has_a_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["status"], condition=Q(status__in=["queued", "running"]), name="training_unfinished"
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}: {self.network}"

    def get_absolute_url(self) -> str:
        return reverse("training:run", args=[self.pk])

    @property
    def options(self) -> Config:
        return Config.from_json({**self.config, "seed": self.seed})

    @property
    def is_unfinished(self) -> bool:
        return self.status in (self.Status.QUEUED, self.Status.RUNNING, self.Status.PAUSED)

    @property
    def n_epochs(self) -> int:
        epochs: int = self.config["epochs"]
        return epochs

    @property
    def epochs_done(self) -> int:
        return self.epochs.count()

    @property
    def n_multiply_adds(self) -> int | None:
        """Those of one picture in all layers; None before these were described."""
        return sum(layer["n_multiply_adds"] for layer in self.layers) or None

    def mine(self) -> "RunQuerySet":
        """This run as long as this attempt still holds it: it was neither cancelled nor given to another."""
        return Run.objects.running().filter(pk=self.pk, attempt=self.attempt)

    def ours(self) -> "RunQuerySet":
        """This run as long as no other attempt has taken it and it has not ended: paused, or even queued again, what
        this attempt has learnt may still be kept.
        """
        return Run.objects.unfinished().filter(pk=self.pk, attempt=self.attempt)

    def beat(self) -> bool:
        """Say that this attempt lives; False if the run is not its any more."""
        return bool(self.mine().update(heartbeat_at=timezone.now()))

    def tell(self, **fields: Any) -> bool:
        """Write down how far this attempt is, or what it runs on; False if the run is not its any more."""
        return bool(self.ours().update(**fields))

    def put_back(self, error: str = "") -> bool:
        """Queue this attempt's run again, through no fault of its own; False if the run is not its any more."""
        return bool(self.mine().update(status=self.Status.QUEUED, error=error))

    def fail(self, error: str) -> bool:
        """End this attempt's run with a sentence for people; False if the run is not its any more."""
        return bool(self.mine().update(status=self.Status.FAILED, error=error, finished_at=timezone.now()))

    def finish(self, **files: Any) -> bool:
        """End this attempt's run well; False if the run is not its any more."""
        return bool(
            self.mine().update(status=self.Status.FINISHED, finished_at=timezone.now(), error="", **files)
        )

    def has_been_put_back(self) -> bool:
        """Say whether this attempt's run waits again."""
        return Run.objects.queued().filter(pk=self.pk, attempt=self.attempt).exclude(error="").exists()

    def pause(self) -> bool:
        """Stop it within seconds, and keep what it has learnt; False if it does not wait and is not running."""
        going = Run.objects.filter(pk=self.pk, status__in=[self.Status.QUEUED, self.Status.RUNNING])
        return bool(going.update(status=self.Status.PAUSED))

    def resume(self) -> bool:
        """Let a paused run go on from where it was; False if it is not paused."""
        paused = Run.objects.filter(pk=self.pk, status=self.Status.PAUSED)
        return bool(paused.update(status=self.Status.QUEUED, n_lost=0))

    def cancel(self) -> bool:
        """Stop it, now or within seconds; False if it had ended."""
        mine = Run.objects.unfinished().filter(pk=self.pk)
        return bool(mine.update(status=self.Status.CANCELLED, finished_at=timezone.now()))

    def record(self, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Write down what epochs did, each by its `number`; one that was trained twice stays one row."""
        figures = [field.name for field in Epoch._meta.fields if field.name not in ("id", "run", "number")]
        Epoch.objects.bulk_create(
            [Epoch(run=self, **epoch) for epoch in epochs],
            update_conflicts=True,
            unique_fields=["run", "number"],
            update_fields=figures,
        )

    @transaction.atomic
    def keep(self, checkpoint: str, epoch: int, n_shown: int) -> "str | None":
        """Let this attempt's run go on from a checkpoint, the file of that name; return the name of the one that it
        replaces. Raises RunLostError if the run is not this attempt's any more.
        """
        # The row is locked until the checkpoint's is written, so that nobody claims the run between.
        if not self.tell(n_shown=n_shown):
            raise RunLostError(gettext("%(this)s was cancelled, or another worker has it.") % {"this": self})
        old = Checkpoint.objects.filter(run=self).values_list("file", flat=True).first()
        Checkpoint.objects.update_or_create(run=self, defaults={"epoch": epoch, "file": checkpoint})
        if old == checkpoint:
            return None
        self.ours().update(n_lost=0)  # it gets on, however often its worker is restarted
        return old


class Epoch(models.Model):
    """One pass over the training split. Losses in nats, errors as fractions."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="epochs")
    number = models.PositiveIntegerField()
    train_loss = models.FloatField()
    val_loss = models.FloatField()
    val_top1_error = models.FloatField()
    val_top5_error = models.FloatField()
    learning_rate = models.FloatField()
    pictures_per_second = models.FloatField()
    seconds = models.FloatField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="training_epoch_once")]

    def __str__(self) -> str:
        return f"{self.run}, epoch {self.number}"


class Checkpoint(models.Model):
    """The latest weights of a run, with the state to go on from, after any batch of an epoch."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="checkpoint")
    epoch = models.PositiveIntegerField()
    file = models.FileField(storage=private_storage, max_length=200)
    created_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.run}, in epoch {self.epoch}"
