from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from datasets.models import Snapshot
from datasets.verifying import verify, wrong


class Command(BaseCommand):
    help = "Read every byte of a snapshot again and say what is not as it was frozen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("number", metavar="NUMBER", type=int)

    def handle(self, *, collection: str, number: int, **options: Any) -> None:
        found = Snapshot.objects.filter(collection__slug=collection, number=number)
        snapshot = found.select_related("collection").first()
        if snapshot is None:
            raise CommandError(f"There is no snapshot {number} of a collection {collection!r}.")
        # disable=None draws the bar on a terminal only, so log files stay short.
        sentences = wrong(tqdm(verify(snapshot), total=snapshot.n_images, unit="picture", disable=None))
        for sentence in sentences:
            self.stdout.write(sentence)
        if sentences:
            n = len(sentences)
            raise CommandError(f"{snapshot}: {n:,} {'thing is' if n == 1 else 'things are'} not as frozen.")
        self.stdout.write(f"{snapshot}: all is as it was frozen, digest {snapshot.digest}.")
