"""What labeling.consensus is worth, beside crowd-kit. Prints one JSON object a line.

    python -m benchmarks.consensus accuracy     CIFAR-10H at 1, 2, 3, 5, 10 and all votes a picture
    python -m benchmarks.consensus crowds       twenty made-up crowds of many kinds
    python -m benchmarks.consensus stopping     votes bought until 99 of 100 labels are right
    python -m benchmarks.consensus refits       going on from the last fit, beside beginning anew
    python -m benchmarks.consensus targets      one target for all classes, or one each from a starter set
    python -m benchmarks.consensus asking       labels by which picture is asked about first
    python -m benchmarks.consensus coarse       a third of the votes at inner nouns
    python -m benchmarks.consensus disputes     labels that a network disputes, and how many are truly wrong
    python -m benchmarks.consensus speed        seconds and memory at 10^5 to 10^7 votes
    python -m benchmarks.consensus largest      3.2 million items, 5,247 classes, 30 million votes

CIFAR-10H is read from --folder, by default ../shared/data/cifar10h beside the repository. Rivals run only where
crowd-kit is installed (requirements-dev.txt), each stopped after --limit seconds of work; with --kept FOLDER what
they answered is kept there, and a rerun asks ours alone. Seeds are fixed: only the seconds vary.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import (
    accuracy,
    asking,
    cifar10h,
    coarsening,
    disputing,
    refitting,
    rivals,
    speed,
    stopping,
    targeting,
)
from benchmarks.reporting import report_machine

ON_CIFAR10H = ("accuracy", "stopping", "targets", "asking", "refits", "coarse", "disputes")
WHAT = (*ON_CIFAR10H, "crowds", "speed", "largest")
VOTES_EACH = (1, 2, 3, 5, 10, 50)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.consensus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--folder", type=Path, default=cifar10h.FOLDER, help="where CIFAR-10H is")
    parser.add_argument(
        "--limit", type=float, default=300, metavar="S", help="processor seconds a rival may take"
    )
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where to keep what rivals answered")
    parser.add_argument("--drawing", type=Path, metavar="SVG", help="where to draw stopping or speed")
    options = parser.parse_args()
    if options.what in ON_CIFAR10H and not (options.folder / "votes.csv.gz").is_file():
        sys.exit(f"--folder: expected votes.csv.gz of CIFAR-10H in {options.folder}; found none.")
    if not rivals.are_installed():
        print("crowd-kit is not installed, so ours is measured alone.", file=sys.stderr)
    report_machine()
    run(options)


def run(options: argparse.Namespace) -> None:
    match options.what:
        case "accuracy":
            accuracy.on_cifar10h(options.folder, VOTES_EACH, options.limit, options.kept)
        case "crowds":
            accuracy.on_made_up_crowds(options.limit, options.kept)
        case "stopping":
            stopping.on_cifar10h(options.folder, options.drawing)
        case "refits":
            refitting.on_cifar10h(options.folder, VOTES_EACH)
        case "targets":
            targeting.on_cifar10h(options.folder)
        case "asking":
            asking.on_cifar10h(options.folder)
        case "coarse":
            coarsening.on_cifar10h(options.folder)
        case "disputes":
            disputing.on_cifar10h(options.folder)
        case "speed":
            speed.online()
            speed.by_size(options.limit, options.drawing)
        case "largest":
            speed.largest(options.limit)


if __name__ == "__main__":
    main()
