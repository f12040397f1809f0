from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.explaining import explain_claimed
from training.models import Explanation


class Command(BaseCommand):
    help = "Explain one claimed picture, and what else waits for its run. Workers start this."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("explanation", type=int)
        parser.add_argument("--attempt", type=int, required=True)

    def handle(self, *, explanation: int, attempt: int, **options: Any) -> None:
        running = Explanation.objects.running().select_related("run__snapshot")
        claimed = running.filter(pk=explanation, attempt=attempt).first()
        if claimed is None:
            raise CommandError(
                f"Expected explanation {explanation} to be claimed by attempt {attempt}; it is not."
            )
        self.stdout.write(f"{explain_claimed(claimed)} explained for {claimed.run}.")
