"""What training is worth, beside the plainest way to do the same. Prints one JSON object a line.

    python -m benchmarks.training batches      packing, and batches from the packed array, beside a DataLoader
    python -m benchmarks.training loop         the loop beside the best that is written by hand for one network
    python -m benchmarks.training overhead     a run by a Celery worker beside the same training by itself
    python -m benchmarks.training learning     each network on photographs: accuracy, after how many seconds
    python -m benchmarks.training explain      why a network answers: what that costs, and how often its maps are true
    python -m benchmarks.training answers      one picture answered by ONNX Runtime, beside eager PyTorch
    python -m benchmarks.training novelty      telling pictures that are unlike anything a network has seen
    python -m benchmarks.training gpu          the loop on a GPU beside its floor and a bare loop; the same bits

CIFAR-10H is read from --folder, by default ../shared/data/cifar10h beside the repository. Seeds are fixed: only the
seconds vary. Of --turns turns the best counts.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import answering, batches, cifar10h, explaining, gpu, learning, loops, novelty, overhead
from benchmarks.reporting import report_machine
from training.config import NETWORKS, ConfigError

ON_CIFAR10H = ("batches", "learning", "explain", "novelty")
WHAT = (*ON_CIFAR10H, "loop", "overhead", "answers", "gpu")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--folder", type=Path, default=cifar10h.FOLDER, help="where CIFAR-10H is")
    parser.add_argument("--turns", type=int, default=3, help="how often each figure is measured")
    parser.add_argument("--network", choices=NETWORKS, help="of learning or explain, the only one")
    parser.add_argument("--drawing", type=Path, metavar="SVG", help="where to draw learning")
    parser.add_argument(
        "--lot", type=int, default=learning.SPLIT_SEED, help="of learning: how photographs are parted"
    )
    parser.add_argument(
        "--with",
        dest="told",
        type=_options,
        default={},
        metavar="JSON",
        help="of learning: options told anew",
    )
    options = parser.parse_args()
    if options.what in ON_CIFAR10H and not (options.folder / "images.zip").is_file():
        sys.exit(f"--folder: expected images.zip of CIFAR-10H in {options.folder}; found none.")
    report_machine()
    try:
        run(options)
    except ConfigError as error:
        sys.exit(f"--with: {error}")


def _options(text: str) -> dict[str, Any]:
    """Read options as JSON; whether they can be used is seen with the network that they are for."""
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise argparse.ArgumentTypeError(f'expected options as {{"epochs": 30}}; found {text}') from error


def run(options: argparse.Namespace) -> None:
    match options.what:
        case "batches":
            batches.beside_a_data_loader(options.folder, options.turns)
        case "loop":
            loops.beside_a_bare_loop(options.turns)
        case "overhead":
            overhead.around_the_loop(options.turns)
        case "learning":
            learning.on_cifar10h(options.folder, options.network, options.drawing, options.lot, options.told)
        case "explain":
            explaining.seconds(options.turns)
            explaining.faithfulness(options.folder, options.network)
        case "answers":
            answering.answers()
        case "novelty":
            novelty.on_cifar10h(options.folder)
        case "gpu":
            gpu.on_a_gpu()
            gpu.from_memory()
            gpu.beside_a_bare_loop()
            gpu.same_bits()


if __name__ == "__main__":
    main()
