"""What contests measure, how ranks and the Ladder hold. Prints one JSON object a line.

    python -m benchmarks.competition parse      a file of 100,000 pictures: read, checked and scored on all metrics
    python -m benchmarks.competition metrics    all metrics of one entry on 100,000 pictures
    python -m benchmarks.competition ranks      ranks and bootstrap of many entries; false differences of equal ones
    python -m benchmarks.competition page       the leaderboard of 1,000 entries: its pages, and to rank it anew
    python -m benchmarks.competition ladder     the majority vote of random entries, with the Ladder and without
    python -m benchmarks.competition kit --folder KIT       ILSVRC 2010's own demo files, beside what it published

Seeds are fixed: only the seconds vary. Of --turns turns the best counts.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import attacking, boards, ilsvrc2010, measuring, parsing, placing
from benchmarks.reporting import report_machine

WHAT = ("parse", "metrics", "ranks", "page", "ladder", "kit")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.competition",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--turns", type=int, default=3, help="how often each figure is measured")
    parser.add_argument("--entries", type=int, default=1000, help="of page")
    parser.add_argument("--folder", type=Path, help="of kit: where the development kit of ILSVRC 2010 is")
    options = parser.parse_args()
    if options.what == "kit" and not (options.folder and (options.folder / "data/meta.mat").is_file()):
        sys.exit(f"--folder: expected data/meta.mat of the kit in it; found none in {options.folder}.")
    report_machine()
    run(options)


def run(options: argparse.Namespace) -> None:
    match options.what:
        case "parse":
            parsing.three_forms(options.turns)
        case "metrics":
            measuring.one_entry(options.turns)
        case "ranks":
            placing.many_entries(options.turns)
            placing.equal_entries()
        case "page":
            boards.page(options.entries, options.turns)
        case "ladder":
            attacking.random_entries()
            attacking.better_and_better()
        case "kit":
            ilsvrc2010.on_its_demo_files(options.folder)


if __name__ == "__main__":
    main()
