from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.foretelling import PredictionRefusedError
from training.loop import CheckpointError
from training.models import Run
from training.packing import PackError
from training.predicting import NotFinishedError, foretell


class Command(BaseCommand):
    help = "Ask a finished run's network about every picture of its collection. Stop it when you like; it goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int)

    def handle(self, *, run: int, **options: Any) -> None:
        found = Run.objects.select_related("snapshot__collection").filter(pk=run).first()
        if found is None:
            raise CommandError(f"There is no run {run}.")
        try:
            n = foretell(found)
        except (NotFinishedError, PredictionRefusedError, PackError, CheckpointError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{n:,} pictures of {found.snapshot.collection} foretold by {found}.")
