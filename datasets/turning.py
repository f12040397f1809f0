"""Changes of the taxonomy between two snapshots -> which classes they turned into which. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Turn(NamedTuple):
    """Of the change with this number: labels that named one noun name another. A noun that only moved, with all below
    it, stays what it is: it is `before` and `after`.
    """

    number: int
    before: str  # wnids
    after: str


def turned(
    turns: Iterable[Turn], old_class: Mapping[str, str | None], new_class: Mapping[str, str | None]
) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return for each pair (class then, class now) the numbers of the changes that made one of the other, in order.

    turns:     in the order of their numbers, those of one change after one another.
    old_class: for each noun that turns the class that stood for it in the older snapshot, None where none did;
    new_class: for each noun that another turns into, the class that stands for it in the newer one.

    Changes follow each other: where *pug* was merged into *dog* and later *dog* into *canine*, both made a canine of
    a pug. What comes back to where it began is as it was.
    """
    ways: dict[str, dict[str, frozenset[int]]] = {}  # noun now -> noun then -> changes on the way
    for turn in turns:
        if turn.before == turn.after and old_class.get(turn.before) == new_class.get(turn.before):
            continue  # it moved about below one class
        if turn.before != turn.after and turn.after in ways.get(turn.before, {}):
            del ways[turn.before][turn.after]
            continue
        starts = {turn.before: frozenset[int]()} | ways.get(turn.before, {})
        there = ways.setdefault(turn.after, {})
        for start, numbers in starts.items():
            there[start] = there.get(start, frozenset()) | numbers | {turn.number}
    found: dict[tuple[str, str], frozenset[int]] = {}
    for now, starts in ways.items():
        for start, numbers in starts.items():
            old, new = old_class.get(start), new_class.get(now)
            if old is not None and new is not None and old != new:
                found[old, new] = found.get((old, new), frozenset()) | numbers
    return {pair: tuple(sorted(numbers)) for pair, numbers in found.items()}
