import itertools
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from labeling import importing, refitting
from labeling.crowd import CrowdFileError, PictureArchive, read_labels, read_votes
from labeling.management.reports import describe
from labeling.models import Collection


class Command(BaseCommand):
    help = "Bring in a published crowd dataset: pictures, true classes and historical votes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--collection", required=True, metavar="SLUG", help="made if there is none")
        parser.add_argument("--pictures", required=True, type=Path, metavar="FILE.zip")
        parser.add_argument(
            "--labels", required=True, type=Path, metavar="FILE.csv", help="image,label[,code]"
        )
        parser.add_argument(
            "--votes", required=True, type=Path, metavar="FILE.csv", help="annotator,image,label"
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="only the first N pictures and their votes"
        )
        parser.add_argument(
            "--class",
            dest="named",
            action="append",
            default=[],
            metavar="NAME=SYNSET",
            help="the noun that a class name means, where it is not the commonest: cat=domestic_cat.n.01",
        )

    def handle(
        self, *, collection: str, pictures: Path, labels: Path, votes: Path, limit: int | None, **options: Any
    ) -> None:
        for path in (pictures, labels, votes):
            if not path.is_file():
                raise CommandError(f"{path} is not a file.")
        if limit is not None and limit < 1:
            raise CommandError(f"--limit: expected 1 or more; found {limit}.")
        named = dict(self._named(text) for text in options["named"])
        try:
            made = self._bring_in(collection, pictures, labels, votes, limit, named)
        except (CrowdFileError, importing.ImportRefusedError) as error:
            raise CommandError(
                f"{error} What came before it is kept; run the command again to go on."
            ) from error
        try:
            self.stdout.write(describe(refitting.refit_now(made)))
        except refitting.AlreadyRefittingError as error:
            # Everything is in; whoever is at it may have missed some of it, which the next refit reads.
            self.stdout.write(str(error))

    def _named(self, text: str) -> tuple[str, str]:
        name, equals, synset = text.partition("=")
        if not equals:
            raise CommandError(f"--class: expected NAME=SYNSET; found {text!r}.")
        return name, synset

    def _bring_in(
        self, slug: str, pictures: Path, labels: Path, votes: Path, limit: int | None, named: dict[str, str]
    ) -> Collection:
        archive = PictureArchive(pictures)
        classes = importing.name_classes(read_labels(labels), named)
        collection = importing.prepare_collection(slug, classes.values())
        # disable=None draws the bars on a terminal only, so log files stay short.
        first = tqdm(itertools.islice(read_labels(labels), limit), unit=" pictures", disable=None)
        report = importing.import_pictures(collection, first, classes, archive)
        for name, reason in report.refused:
            self.stderr.write(f"{name}: {reason}")
        self.stdout.write(f"{report.n_added} pictures added, {len(report.refused)} refused.")
        n_new = importing.import_votes(
            collection,
            tqdm(read_votes(votes), unit=" votes", disable=None),
            classes,
            report.questions,
            frozenset(row.image for row in read_labels(labels)),
        )
        self.stdout.write(f"{n_new} votes added.")
        return collection
