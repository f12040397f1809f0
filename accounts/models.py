"""Who somebody is. Every voter is a User: a person, a guest, a person of an imported crowd, or a simulation."""

from secrets import token_hex
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken, AuthTokenManager


class NestworkUserManager(UserManager["User"]):
    """Makes the kinds of user that nobody signs up as."""

    def create_guest(self) -> "User":
        """Make a volunteer who has not signed up; the session alone knows them."""
        return self._create_nameless(f"guest-{token_hex(8)}", User.Kind.GUEST)

    def create_simulated(self, username: str, **fields: Any) -> "User":
        """Make an annotator whose votes a program casts; pages always say so."""
        return self._create_nameless(username, User.Kind.SIMULATED, **fields)

    def counts_of_voters(self, **votes: Any) -> dict[str, int]:
        """Return how many users have cast a vote, and how many of them are simulated; `votes` filters the votes."""
        voters = self.filter(votes__isnull=False, **votes)
        return voters.aggregate(
            n_volunteers=Count("pk", distinct=True),
            n_simulated=Count("pk", distinct=True, filter=Q(kind=User.Kind.SIMULATED)),
        )

    def _create_nameless(self, username: str, kind: str, **fields: Any) -> "User":
        user = self.model(username=username, kind=kind, **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of ApiToken: knox is untyped
    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        GUEST = "guest", _("guest")
        IMPORTED = "imported", _("annotator of an imported dataset")
        SIMULATED = "simulated", _("simulated annotator")

    kind = models.CharField(max_length=9, choices=Kind, default=Kind.PERSON)

    objects: ClassVar[NestworkUserManager] = NestworkUserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person") | Q(is_staff=False, is_superuser=False),
                name="accounts_only_a_person_is_staff",
                violation_error_message=_("Only a person can be staff."),
            )
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name that pages show; a guest's username is a secret of no use to readers."""
        if self.is_guest:
            return f"Guest {self.pk}"
        if self.is_simulated:
            return f"{self.username} (simulated)"
        return self.username

    @property
    def is_guest(self) -> bool:
        return self.kind == self.Kind.GUEST

    @property
    def is_simulated(self) -> bool:
        return self.kind == self.Kind.SIMULATED


class ApiToken(AbstractAuthToken):
    """Lets a program act for its user. Only a hash of it is kept."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="auth_token_set"
    )  # knox looks for this name
    name = models.CharField(max_length=64, help_text=_("What the token is for."))

    objects: ClassVar[AuthTokenManager] = AuthTokenManager()

    def __str__(self) -> str:
        return self.name
