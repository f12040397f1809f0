"""The ledger of changes, and the drafts that become changes."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.sql import IS_POSTGRESQL, rows, run
from config.clock import over
from taxonomy.models.synsets import Synset
from taxonomy.patch import Patch

LOCK = "LOCK TABLE taxonomy_change IN {} MODE"
VERSION = "SELECT COALESCE(MAX(id), 0) FROM taxonomy_change"
MOST_FAILURES = 3  # of the work on one draft
CLAIM_TIME = timedelta(seconds=60)  # a worker that says nothing for so long has died


class Kind(models.TextChoices):
    IMPORT = "import", _("import")
    ADD = "add", _("new noun")
    RENAME = "rename", _("rename")
    EDIT = "edit", _("words and gloss")
    ADD_PARENT = "add_parent", _("new hypernym")
    DROP_PARENT = "drop_parent", _("hypernym dropped")
    MOVE = "move", _("move")
    MERGE = "merge", _("merge")
    SPLIT = "split", _("split")
    RETIRE = "retire", _("retire")
    RESTORE = "restore", _("restore")
    MARK = "mark", _("mark")
    UNDO = "undo", _("undo")


class ChangeQuerySet(models.QuerySet["Change"]):
    def undone(self) -> set[int]:
        """Return the numbers of the changes that do not stand: undone, and the undoing was not undone again."""
        undone: set[int] = set()
        # From the latest on: whether an undo stands is known before what it undoes is asked about.
        for pk, target in self.exclude(undoes=None).order_by("-pk").values_list("pk", "undoes"):
            if pk not in undone:
                undone.add(target)
        return undone

    def of(self, synset: Synset) -> Self:
        return self.filter(synsets=synset)

    def standing_split(self, wnid: str) -> "Change | None":
        """Return the split of this noun that was not undone; a noun has one at most."""
        splits = self.filter(kind=Kind.SPLIT, synsets__wnid=wnid, arguments__synset=wnid)
        undone = self.undone() if splits else set()
        return next((change for change in splits if change.pk not in undone), None)


class ChangeManager(models.Manager["Change"]):
    def get_queryset(self) -> ChangeQuerySet:
        return ChangeQuerySet(self.model, using=self._db)

    def undone(self) -> set[int]:
        return self.get_queryset().undone()

    def of(self, synset: Synset) -> ChangeQuerySet:
        return self.get_queryset().of(synset)

    def standing_split(self, wnid: str) -> "Change | None":
        return self.get_queryset().standing_split(wnid)

    def version(self) -> int:
        """The taxonomy's version: the number of its latest change, 0 before any."""
        return int(rows(VERSION)[0][0])

    def lock(self) -> None:
        """Wait for, then keep until the transaction's end, the one right to change the taxonomy. Votes go on."""
        self._lock("SHARE ROW EXCLUSIVE")

    def lock_votes_out(self) -> None:
        """Lock, and have votes wait too: for the short while in which labels and classes switch over."""
        self._lock("EXCLUSIVE")

    def hold_still(self) -> None:
        """Keep classes and labels from switching over until the transaction's end. What the version is may be read
        after this, not with it. Any number of transactions may do so at once; keep them short, since whoever waits
        to switch has later ones wait.
        """
        self._lock("ROW SHARE")

    def _lock(self, mode: str) -> None:
        # On SQLite every transaction that writes already excludes all others.
        if IS_POSTGRESQL:
            run(LOCK.format(mode))

    def record(self, kind: Kind, patch: Patch, touched: Iterable[Synset], **fields: Any) -> "Change":
        """Append one line to the ledger. Call it with the taxonomy locked, when the patch is applied."""
        change = self.create(kind=kind, facts=patch.to_json(), **fields)
        links = Change.synsets.through
        links.objects.bulk_create(
            (links(change=change, synset=synset) for synset in touched), batch_size=5000
        )
        return change


