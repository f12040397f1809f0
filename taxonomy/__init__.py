"""The nested nouns, and every change ever made to them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taxonomy.history import TreeThen


def as_of(version: int) -> "TreeThen":
    """Return the tree as it was when the change numbered `version` was the latest; 0 is before any."""
    # Django loads this package before its apps are ready, so the models cannot be imported above.
    from taxonomy import history

    return history.as_of(version)
