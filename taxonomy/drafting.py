"""A change on its way: proposed, previewed, committed. What depends on the taxonomy follows it in one switch."""

import logging
from typing import Any

from django.db import transaction

from accounts.models import User
from taxonomy import ledger
from taxonomy.changes import Arguments, ChangeRefusedError
from taxonomy.dependants import Impact, OutdatedError, dependants
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import DraftTakenError, Kind

logger = logging.getLogger(__name__)


@transaction.atomic
def propose(kind: str, arguments: Arguments, *, author: User, reason: str) -> Draft:
    """Keep a change as a draft, so that it can be previewed. Raises ChangeRefusedError if the tree of today does
    not allow it; then nothing is kept.

    A new noun comes as a dictionary of `name`, `gloss` and `lemmas` where another change has a wnid.
    """
    arguments = _with_planted_nouns(kind, arguments)
    ledger.plan(kind, arguments)
    return Draft.objects.create(
        kind=kind,
        arguments=arguments,
        summary=ledger.summarize(kind, arguments),
        reason=reason,
        author=author,
        synset=Synset.objects.filter(wnid=arguments.get("synset", "")).first(),
    )


def _with_planted_nouns(kind: str, arguments: Arguments) -> dict[str, Any]:
    planted = dict(arguments)
    if kind == Kind.ADD and isinstance(arguments["synset"], dict):
        planted["synset"] = _plant(arguments["synset"], next(iter(arguments["hypernyms"]), None))
    if kind == Kind.SPLIT:
        planted["parts"] = [
            _plant(part, arguments["synset"]) if isinstance(part, dict) else part
            for part in arguments["parts"]
        ]
    return planted


def _plant(noun: dict[str, Any], stand_in: str | None) -> str:
    hypernym = Synset.objects.current().filter(wnid=stand_in or "").first()
    return ledger.plant(noun["name"], noun["gloss"], noun.get("lemmas", ()), hypernym).wnid


def work_due() -> int:
    """Preview and commit the drafts that are due, the oldest first; return how many this worker took."""
    n_taken = 0
    while draft := Draft.objects.claim_next():
        work(draft)
        n_taken += 1
    return n_taken


def work(draft: Draft) -> None:
    """Preview or commit a claimed draft. What the tree does not allow is kept as its refusal; a worker that was
    thought dead, and so replaced, does nothing more. What fails otherwise is tried again, and in the end given up.
    """
    try:
        _work(draft)
    except DraftTakenError as error:
        logger.warning("%s", error)
    except Exception:
        with transaction.atomic():
            if draft.fail():
                _forget(draft)
        raise


def _work(draft: Draft) -> None:
    try:
        if draft.state == Draft.State.PREVIEWING:
            draft.show(*_prepare(draft))
        else:
            commit(draft)
    except ChangeRefusedError as error:
        with transaction.atomic():
            draft.refuse(str(error))
            _forget(draft)


def commit(draft: Draft) -> Change | None:
    """Make the draft's change: everything is prepared in batches, then switched over in one transaction. Where the
    tree or a collection moves on meanwhile, it is prepared anew.

    Returns None where it now touches so much that a second curator has to approve it first.
    """
    while True:
        version = Change.objects.version()
        impact, draft.size = _prepare(draft)
        if draft.needs_second_curator:
            draft.hold_for_second_curator(impact, draft.size)
            return None
        try:
            return _switch(draft, impact, version)
        except OutdatedError as error:
            logger.info("%s is prepared anew: %s", draft, error)


@transaction.atomic
def _switch(draft: Draft, impact: list[dict[str, Any]], version: int) -> Change:
    draft.beat()
    Change.objects.lock_votes_out()
    if Change.objects.version() != version:
        raise OutdatedError(f"it was prepared for version {version} of the taxonomy")
    change = ledger.make(
        draft.kind,
        draft.arguments,
        author=draft.author,
        approver=draft.approver,
        reason=draft.reason,
        summary=draft.summary,
        impact=impact,
    )
    for dependant in dependants():
        dependant.switch(draft, change)
    draft.finish(change)
    return change


def _prepare(draft: Draft) -> tuple[list[dict[str, Any]], int]:
    draft.beat()
    patch = ledger.plan(draft.kind, draft.arguments)
    found: list[Impact] = [impact for each in dependants() for impact in each.prepare(draft, patch)]
    return [impact.to_json() for impact in found], sum(impact.count for impact in found if impact.is_size)


def discard(draft: Draft) -> None:
    """Give a draft up, with all that was prepared for it."""
    draft.discard()
    if draft.state == Draft.State.DISCARDED:
        _forget(draft)


def _forget(draft: Draft) -> None:
    for dependant in dependants():
        dependant.forget(draft)
