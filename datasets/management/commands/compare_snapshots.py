from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets import side_by_side
from datasets.models import Snapshot

PAIRS = 20  # of nouns that are printed


class Command(BaseCommand):
    help = "Say what two snapshots of a collection differ in, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("older", type=int, metavar="A", help="the number of the older one")
        parser.add_argument("newer", type=int, metavar="B")

    def handle(self, *, collection: str, older: int, newer: int, **options: Any) -> None:
        one, other = _snapshot(collection, older), _snapshot(collection, newer)
        try:
            found = side_by_side.side_by_side(one, other)
        except side_by_side.NotComparableError as error:
            raise CommandError(str(error)) from error
        hidden = side_by_side.hidden_nouns(one, other)
        for line in _lines(one, other, found, hidden):
            self.stdout.write(line)


def _snapshot(slug: str, number: int) -> Snapshot:
    snapshot = Snapshot.objects.filter(collection__slug=slug, number=number).first()
    if snapshot is None:
        raise CommandError(f"Expected the number of a snapshot of {slug!r}; found {number}.")
    return snapshot


def _lines(older: Snapshot, newer: Snapshot, found: side_by_side.SideBySide, hidden: set[str]) -> list[str]:
    comparison = found.comparison
    both = comparison.open.n_kept + comparison.open.n_changed
    return [
        f"{older} and {newer.number}:",
        f"Labels: {comparison.open.n_changed:,} of {both:,} changed{_told(comparison.causes)}.",
        f"Pictures: {comparison.open.n_came:,} came{_told(comparison.came)}.",
        f"Pictures: {comparison.open.n_gone:,} went{_told(comparison.gone)}.",
        f"Test labels: {comparison.secret.n_changed:,} changed.",
        f"Labels that stayed: {comparison.drift.n_surer:,} surer, {comparison.drift.n_less_sure:,} less sure, "
        f"{comparison.drift.mean:+.4f} on average.",
        *_classes("Classes that came", newer, older, hidden),
        *_classes("Classes that went", older, newer, hidden),
        *(
            f"{pair.n:>9,}  {_name(older, pair.old)} -> {_name(newer, pair.new)}{_told(pair.causes)}"
            + "".join(f", change {number}" for number in found.turned.get(pair[:2], ()))
            for pair in [pair for pair in comparison.pairs if hidden.isdisjoint(pair[:2])][:PAIRS]
        ),
    ]


def _told(counts: Mapping[str, int]) -> str:
    """Return ` (votes 3, refit 1)`, the most first; nothing of nothing."""
    said = ", ".join(
        f"{why} {n:,}" for why, n in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    )
    return f" ({said})" if said else ""


def _classes(head: str, of: Snapshot, other: Snapshot, hidden: set[str]) -> list[str]:
    out = {*other.classes, *hidden}
    names = [_name(of, wnid) for wnid in of.classes if wnid not in out]
    return [f"{head}: {', '.join(names)}."] if names else []


def _name(snapshot: Snapshot, wnid: str) -> str:
    return f"{snapshot.taxonomy['nouns'][wnid]['name']} ({wnid})"
