"""What training is worth, beside the plainest way to do the same. Prints one JSON object a line.

    python -m benchmarks.training batches      packing, and batches from the packed array, beside a DataLoader

CIFAR-10H is read from --folder, by default ../shared/data/cifar10h beside the repository. Seeds are fixed: only the
seconds vary. Of --turns turns the best counts.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import batches, cifar10h
from benchmarks.reporting import report_machine

WHAT = ("batches",)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--folder", type=Path, default=cifar10h.FOLDER, help="where CIFAR-10H is")
    parser.add_argument("--turns", type=int, default=3, help="how often each figure is measured")
    options = parser.parse_args()
    if not (options.folder / "images.zip").is_file():
        sys.exit(f"--folder: expected images.zip of CIFAR-10H in {options.folder}; found none.")
    report_machine()
    run(options)


def run(options: argparse.Namespace) -> None:
    match options.what:
        case "batches":
            batches.beside_a_data_loader(options.folder, options.turns)


if __name__ == "__main__":
    main()
