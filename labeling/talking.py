"""Who may read, write and hide what about a picture or a noun."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from labeling.models import Comment, Flag, Image, Vote
from labeling.models.comments import moderates_all
from labeling.splits import TRAIN
from taxonomy.models import Synset

COMMENTS = 20  # on one page

Reader = User | AnonymousUser


class NotYoursToWriteError(Exception):
    """Only people who have signed up write, and only where they may read."""


@dataclass(frozen=True)
class Thread:
    """One page of what is said about a picture or a noun, the newest first."""

    comments: list[Comment]
    next_before: int | None  # where the next page begins
    before: int | None  # where this page began
    moderates: bool  # whether its reader may hide
    flagged: set[int]  # the comments on it that its reader has flagged


def may_read(reader: Reader, about: Image | Synset) -> bool:
    """Say whether `reader` may see what is said about it. Talk about a picture of another split than train could tell
    its label, so who reads it has to have voted on it first.
    """
    if isinstance(about, Synset) or about.split == TRAIN:
        return True
    return reader.is_authenticated and Vote.objects.filter(question__image=about, annotator=reader).exists()


def may_write(reader: Reader) -> bool:
    return isinstance(reader, User) and reader.kind == User.Kind.PERSON


def thread(about: Image | Synset, reader: Reader, before: int | None) -> Thread:
    """Return a page of the comments on `about`, from right below the comment `before`."""
    comments = about.comments.select_related("author", "hidden_by").order_by("-pk")
    if before is not None:
        comments = comments.filter(pk__lt=before)
    found = list(comments[: COMMENTS + 1])
    page = found[:COMMENTS]
    flags = Flag.objects.filter(comment__in=page, flagger=reader.pk or 0)
    return Thread(
        comments=page,
        next_before=page[-1].pk if len(found) > COMMENTS else None,
        before=before,
        moderates=_moderates(about, reader),
        flagged=set(flags.values_list("comment", flat=True)) if reader.is_authenticated else set(),
    )


def _moderates(about: Image | Synset, reader: Reader) -> bool:
    if not reader.is_authenticated:
        return False
    if moderates_all(reader) or isinstance(about, Synset):
        return moderates_all(reader)
    return about.questions.filter(collection__owner=reader).exists()


def say(about: Image | Synset, author: Reader, comment: Comment) -> Comment:
    """Put `comment` under `about`. Raises NotYoursToWriteError."""
    if not (isinstance(author, User) and may_write(author) and may_read(author, about)):
        raise NotYoursToWriteError(_("Only people who have signed up write, and only where they may read."))
    comment.author = author
    if isinstance(about, Image):
        comment.image = about
    else:
        comment.synset = about
    comment.save()
    return comment


def flag(comment: Comment, flagger: Reader) -> bool:
    """Tell the moderators of `comment`; False if `flagger` has done so before. Raises NotYoursToWriteError."""
    if not isinstance(flagger, User) or not may_write(flagger):
        raise NotYoursToWriteError(_("Only people who have signed up flag comments."))
    try:
        with transaction.atomic():
            Flag.objects.create(comment=comment, flagger=flagger)
    except IntegrityError:
        return False
    return True


def flagged(moderator: User) -> QuerySet[Comment, Any]:
    """The comments that somebody flagged, for `moderator` to look at, those of the most flags first: `n_flags`."""
    waiting = Comment.objects.flagged().moderated_by(moderator)
    counted = waiting.annotate(n_flags=Count("flags", filter=Q(flags__settled_at=None)))
    return counted.select_related("author", "image", "synset").order_by("-n_flags", "pk")
