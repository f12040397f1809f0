from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from taxonomy.importing import ImportRefusedError, import_synsets
from taxonomy.wordnet import SynsetFileError, read_synsets


class Command(BaseCommand):
    help = "Add the nouns of a synset file (CSV: wnid,lemmas,hypernyms,gloss) to the taxonomy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)

    def handle(self, *, path: Path, **options: Any) -> None:
        if not path.is_file():
            raise CommandError(f"{path} is not a file.")
        try:
            # disable=None draws the bar on a terminal only, so log files stay short.
            records = tqdm(list(read_synsets(path)), unit="synset", disable=None)
            n_added = import_synsets(records, reason=f"import of {path.name}")
        except (SynsetFileError, ImportRefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{n_added} synsets added from {path}.")
