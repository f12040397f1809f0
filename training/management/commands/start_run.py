from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.models import Snapshot
from training.config import NETWORKS
from training.models import Run, SensitiveNounsError
from training.tasks import train_queued


class Command(BaseCommand):
    help = "Queue a training of a network on the latest snapshot of a collection."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("network", choices=list(NETWORKS))
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *, collection: str, network: str, seed: int, **options: Any) -> None:
        snapshot = Snapshot.objects.filter(collection__slug=collection).order_by("-number").first()
        if snapshot is None:
            raise CommandError(
                f"Collection {collection!r} has no snapshot; run manage.py freeze {collection}."
            )
        try:
            run = Run.objects.enqueue_usual(snapshot, network, seed=seed)
        except SensitiveNounsError as error:
            raise CommandError(str(error)) from error
        train_queued.delay()
        self.stdout.write(f"{run} on {snapshot} is {run.get_status_display()}.")
