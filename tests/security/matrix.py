"""The table of tests/security/matrix.txt: who is answered what, where."""

from collections.abc import Mapping
from pathlib import Path

from tests.security.asking import ROLES

FILE = Path(__file__).with_name("matrix.txt")
Row = tuple[str, str]  # the name of an address, and a method
Outcomes = tuple[str, ...]  # of each role


def read() -> dict[Row, Outcomes]:
    """Return the table. Lines that begin with # say what it means."""
    rows: dict[Row, Outcomes] = {}
    for number, line in enumerate(FILE.read_text().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        name, method, *told = line.split()
        if len(told) != len(ROLES):
            raise ValueError(
                f"{FILE.name}, line {number}: expected {len(ROLES)} outcomes; found {len(told)}."
            )
        rows[name, method] = tuple(told)
    return rows


def lines(rows: Mapping[Row, Outcomes]) -> list[str]:
    """Write rows down as the table has them."""
    return [_line(name, method, told) for (name, method), told in rows.items()]


def _line(name: str, method: str, told: Outcomes) -> str:
    cells = (f"{each:<{max(3, len(role))}}" for each, role in zip(told, ROLES, strict=True))
    return f"{name:<32}{method:<8}{'  '.join(cells)}".rstrip()


HEADING = _line("# address", "method", tuple(ROLES))
