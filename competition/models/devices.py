"""Browsers that entered a contest as somebody."""

from django.conf import settings
from django.db import models
from django.db.models import Count

from accounts.models import User
from competition.models.contests import Contest


class DeviceQuerySet(models.QuerySet["Device"]):
    def note(self, contest: Contest, mark: str, user: User) -> None:
        """Remember that the browser of this mark handed something in as `user`."""
        self.update_or_create(contest=contest, mark=mark, user=user)

    def shared(self, contest: Contest) -> list[list["Device"]]:
        """Return the browsers that entered as several people, each as its rows."""
        here = self.filter(contest=contest)
        marks = here.values("mark").annotate(n=Count("pk")).filter(n__gt=1).values("mark")
        found: dict[str, list[Device]] = {}
        for device in here.filter(mark__in=marks).select_related("user").order_by("mark", "pk"):
            found.setdefault(device.mark, []).append(device)
        return list(found.values())


class Device(models.Model):
    """A browser that entered a contest as somebody: many accounts in one are a note to the organiser.

    `mark` is a keyed digest of a random cookie of the contest alone; it follows nobody elsewhere.
    """

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="devices")
    mark = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(auto_now=True)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contest", "mark", "user"], name="competition_device_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.contest}"
