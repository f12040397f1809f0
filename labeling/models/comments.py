"""What people say to each other about a picture or a noun."""

from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from labeling.models.images import Image
from labeling.models.questions import Question
from taxonomy.models import Synset

MOST_CHARACTERS = 2000


class CommentQuerySet(models.QuerySet["Comment"]):
    def flagged(self) -> Self:
        """Those that somebody finds wrong, and no moderator has looked at since."""
        return self.filter(Exists(Flag.objects.open().filter(comment=OuterRef("pk"))), hidden_at=None)

    def moderated_by(self, user: Any) -> Self:
        """Those that `user` may hide: all for moderators and staff, on one's collections' pictures for an owner."""
        if moderates_all(user):
            return self
        own = Question.objects.filter(collection__owner=user.pk or 0, image=OuterRef("image"))
        return self.filter(Exists(own))


class Comment(models.Model):
    """A few plain words about one picture, or one noun."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, null=True, blank=True, related_name="comments")
    synset = models.ForeignKey(
        Synset, on_delete=models.CASCADE, null=True, blank=True, related_name="comments"
    )
    text = models.TextField(_("comment"), validators=[MaxLengthValidator(MOST_CHARACTERS)])
    created_at = models.DateTimeField(auto_now_add=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    hidden_reason = models.CharField(_("why it is hidden"), max_length=200, blank=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        permissions = [("moderate", "Can hide comments")]
        constraints = [
            models.CheckConstraint(
                condition=Q(image__isnull=False, synset=None) | Q(image=None, synset__isnull=False),
                name="labeling_comment_is_about_one_thing",
            ),
            models.CheckConstraint(
                condition=~Q(text="") & Q(LessThanOrEqual(Length("text"), MOST_CHARACTERS)),
                name="labeling_comment_length",
                violation_error_message=_("A comment has 1 to 2,000 characters."),
            ),
            models.CheckConstraint(
                condition=Q(hidden_at=None, hidden_by=None, hidden_reason="")
                | (Q(hidden_at__isnull=False, hidden_by__isnull=False) & ~Q(hidden_reason="")),
                name="labeling_comment_hidden_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author} on {self.synset or self.image}"

    def get_absolute_url(self) -> str:
        page = self.image.get_about_url() if self.image else self.about.get_absolute_url()
        return f"{page}#talk"

    @property
    def about(self) -> Image | Synset:
        about = self.image or self.synset
        assert about is not None  # noqa: S101  # the database refuses any other row
        return about

    def hide(self, moderator: User, reason: str) -> None:
        """Hide the words from everybody but moderators, and say why instead."""
        self.hidden_at, self.hidden_by, self.hidden_reason = timezone.now(), moderator, reason
        self.save(update_fields=["hidden_at", "hidden_by", "hidden_reason"])
        self.flags.open().settle()

    def show(self) -> None:
        """Let everybody read it: one that was hidden again, one that was flagged without more ado."""
        self.hidden_at, self.hidden_by, self.hidden_reason = None, None, ""
        self.save(update_fields=["hidden_at", "hidden_by", "hidden_reason"])
        self.flags.open().settle()


class FlagQuerySet(models.QuerySet["Flag"]):
    def open(self) -> Self:
        return self.filter(settled_at=None)

    def settle(self) -> None:
        self.update(settled_at=timezone.now())


class Flag(models.Model):
    """Somebody's word to the moderators that a comment should not stand."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="flags")
    flagger = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="flags")
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = FlagQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also once it was settled: who disagrees with a moderator does not get to ask again and again.
            models.UniqueConstraint(fields=["comment", "flagger"], name="labeling_flag_once"),
        ]
        indexes = [
            models.Index(fields=["comment"], condition=Q(settled_at=None), name="labeling_open_flags"),
        ]

    def __str__(self) -> str:
        return f"{self.flagger} on comment {self.comment_id}"


def moderates_all(user: Any) -> bool:
    return bool(user.is_staff or user.has_perm("labeling.moderate"))
