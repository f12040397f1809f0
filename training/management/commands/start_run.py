import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datasets.models import Snapshot
from training.config import FLAGS, NETWORKS, ConfigError
from training.models import SensitiveNounsError
from training.starting import recipe, start


class Command(BaseCommand):
    help = "Queue a training of a network on a snapshot of a collection, the latest unless another is said."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")
        parser.add_argument("network", choices=list(NETWORKS))
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--size", type=int, metavar="PX", help="side of the pictures that it sees")
        parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", dest="said")
        parser.add_argument("--snapshot", type=int, metavar="N")

    def handle(
        self,
        *,
        collection: str,
        network: str,
        seed: int,
        size: int | None,
        said: list[str],
        snapshot: int | None,
        **options: Any,
    ) -> None:
        found = self._snapshot(collection, snapshot)
        wanted = dict(map(_option, said)) | ({} if size is None else {"size_px": size})
        try:
            run = start(found, recipe(found, network, wanted, seed), author=None)
        except (ConfigError, SensitiveNounsError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{run} on {found} is {run.get_status_display()}.")

    def _snapshot(self, collection: str, number: int | None) -> Snapshot:
        snapshots = Snapshot.objects.filter(collection__slug=collection).order_by("-number")
        latest = snapshots.first()
        if latest is None:
            raise CommandError(
                f"Collection {collection!r} has no snapshot; run manage.py freeze {collection}."
            )
        found = latest if number is None else snapshots.filter(number=number).first()
        if found is None:
            raise CommandError(
                f"Expected a snapshot of {collection!r}, at most number {latest.number}; found {number}."
            )
        return found


def _option(said: str) -> tuple[str, Any]:
    """Read option=value: a number, a word, yes or no, or whole numbers with commas between them."""
    name, equals, text = said.partition("=")
    if not equals or not name:
        raise CommandError(f"--set: expected OPTION=VALUE, as epochs=10; found {said!r}.")
    if name in FLAGS:
        return name, {"yes": True, "true": True, "no": False, "false": False}.get(text.lower(), text)
    try:
        return name, json.loads(f"[{text}]" if name == "hidden" else text)
    except json.JSONDecodeError:
        return name, text
