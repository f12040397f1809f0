"""What curators do with drafts: the same from a page, by program and in the administration.

Each wakes a worker when its transaction has ended. The rows hold the truth: should the message be lost, a sweep
finds the draft.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from taxonomy import drafting
from taxonomy.changes import Arguments
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import Kind
from taxonomy.tasks import work_drafts

ONE_PRESS = timedelta(seconds=30)  # the same once more within this time is one press that bounced


@transaction.atomic
def propose(kind: str, arguments: Arguments, *, author: User, reason: str) -> Draft:
    """Keep a change as a draft and have it previewed; a button pressed twice makes one draft.

    Raises ChangeRefusedError if the tree of today does not allow it.
    """
    Change.objects.lock()  # so that two presses at once come one after the other
    recent = Draft.objects.unfinished().filter(
        author=author, kind=kind, reason=reason, created_at__gt=timezone.now() - ONE_PRESS
    )
    draft = next((draft for draft in recent if as_asked(draft) == dict(arguments)), None)
    if draft is None:
        draft = drafting.propose(kind, arguments, author=author, reason=reason)
        _wake_a_worker()
    return draft


def as_asked(draft: Draft) -> dict[str, Any]:
    """Return the draft's arguments as they were asked for: a noun that is only drafted as its words."""
    arguments = dict(draft.arguments)
    if draft.kind == Kind.ADD:
        arguments["synset"] = _words(arguments["synset"])
    if draft.kind == Kind.SPLIT:
        arguments["parts"] = [_words(wnid) for wnid in arguments["parts"]]
    return arguments


def _words(wnid: str) -> str | dict[str, Any]:
    drafted = (
        Synset.objects.filter(wnid=wnid, is_retired=True, changes=None).prefetch_related("lemmas").first()
    )
    if drafted is None:
        return wnid
    lemmas = [lemma.text for lemma in drafted.lemmas.all()]
    return {"name": drafted.name, "gloss": drafted.gloss, "lemmas": lemmas[1:]}


def commit(draft: Draft) -> None:
    """Ask for the commit; a large one waits for a second curator first."""
    draft.commit()
    _wake_a_worker()


def approve(draft: Draft, curator: User) -> bool:
    """Let `curator`, another than the author, send a waiting draft on; say whether that was so."""
    is_approved = draft.approve(curator)
    _wake_a_worker()
    return is_approved


def discard(draft: Draft) -> None:
    """Give a draft up. Nothing happens to one that is committed or on its way."""
    drafting.discard(draft)


def _wake_a_worker() -> None:
    transaction.on_commit(work_drafts.delay, robust=True)
