"""Who somebody is. Every voter is a User: a person, a guest, a person of an imported crowd, or a simulation."""

import unicodedata
from secrets import token_hex
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import Count, Q
from django.db.models.functions import Length, Lower
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken, AuthTokenManager
from knox.settings import CONSTANTS

from accounts.sql import build, rows, select

SIGNED_IN = ("id", "username", "kind", "is_active", "is_staff", "is_superuser", "board_name")


class NestworkUserManager(UserManager["User"]):
    """Makes the kinds of user that nobody signs up as."""

    def create_guest(self) -> "User":
        """Make a volunteer who has not signed up; the session alone knows them."""
        return self._create_nameless(f"guest-{token_hex(8)}", User.Kind.GUEST)

    def create_simulated(self, username: str, **fields: Any) -> "User":
        """Make an annotator whose votes a program casts; pages always say so."""
        return self._create_nameless(username, User.Kind.SIMULATED, **fields)

    def volunteers(self) -> models.QuerySet["User"]:
        """Those who label here themselves: people and guests."""
        return self.filter(kind__in=[User.Kind.PERSON, User.Kind.GUEST])

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


def refuse_unseen(name: str) -> None:
    """Refuse characters that nobody sees: with them two names could look alike, or turn a line around."""
    if any(unicodedata.category(character).startswith("C") for character in name):
        raise ValidationError(
            _("Expected letters, digits, spaces and signs; found a character that cannot be seen."),
            code="unseen",
        )


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of ApiToken: knox is untyped
    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        GUEST = "guest", _("guest")
        IMPORTED = "imported", _("annotator of an imported dataset")
        SIMULATED = "simulated", _("simulated annotator")
        FORGOTTEN = "forgotten", _("somebody who had themselves forgotten")

    kind = models.CharField(max_length=9, choices=Kind, default=Kind.PERSON)
    board_name = models.CharField(
        _("name on boards"),
        max_length=40,
        blank=True,
        validators=[refuse_unseen],
        help_text=_("Shown beside the number of your votes. Empty: you are counted there, and not named."),
    )

    objects: ClassVar[NestworkUserManager] = NestworkUserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="person") | Q(is_staff=False, is_superuser=False),
                name="accounts_only_a_person_is_staff",
                violation_error_message=_("Only a person can be staff."),
            ),
            models.CheckConstraint(
                condition=Q(board_name="") | Q(kind__in=["person", "guest"]),
                name="accounts_only_volunteers_on_boards",
                violation_error_message=_("Only people and guests have a name on boards."),
            ),
            models.CheckConstraint(
                condition=Q(board_name="") | Q(GreaterThanOrEqual(Length("board_name"), 2)),
                name="accounts_board_name_length",
                violation_error_message=_("A name on boards has 2 characters at least."),
            ),
            # SQLite folds the case of ASCII letters alone; PostgreSQL that of all.
            models.UniqueConstraint(
                Lower("board_name"),
                condition=~Q(board_name=""),
                name="accounts_board_name_once",
                violation_error_message=_("Somebody else has this name already."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="forgotten")
                | Q(first_name="", last_name="", email="", is_active=False, last_login=None),
                name="accounts_the_forgotten_have_no_name",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name that pages show; a guest's username is a secret of no use to readers."""
        if self.is_guest:
            return gettext("Guest %(number)s") % {"number": self.pk}
        if self.is_simulated:
            return gettext("%(name)s (simulated)") % {"name": self.username}
        if self.kind == self.Kind.FORGOTTEN:
            return gettext("somebody who left")
        return self.username

    @property
    def is_guest(self) -> bool:
        return self.kind == self.Kind.GUEST

    @property
    def is_simulated(self) -> bool:
        return self.kind == self.Kind.SIMULATED

    @transaction.atomic
    def forget(self) -> None:
        """Erase who this was. The row stays for what refers to it; nobody can sign in as it, by any session or token.

        What else the site keeps about somebody is forgotten by accounts.personal, which calls this.
        """
        self.username, self.kind = f"forgotten-{token_hex(8)}", self.Kind.FORGOTTEN
        self.first_name = self.last_name = self.email = self.board_name = ""
        self.last_login, self.is_active, self.is_staff, self.is_superuser = None, False, False, False
        # A session holds a digest of the password, so every one of theirs ends with it.
        self.set_unusable_password()
        self.save()
        self.auth_token_set.all().delete()
        self.groups.clear()
        self.user_permissions.clear()


class Scope(models.TextChoices):
    """What a token may do for its owner; never more than they may do themselves."""

    READ = "read", _("read what you may see, and ask networks")
    LABEL = "label", _("name pictures: borrow questions, vote, undo")
    COMPETE = "compete", _("take part in contests: entries and teams")
    ORGANISE = (
        "organise",
        _("change anything else: pictures, collections, nouns, snapshots, trainings, contests"),
    )


class ApiTokenManager(AuthTokenManager):
    def beginning_like(self, token: str) -> list["ApiToken"]:
        """Return the tokens that may be this one, each with its user; of both what every request reads."""
        at, today = timezone.now(), timezone.localdate()
        found = rows(
            f"""SELECT t.digest, t.scopes, t.expiry <= %s, t.last_used_on IS NULL OR t.last_used_on < %s,
                       {select("u", SIGNED_IN)}
                FROM accounts_apitoken t JOIN accounts_user u ON u.id = t.user_id WHERE t.token_key = %s""",  # noqa: S608
            [
                connection.ops.adapt_datetimefield_value(at),
                connection.ops.adapt_datefield_value(today),
                token[: CONSTANTS.TOKEN_KEY_LENGTH],
            ],
        )
        tokens = []
        for digest, scopes, has_ended, is_new_today, *values in found:
            user = build(User, SIGNED_IN, values)
            tokens.append(build(self.model, ("digest", "scopes", "user_id"), (digest, scopes, user.pk)))
            tokens[-1].user = user
            tokens[-1].has_ended, tokens[-1].is_new_today = bool(has_ended), bool(is_new_today)
        return tokens


class ApiToken(AbstractAuthToken):
    """Lets a program act for its user. Only a hash of it is kept."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="auth_token_set"
    )  # knox looks for this name
    name = models.CharField(max_length=64, help_text=_("What the token is for."))
    # Its Scopes, with spaces between them; all for those that were made before there were scopes.
    scopes = models.CharField(
        max_length=40, default=" ".join(Scope.values), db_default=" ".join(Scope.values)
    )
    last_used_on = models.DateField(
        null=True, editable=False
    )  # a day, so that a token costs one write in a day

    objects: ClassVar[ApiTokenManager] = ApiTokenManager()
    has_ended: bool  # these two of one that a request has brought
    is_new_today: bool

    class Meta(AbstractAuthToken.Meta):
        abstract = False
        constraints = [
            models.CheckConstraint(
                condition=~Q(scopes=""),
                name="accounts_token_may_do_something",
                violation_error_message=_("Expected a token that may do something; found none of that."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scopes_in_words(self) -> list[str]:
        return [str(Scope(name).label) for name in self.scopes.split()]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes.split()

    def note_use(self) -> None:
        """Note that it was used today, once a day."""
        if self.is_new_today:
            type(self).objects.filter(pk=self.pk).update(last_used_on=timezone.localdate())


class ActQuerySet(models.QuerySet["Act"]):
    def update(self, **fields: Any) -> int:
        raise LastingError

    def delete(self) -> Any:
        raise LastingError


class LastingError(TypeError):
    def __init__(self) -> None:
        super().__init__("Expected a new act; found one to change or delete, and what was done stays noted.")


class Act(models.Model):
    """What somebody did by rights that others lack, or to an account's keys. accounts.audit adds rows, and they stay:
    the database refuses to change or delete any.
    """

    class Kind(models.TextChoices):
        RIGHTS = "rights", _("rights given or taken")
        ADMINISTRATION = "administration", _("something done in the administration")
        TOKEN_MADE = "token made", _("token made")
        TOKEN_REVOKED = "token revoked", _("token revoked")
        FACTOR_ON = "factor on", _("second factor switched on")
        FACTOR_OFF = "factor off", _("second factor switched off")
        NEW_CODES = "new codes", _("recovery codes made")
        PASSWORD = "password", _("password changed")
        ADDRESS = "address", _("e-mail address changed")
        SIGN_IN_FAILED = "sign-in failed", _("sign-in of staff failed")
        WITHDRAWN = "withdrawn", _("picture withdrawn")
        PUT_BACK = "put back", _("picture put back")
        RESCORED = "rescored", _("contest scored anew")
        FORGOTTEN = "forgotten", _("somebody forgotten")

    kind = models.CharField(max_length=20, choices=Kind)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    # Nobody, where a stranger or a command of the machine did it. Who is named here is forgotten, never deleted.
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="acts")
    # On what, as its table and key: a name would be known here after its owner was forgotten.
    on_kind = models.CharField(max_length=80, blank=True)
    on_key = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=300, blank=True)
    address = models.CharField(max_length=50, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects: ClassVar[models.Manager["Act"]] = models.Manager.from_queryset(ActQuerySet)()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["kind", "-at"], name="accounts_act_kind_at")]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise LastingError
