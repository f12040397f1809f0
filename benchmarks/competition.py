"""What contests measure, how ranks and the Ladder hold. Prints one JSON object a line.

    python -m benchmarks.competition parse      a file of 100,000 pictures: read, checked and scored on all metrics
    python -m benchmarks.competition metrics    all metrics of one entry on 100,000 pictures
    python -m benchmarks.competition ranks      ranks and bootstrap of many entries; false differences of equal ones
    python -m benchmarks.competition ladder     the majority vote of random entries, with the Ladder and without

Seeds are fixed: only the seconds vary. Of --turns turns the best counts.
"""

import argparse

from benchmarks import attacking, measuring, parsing, placing
from benchmarks.reporting import report_machine

WHAT = ("parse", "metrics", "ranks", "ladder")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.competition",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--turns", type=int, default=3, help="how often each figure is measured")
    options = parser.parse_args()
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
        case "ladder":
            attacking.random_entries()
            attacking.better_and_better()


if __name__ == "__main__":
    main()
