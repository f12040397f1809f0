from argparse import ArgumentParser
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling import refitting
from labeling.management.reports import describe
from labeling.models import Collection


class Command(BaseCommand):
    help = "Estimate a collection's labels anew from every vote, and say how well they fit known answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", metavar="SLUG")

    def handle(self, *, collection: str, **options: Any) -> None:
        found = Collection.objects.filter(slug=collection).first()
        if found is None:
            raise CommandError(f"There is no collection {collection!r}.")
        started = perf_counter()
        try:
            report = refitting.refit_now(found)
        except refitting.AlreadyRefittingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{describe(report)}\nTook {perf_counter() - started:.1f} s.")
