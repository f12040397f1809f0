from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from labeling import foretelling, refitting
from labeling.management.reports import describe
from labeling.models import Collection, Dispute
from labeling.prediction_files import PredictionFileError, read


class Command(BaseCommand):
    help = "Take in what a trained network says of a collection's pictures, and weigh it. All of a file, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("path", type=Path, metavar="FILE", help="a .csv, .jsonl or .npz")
        parser.add_argument("--network", metavar="NAME", help="which network; the name of FILE unless given")

    def handle(self, *, collection: str, path: Path, network: str | None, **options: Any) -> None:
        found = Collection.objects.filter(slug=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection!r}.")
        # disable=None draws the bar on a terminal only, so log files stay short.
        sayings = tqdm(read(path), unit=" pictures", disable=None)
        try:
            n = foretelling.take_in(found, path.stem if network is None else network, sayings)
        except (PredictionFileError, foretelling.PredictionRefusedError) as error:
            raise CommandError(f"{error} Nothing was kept.") from error
        self.stdout.write(f"{n:,} pictures foretold.")
        if found.has_votes:
            self._weigh(found)

    def _weigh(self, collection: Collection) -> None:
        try:
            self.stdout.write(describe(refitting.refit_now(collection)))
        except refitting.AlreadyRefittingError as error:
            # It is all kept; the refit that comes after this one knows of it.
            self.stderr.write(str(error))
            return
        pending = Dispute.objects.filter(question__collection=collection).pending().count()
        self.stdout.write(f"{pending:,} disputed labels are being asked again.")
