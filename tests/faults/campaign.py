"""Break a whole site at random while people use it, and say what was lost. Prints one JSON object a line.

    python -m tests.faults.campaign [--minutes 5] [--seed 1] [--seconds 5] [--only FAULT...]

The site is its own: PostgreSQL that writes to disk as a real one's, Redis, gunicorn with two workers, and a worker
that beats. Volunteers vote, teams hand in entries and a curator changes the nouns, each on a connection that sends
again what was not answered. `--seconds` is how long what lasts goes on: Redis that is away, a disk that is full.

A line for each fault: `errors` that people met, the longest `silence_s` in which nobody was answered well, and
`recover_s` from its end until votes, an entry and a change were acknowledged again. The last one counts what was
acknowledged in all, what of it is there, what was `lost` or `doubled`, and what people were told that they should not
be; the exit status is 1 unless the last three are 0.
"""

import argparse
import signal
import sys
import time
from random import Random

from benchmarks.reporting import report
from tests.faults.audit import audit, unfinished
from tests.faults.breaking import FAULTS
from tests.faults.clients import Crowd, Notes
from tests.faults.site import Site, running_site

N_QUESTIONS = 40_000
RECOVERS_S = 120
RESTS_S = 3.0  # at most, between two faults


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.campaign", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=[*FAULTS], metavar="FAULT")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the site is stopped first
    report("campaign", seed=options.seed, minutes=options.minutes)
    with running_site(n_questions=N_QUESTIONS) as site:
        chance, ends = Random(options.seed), time.monotonic() + 60 * options.minutes
        with Crowd(site) as notes:
            _recover(site, notes, "the start")
            while time.monotonic() < ends:
                _break(site, notes, chance.choice(options.only), chance, options.seconds)
                time.sleep(chance.uniform(0, RESTS_S))
        ended_s = site.wait_for(lambda: unfinished(site) == 0, "all that was handed in has ended", RECOVERS_S)
        return _judge(site, notes, ended_s)


def _break(site: Site, notes: Notes, name: str, chance: Random, seconds: float) -> None:
    began = time.monotonic()
    FAULTS[name](site, chance, seconds)
    lasted_s = time.monotonic() - began
    recover_s = _recover(site, notes, name)
    report(
        name,
        lasted_s=lasted_s,
        errors=notes.n_troubles(began),
        silence_s=notes.silence_s(began),
        recover_s=recover_s,
    )


def _recover(site: Site, notes: Notes, after: str) -> float:
    """Wait until a vote, an entry and a change are acknowledged; return how long that took."""
    acknowledged = {"vote": notes.votes, "entry": notes.entries, "change": notes.changes}
    before = {what: len(each) for what, each in acknowledged.items()}

    def lacking() -> list[str]:
        return [what for what, each in acknowledged.items() if len(each) == before[what]]

    try:
        return site.wait_for(
            lambda: not lacking(), "a vote, an entry and a change are acknowledged", RECOVERS_S
        )
    except AssertionError as error:
        raise AssertionError(f"After {after} no {' and no '.join(lacking())}: {error}") from error


def _judge(site: Site, notes: Notes, ended_s: float) -> int:
    found = audit(site, notes)
    for each in [*found.lost, *found.doubled, *notes.wrong]:
        sys.stderr.write(f"{each}\n")
    report(
        "all",
        acknowledged=found.acknowledged,
        votes=len(set(notes.votes)),
        entries=len(notes.entries),
        changes=len(notes.changes),
        found=found.found,
        lost=len(found.lost),
        doubled=len(found.doubled),
        wrong=len(notes.wrong),
        waited_s=ended_s,
    )
    return 1 if found.lost or found.doubled or notes.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
