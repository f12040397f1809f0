"""Score guesses on the validation pictures, or check a file of guesses on the test pictures before it is handed in.

    python score.py FILE            what FILE gets right on the validation pictures, whose labels are in val.csv
    python score.py --check FILE    whether FILE is one that the site can score; it is not sent anywhere

This is the code by which the site scores. It needs NumPy.
"""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from competition.frozen import Frozen
from competition.metrics import measure
from competition.predictions import read_predictions

FOLDER = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Do what the command line says; return 0, or 1 with a sentence where the file cannot be scored."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV, JSON lines or .npy; see README.md")
    parser.add_argument("--check", action="store_true", help="as it is to be handed in, on the test pictures")
    parser.add_argument("--json", action="store_true", help="write the scores for programs")
    options = parser.parse_args(arguments)
    try:
        said = check(options.file, folder) if options.check else scores(options.file, folder, options.json)
    except (OSError, ValueError) as error:  # PredictionsError is one
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(said)
    return 0


def check(file: Path, folder: Path = FOLDER) -> str:
    """Return a sentence on a file of guesses on the test pictures. Raises PredictionsError, as the site would."""
    pictures = _read_csv(folder / "test.csv")
    gone = {row["image"] for row in pictures if not row["file"]}
    frozen = _frozen(folder)
    images = [row["image"] for row in pictures]
    with file.open("rb") as opened:
        answers = read_predictions(opened, images, frozen.nouns, frozen.n_classes, gone)
    shares = "with" if answers.probabilities is not None else "without"
    return f"{file}: fine. Guesses for {len(images) - len(gone)} test pictures, {shares} probabilities.\n"


def scores(file: Path, folder: Path = FOLDER, as_json: bool = False) -> str:
    """Return what a file of guesses on the validation pictures scores. Raises PredictionsError, as the site would."""
    pictures, frozen = _read_csv(folder / "val.csv"), _frozen(folder)
    with file.open("rb") as opened:
        answers = read_predictions(opened, [row["image"] for row in pictures], frozen.nouns, frozen.n_classes)
    truth = np.array([frozen.place[row["wnid"]] for row in pictures], dtype=np.int64)
    found = measure(answers, truth, frozen)
    if as_json:
        told = {name: {"value": m.value, "low": m.low, "high": m.high} for name, m in found.items()}
        return f"{json.dumps({'n_images': len(pictures), 'metrics': told}, indent=1)}\n"
    lines = [f"{name:20} {m.value:.4f}  ({m.low:.4f} to {m.high:.4f})\n" for name, m in found.items()]
    return "".join([f"On {len(pictures)} validation pictures, with 95 % intervals:\n", *lines])


def _frozen(folder: Path) -> Frozen:
    return Frozen.of(json.loads((folder / "taxonomy.json").read_text(encoding="utf-8")))


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
