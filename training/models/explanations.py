"""Why networks answer as they do, one picture at a time."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.storage import private_storage
from training.models.runs import Run


class Explanation(models.Model):
    """Why a run's network answers as it does for one picture. Worked out once, by a worker."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        FINISHED = "finished", _("finished")
        FAILED = "failed", _("failed")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="explanations")
    sha256 = models.CharField(max_length=64, help_text=_("The picture's."))
    wnid = models.CharField(max_length=16, help_text=_("The class whose probability is explained."))
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    file = models.FileField(storage=private_storage, max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "sha256", "wnid"], name="training_explanation_once"),
            models.CheckConstraint(
                condition=~Q(status="failed") | ~Q(error=""), name="training_no_explanation_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.wnid} in {self.sha256[:8]}"
