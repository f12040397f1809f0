"""What is sent to addresses that would refuse an empty form whoever sends it."""

from collections.abc import Callable
from typing import Any

from tests.secrecy.world import Stage

_SENT: dict[tuple[str, str], Callable[[Stage], dict[str, Any]]] = {
    ("accounts:create-token", "POST"): lambda _stage: {"name": "a script", "scopes": ["read"]},
    ("labeling:picture-talk", "POST"): lambda _stage: {"text": "What a cat."},
    ("labeling:synset-talk", "POST"): lambda _stage: {"text": "What a noun."},
}


def sent(stage: Stage, name: str, method: str) -> dict[str, Any]:
    """Return what is sent to the address of a name by a method; mostly nothing."""
    return _SENT[name, method](stage) if (name, method) in _SENT else {}
