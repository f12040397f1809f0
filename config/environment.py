"""Reads settings from the environment. Each refuses what it cannot use in one sentence, which names the setting.

An empty text counts as none, since compose sends one for each setting that .env leaves out.
"""

import os
from collections.abc import Collection
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def flag(name: str, *, default: bool) -> bool:
    """Read an on/off setting."""
    found = text(name, "1" if default else "0").lower()
    if found not in YES | NO:
        raise ImproperlyConfigured(f"{name}: expected 1 or 0; found {found!r}.")
    return found in YES


def words(name: str, known: Collection[str] = ()) -> list[str]:
    """Read a list, separated by commas; where there are `known` words, of these."""
    found = [word.strip() for word in text(name).split(",") if word.strip()]
    for word in found:
        if known and word not in known:
            raise ImproperlyConfigured(f"{name}: expected some of {', '.join(known)}; found {word!r}.")
    return found


def whole(name: str, *, default: int, least: int = 0) -> int:
    """Read a whole number, `least` or more."""
    found = text(name, str(default))
    # isdecimal takes every script's digits, and so does int.
    if not found.isdecimal() or int(found) < least:
        raise ImproperlyConfigured(f"{name}: expected a whole number, {least} or more; found {found!r}.")
    return int(found)


def seconds(name: str, *, default: float) -> float:
    """Read a time, 0 or more."""
    found = text(name, str(default))
    try:
        number = float(found)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ImproperlyConfigured(f"{name}: expected seconds, 0 or more; found {found!r}.")
    return number


def choice(name: str, known: Collection[str], *, default: str) -> str:
    """Read one of the words `known`."""
    found = text(name, default)
    if found not in known:
        raise ImproperlyConfigured(f"{name}: expected one of {', '.join(known)}; found {found!r}.")
    return found


def url(name: str, schemes: Collection[str]) -> str:
    """Read an address of one of the `schemes`; its own text is not told, since it may hold a password."""
    found = text(name)
    scheme, separator, _ = found.partition("://")
    if found and not (separator and scheme in schemes):
        told = repr(scheme) if separator else "no scheme"
        raise ImproperlyConfigured(
            f"{name}: expected an address that begins with {' or '.join(f'{s}://' for s in schemes)}; found {told}."
        )
    return found


def secret(name: str) -> str:
    """Read what nobody else may know, from the setting, or from the file that is named by NAME_FILE.

    What is in the environment can be read by `docker inspect`, a file below /run/secrets cannot.
    """
    named = text(f"{name}_FILE")
    if not named:
        return text(name)
    if text(name):
        raise ImproperlyConfigured(f"Expected {name} or {name}_FILE; found both.")
    try:
        found = Path(named).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE: expected a file that can be read; found {named!r}: {error.strerror}."
        ) from error
    if not found:
        raise ImproperlyConfigured(f"{name}_FILE: expected a secret in {named!r}; found nothing.")
    return found
