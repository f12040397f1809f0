from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from taxonomy.importing import ImportRefusedError
from taxonomy.models import Synset
from taxonomy.records import SynsetFileError, SynsetRecord
from taxonomy.releases import ReleaseReport, import_release
from taxonomy.wordnet import choose, read_wordnet


class Command(BaseCommand):
    help = "Add the nouns of WordNet's own database files, and map those that are here by ids and sense keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="with data.noun and index.noun")
        parser.add_argument(
            "--under", metavar="NOUN", help="only this noun, all below it and all above those"
        )
        parser.add_argument("--depth", type=int, metavar="N", help="at most so many steps below it")
        parser.add_argument("--release", metavar="VERSION", help="where the files do not say: 3.0")

    def handle(
        self, *, folder: Path, under: str | None, depth: int | None, release: str | None, **options: Any
    ) -> None:
        try:
            wordnet = read_wordnet(folder, release)
            records = choose(wordnet.records, under, depth) if under or depth is not None else wordnet.records
            # disable=None draws the bar on a terminal only, so log files stay short.
            bar = tqdm(records, unit=" nouns", disable=None)
            report = import_release(list(bar), wordnet.version, reason=f"import of WordNet {wordnet.version}")
        except (SynsetFileError, ImportRefusedError) as error:
            raise CommandError(str(error)) from error
        self._tell(report, {record.wnid: record for record in records}, wordnet.version)

    def _tell(self, report: ReleaseReport, records: dict[str, SynsetRecord], version: str) -> None:
        self.stdout.write(
            f"WordNet {version}: {report.n_added:,} nouns added; here already: {report.n_by_id:,} by their id, "
            f"{report.n_by_key:,} by their sense keys."
        )
        candidates = {wnid for found in report.ambiguous.values() for wnid in found}
        names = {synset.wnid: synset.name for synset in Synset.objects.filter(wnid__in=candidates)}
        for wnid, found in report.ambiguous.items():
            choices = ", ".join(f"{names[each]} ({each})" for each in found)
            self.stdout.write(f"Not mapped: {records[wnid].name} ({wnid}) could be {choices}.")
        for wnid in report.unplaced:
            self.stdout.write(
                f"Not placed: {records[wnid].name} ({wnid}) hangs from nothing that was mapped."
            )
