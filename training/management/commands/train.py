from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training import minding
from training.models import Run, RunLostError


class Command(BaseCommand):
    help = "Train one claimed run to its end. Workers start this; to train by hand, queue a run instead."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int)
        parser.add_argument("--attempt", type=int, required=True)

    def handle(self, *, run: int, attempt: int, **options: Any) -> None:
        told = minding.listen()
        # Slow to load. Until it is, whoever asks this process to end is already heard.
        from training.running import execute

        claimed = Run.objects.running().filter(pk=run, attempt=attempt).select_related("snapshot").first()
        if claimed is None:
            raise CommandError(f"Expected run {run} to be claimed by attempt {attempt}; it is not.")
        try:
            execute(claimed, told)
        except RunLostError as error:
            self.stderr.write(str(error))
