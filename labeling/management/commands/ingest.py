import csv
import os
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from tqdm import tqdm

from labeling.archives import ArchiveError, Entry, printable, read_entries
from labeling.intake import (
    IntakeRefusedError,
    Outcome,
    Status,
    as_incoming,
    known_answers,
    known_nouns,
    take_in,
)
from labeling.metadata import MOST_LETTERS, Known, MetadataError, read_metadata
from labeling.models import Collection

MOST_SHOWN = 50  # refused files and near duplicates on the terminal; --report names all
COLUMNS = ["file", "status", "reason", "sha256", "looks_like"]


class Command(BaseCommand):
    help = "Take in the pictures of a folder, a ZIP or a TAR. Stop it when you like; run it again to go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, metavar="PATH", help="a folder, a .zip or a .tar, packed or not"
        )
        parser.add_argument("--collection", required=True, metavar="SLUG")
        parser.add_argument(
            "--metadata",
            type=Path,
            metavar="FILE.csv",
            help="file[,source][,licence][,credit][,label][,about]",
        )
        parser.add_argument("--source", help="where the pictures come from; the name of PATH unless given")
        parser.add_argument("--licence", default="")
        parser.add_argument("--credit", default="", help="whom to name beside them")
        parser.add_argument(
            "--processes",
            type=int,
            default=os.cpu_count() or 1,
            metavar="N",
            help="one for each core unless given",
        )
        parser.add_argument("--report", type=Path, metavar="FILE.csv", help="what became of every file")

    def handle(self, *, path: Path, collection: str, metadata: Path | None, **options: Any) -> None:
        found = Collection.objects.select_related("root").filter(slug=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection!r}.")
        if options["processes"] < 1:
            raise CommandError(f"--processes: expected 1 or more; found {options['processes']}.")
        about = {name: options[name] or "" for name in ("source", "licence", "credit")}
        about["source"] = about["source"] or printable(path.resolve().name)
        for name, text in about.items():
            if len(text) > MOST_LETTERS[name]:
                raise CommandError(
                    f"--{name}: expected at most {MOST_LETTERS[name]} characters; found {len(text)}."
                )
        try:
            known = read_metadata(metadata) if metadata else {}
            truths, nouns = known_answers(found, known), known_nouns(found, known)
            unused = set(known)
            # disable=None draws the bar on a terminal only, so log files stay short.
            entries = tqdm(_tick_off(read_entries(path), unused), unit=" files", disable=None)
            outcomes = take_in(
                found,
                as_incoming(entries, known, truths, nouns, folder=path.resolve().name),
                source=about["source"],
                licence=about["licence"],
                credit=about["credit"],
                n_processes=options["processes"],
            )
            self._say(found, outcomes, options["report"])
        except (ArchiveError, MetadataError, IntakeRefusedError) as error:
            raise CommandError(str(error)) from error
        self._say_unused(known, unused)

    def _say(self, collection: Collection, outcomes: Iterable[Outcome], path: Path | None) -> None:
        """Print what was refused and what looks alike, and then how many there were of each."""
        counts = Counter[str]()
        with ExitStack() as stack:
            file = stack.enter_context(path.open("w", encoding="utf-8", newline="")) if path else None
            report = csv.writer(file) if file else None
            if report:
                report.writerow(COLUMNS)
            for outcome in outcomes:
                counts[outcome.status] += 1
                counts["near"] += bool(outcome.near)
                if report:
                    row = (outcome.name, outcome.status, outcome.why, outcome.sha256, " ".join(outcome.near))
                    report.writerow(row)
                if outcome.status == Status.REFUSED and counts[Status.REFUSED] <= MOST_SHOWN:
                    self.stderr.write(f"{outcome.name}: {outcome.why}")
                if outcome.near and counts["near"] <= MOST_SHOWN:
                    alike = ", ".join(sha256[:12] for sha256 in outcome.near)
                    self.stdout.write(f"{outcome.name}: looks like {alike}")
        if max(counts[Status.REFUSED], counts["near"]) > MOST_SHOWN:
            self.stdout.write(f"Of each the first {MOST_SHOWN} are named here; --report FILE.csv names all.")
        if counts["near"]:
            page = reverse("labeling:duplicates", args=[collection.slug])
            self.stdout.write(f"Whoever owns the collection decides about what looks alike at {page}.")
        self.stdout.write(
            f"{counts[Status.ADDED]:,} pictures added, {counts[Status.THERE]:,} there already, "
            f"{counts['near']:,} of the new ones near duplicates, {counts[Status.REFUSED]:,} files refused."
        )

    def _say_unused(self, known: dict[str, Known], unused: set[str]) -> None:
        if unused:
            first = min(unused, key=lambda name: known[name].line)
            self.stderr.write(
                f"{len(unused):,} rows of the metadata name files that are not there, the first in line "
                f"{known[first].line}: {first}"
            )


def _tick_off(entries: Iterable[Entry], unused: set[str]) -> Iterator[Entry]:
    for entry in entries:
        unused.discard(entry.name)
        yield entry
