"""Who depends on the taxonomy, and follows its changes. The settings name them: see TAXONOMY_DEPENDANTS."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from taxonomy.models import Change, Draft
from taxonomy.patch import Patch


@dataclass(frozen=True)
class Impact:
    """One thing that a change touches, as its preview says it: {count} {what}."""

    what: str  # labels, questions to ask again, snapshots...: words for a curator
    count: int
    examples: tuple[str, ...] = ()  # some of them by name
    is_size: bool = False  # counts towards what one curator may change alone

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class OutdatedError(Exception):
    """What was prepared no longer fits; the message says why. It is prepared anew."""


class Dependant(Protocol):
    """What an app to the right of taxonomy does about a change. Each method is safe to repeat."""

    def prepare(self, draft: Draft, patch: Patch) -> list[Impact]:
        """Work out, in batches and without changing what anybody sees, what `switch` will write; count it.

        Begins each transaction that writes with draft.beat(). Raises ChangeRefusedError where the change cannot be
        followed.
        """

    def switch(self, draft: Draft, change: Change) -> None:
        """Write what was prepared: in the transaction of the change, with the taxonomy locked.

        Raises OutdatedError if something other than the taxonomy has moved on so far that it no longer fits.
        """

    def forget(self, draft: Draft) -> None:
        """Drop what was prepared for a draft that came to nothing."""


@cache
def dependants() -> tuple[Dependant, ...]:
    return tuple(import_string(path)() for path in settings.TAXONOMY_DEPENDANTS)
