"""What became of each try to score a submission, and what its team says of it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Attempt(models.Model):
    """One try to score a submission, by one worker."""

    class Outcome(models.TextChoices):
        SCORED = "scored", _("scored")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        LOST = "lost", _("its worker fell silent")

    submission = models.ForeignKey(
        "competition.Submission", on_delete=models.CASCADE, related_name="attempts"
    )
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)
    log = models.TextField(blank=True, help_text=_("For the organiser alone."))

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "number"], name="competition_attempt_once"),
            models.CheckConstraint(
                condition=Q(outcome="", ended_at=None) | (~Q(outcome="") & Q(ended_at__isnull=False)),
                name="competition_ended_attempts_say_how",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.submission}, attempt {self.number}"


class MethodCard(models.Model):
    """What its team says of an entry, for everybody to read."""

    submission = models.OneToOneField("competition.Submission", on_delete=models.CASCADE, related_name="card")
    description = models.TextField(blank=True, max_length=5000)
    data_used = models.TextField(
        _("other data"),
        blank=True,
        max_length=1000,
        help_text=_("Pictures and labels besides the snapshot's."),
    )
    hardware = models.CharField(blank=True, max_length=200)
    training_hours = models.FloatField(null=True, blank=True)
    paper_url = models.URLField(_("paper"), blank=True)
    code_url = models.URLField(_("code"), blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(training_hours=None) | Q(training_hours__gte=0),
                name="competition_training_takes_time",
                violation_error_message=_("Hours of training are 0 or more."),
            )
        ]

    def __str__(self) -> str:
        return f"Card of {self.submission}"
