"""SHA256SUMS, which `sha256sum -c` reads. Pure."""

from collections.abc import Iterable


class ChecksumError(ValueError):
    """A name that a line of SHA256SUMS cannot hold."""


def checksums(entries: Iterable[tuple[str, str]]) -> str:
    """Return a line for each (name, SHA-256 as 64 hex digits). Raises ChecksumError at a name of several lines."""
    return "".join(_line(name, sha256) for name, sha256 in entries)


def _line(name: str, sha256: str) -> str:
    if not name or set(name) & set("\n\r\\"):
        raise ChecksumError(f"Expected a name without a line break or a backslash; found {name!r}.")
    return f"{sha256}  {name}\n"