class Change(models.Model):
    """One line of the append-only ledger. Its number is the taxonomy's version."""

    kind = models.CharField(max_length=16, choices=Kind)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="changes"
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300)
    summary = models.CharField(
        max_length=500, blank=True, default="", help_text=_("What it did, in one line.")
    )
    arguments = models.JSONField(default=dict, help_text=_("What was asked for."))
    facts = models.JSONField(default=dict, help_text=_("What it did, as a patch: see taxonomy.patch."))
    impact = models.JSONField(default=list, help_text=_("What depended on it when it was made."))
    undoes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by"
    )
    synsets = models.ManyToManyField(Synset, related_name="changes", help_text=_("The nouns it touched."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ChangeManager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"change {self.pk}: {self.summary}"

    def get_absolute_url(self) -> str:
        return reverse("taxonomy:change", args=[self.pk])

    @property
    def patch(self) -> Patch:
        return Patch.from_json(self.facts)

    def original(self) -> tuple["Change", bool]:
        """Return the change that this one is in the end about, and whether this one makes it or takes it back: the
        undoing of an undoing makes it again.
        """
        if self.undoes is None:
            return self, True
        original, is_made = self.undoes.original()
        return original, not is_made

    @property
    def turned(self) -> set[str]:
        """The nouns whose votes count otherwise since: those that left the tree or came, and one that was split."""
        patch = self.patch
        split = {self.arguments["synset"]} if self.kind == Kind.SPLIT else set()
        return {*patch.added, *patch.removed} | split


class DraftQuerySet(models.QuerySet["Draft"]):
    def unfinished(self) -> Self:
        return self.exclude(state__in=Draft.ENDS)

    def due(self) -> Self:
        """Those that wait for a worker, or whose worker has died."""
        return self.filter(
            Q(claimed_until=None) | over("claimed_until", CLAIM_TIME),
            state__in=(Draft.State.PREVIEWING, Draft.State.QUEUED),
        )

    def claim_next(self) -> "Draft | None":
        """Take the oldest draft that is due; None if there is none, or others were faster."""
        for pk in self.due().order_by("pk").values_list("pk", flat=True)[:10]:
            # One UPDATE both checks and takes it; the attempt tells a worker thought dead that it was replaced.
            taken = self.due().filter(pk=pk)
            if taken.update(claimed_until=timezone.now() + CLAIM_TIME, attempt=F("attempt") + 1):
                return self.get(pk=pk)
        return None


class DraftTakenError(Exception):
    """Another worker has taken the draft over, or it has moved on."""


class Draft(models.Model):
    """A change that somebody proposes: previewed, perhaps approved by a second curator, then committed."""

    class State(models.TextChoices):
        PREVIEWING = "previewing", _("counting what it touches")
        READY = "ready", _("ready to commit")
        WAITING = "waiting", _("waits for a second curator")
        QUEUED = "queued", _("being committed")
        COMMITTED = "committed", _("committed")
        REFUSED = "refused", _("refused")
        DISCARDED = "discarded", _("discarded")

    ENDS = (State.COMMITTED, State.REFUSED, State.DISCARDED)

    kind = models.CharField(max_length=16, choices=Kind)
    arguments = models.JSONField(default=dict)
    summary = models.CharField(max_length=500)
    reason = models.CharField(max_length=300)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="drafts")
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State, default=State.PREVIEWING)
    impact = models.JSONField(default=list, help_text=_("What it would touch: see taxonomy.dependants."))
    size = models.PositiveIntegerField(default=0, help_text=_("How many labels it touches."))
    error = models.CharField(max_length=1000, blank=True, help_text=_("Why it was refused."))
    synset = models.ForeignKey(
        Synset,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drafts",
        help_text=_("The noun that it is about."),
    )
    change = models.OneToOneField(
        Change, on_delete=models.PROTECT, null=True, blank=True, related_name="draft"
    )
    n_failures = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [("curate", "Can change the taxonomy")]
        constraints = [
            models.CheckConstraint(
                condition=Q(approver=None) | ~Q(approver=F("author")),
                name="taxonomy_approver_is_another",
                violation_error_message=_("A second curator has to approve it, not its author."),
            ),
            models.CheckConstraint(
                condition=Q(state="committed", change__isnull=False)
                | (~Q(state="committed") & Q(change__isnull=True)),
                name="taxonomy_committed_has_its_change",
            ),
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}: {self.summary}"

    def get_absolute_url(self) -> str:
        return reverse("taxonomy:draft", args=[self.pk])

    @property
    def needs_second_curator(self) -> bool:
        return self.approver_id is None and self.size >= settings.SECOND_CURATOR_FROM

    def commit(self) -> None:
        """Ask for the commit; a large one waits for a second curator first. Nothing happens to one that is
        not ready, so a second press does no harm.
        """
        self._move(
            Draft.State.READY, Draft.State.WAITING if self.needs_second_curator else Draft.State.QUEUED
        )

    def approve(self, curator: Any) -> bool:
        """Let `curator`, another than the author, send a waiting draft on; say whether that was so."""
        waiting = Draft.objects.filter(pk=self.pk, state=Draft.State.WAITING).exclude(author=curator)
        n_approved = waiting.update(state=Draft.State.QUEUED, approver=curator, claimed_until=None)
        self.refresh_from_db()
        return bool(n_approved)

    def discard(self) -> None:
        """Give it up. Nothing happens to one that is committed or on its way."""
        for state in (Draft.State.PREVIEWING, Draft.State.READY, Draft.State.WAITING):
            self._move(state, Draft.State.DISCARDED)

    def _move(self, before: State, after: State) -> None:
        # One UPDATE both checks and moves, so two presses at once do not meet.
        Draft.objects.filter(pk=self.pk, state=before).update(state=after, claimed_until=None)
        self.refresh_from_db()

    def beat(self) -> None:
        """Keep the claim. Raises DraftTakenError if another worker has it now.

        Call it first in each transaction that writes for this draft: it locks the draft, so that a worker which
        was replaced cannot write beside the one that replaced it.
        """
        self._write(claimed_until=timezone.now() + CLAIM_TIME)

    def show(self, impact: list[dict[str, Any]], size: int) -> None:
        """Keep what the preview found."""
        # A refused preview comes back here after a commit found more than was previewed.
        self._write(impact=impact, size=size, state=Draft.State.READY, claimed_until=None)

    def hold_for_second_curator(self, impact: list[dict[str, Any]], size: int) -> None:
        """Stop a commit that has grown beyond what one curator may do since its preview."""
        self._write(impact=impact, size=size, state=Draft.State.WAITING, claimed_until=None)

    def refuse(self, error: str) -> None:
        self._write(state=Draft.State.REFUSED, error=error[:1000], claimed_until=None)

    def fail(self) -> bool:
        """Note that work on it broke off; after a few times it is given up, so that nobody tries for ever. Say
        whether it is.
        """
        mine = Draft.objects.filter(pk=self.pk, attempt=self.attempt)
        mine.update(n_failures=F("n_failures") + 1)
        often = mine.filter(n_failures__gte=MOST_FAILURES).exclude(state__in=Draft.ENDS)
        n_given_up = often.update(
            state=Draft.State.REFUSED,
            claimed_until=None,
            error=_("Something went wrong on this site while it was worked on; the log says what."),
        )
        return bool(n_given_up)

    def finish(self, change: Change) -> None:
        """Note that it became `change`; call it in the transaction that makes the change."""
        self._write(state=Draft.State.COMMITTED, change=change, claimed_until=None)

    def _write(self, **fields: Any) -> None:
        mine = Draft.objects.filter(
            pk=self.pk, attempt=self.attempt, state__in=(Draft.State.PREVIEWING, Draft.State.QUEUED)
        )
        if not mine.update(**fields):
            raise DraftTakenError(f"Draft {self.pk} was taken over by another worker, or ended.")
        for name, value in fields.items():
            setattr(self, name, value)
