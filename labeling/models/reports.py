"""What people say is wrong with a picture, and what its collection's owner decides."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling.models.collections import Collection
from labeling.models.images import Image


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> Self:
        return self.filter(handled_at=None)

    def handled(self) -> Self:
        return self.filter(handled_at__isnull=False)

    def judged_by(self, user: Any) -> Self:
        """The reports that `user` may decide on: all for staff, an owner's own collections' otherwise."""
        return self if user.is_staff else self.filter(collection__owner=user.pk or 0)

    def handle(self, outcome: "Report.Outcome", judge: User) -> int:
        """Close those that are open; return how many those were."""
        return self.open().update(outcome=outcome, handled_by=judge, handled_at=timezone.now())


class Report(models.Model):
    """One person's complaint about one picture."""

    class Reason(models.TextChoices):
        BROKEN = "broken", _("It is broken: nothing can be made out in it")
        PRIVATE = "private", _("It is private: it shows somebody who would not want that")
        OFFENSIVE = "offensive", _("It is offensive")
        MINE = "mine", _("It is mine, and I did not give it")
        DUPLICATE = "duplicate", _("It is here twice: another picture looks the same")

    class Outcome(models.TextChoices):
        KEPT = "kept", _("kept")
        WITHDRAWN = "withdrawn", _("withdrawn")

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="reports")
    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="reports", help_text=_("Whose owner decides.")
    )
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reports")
    reason = models.CharField(_("what is wrong"), max_length=9, choices=Reason)
    note = models.TextField(
        _("in your words"), max_length=1000, blank=True, help_text=_("If there is more to say.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "reporter"],
                condition=Q(handled_at=None),
                name="labeling_report_once_while_open",
                violation_error_message=_("You have reported this picture already."),
            ),
            models.CheckConstraint(
                condition=Q(handled_at=None, handled_by=None, outcome="")
                | (Q(handled_at__isnull=False, handled_by__isnull=False) & ~Q(outcome="")),
                name="labeling_report_handled_as_a_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["collection", "image"], condition=Q(handled_at=None), name="labeling_open_reports"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {self.get_reason_display()}"
