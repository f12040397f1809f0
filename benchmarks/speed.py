"""Seconds and memory of one iteration over synthetic votes, ours beside crowd-kit's DawidSkene.

    python -m benchmarks.speed NAME FOLDER N_ITEMS N_CLASSES N_ITERATIONS

is the process that each measurement has to itself. It reads FOLDER's votes and prints one JSON object.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import plot, rivals
from benchmarks.reporting import report, timed
from labeling import classical, consensus
from labeling.consensus import Fit, Parameters, Votes

N_ANNOTATORS = 10_000
ITERATIONS = 5
LIMIT_S = 900.0
MEMORY_BYTES = 16 << 30
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
OURS = "fit"
CLASSICAL = "dawid_skene"
THEIRS = "crowd-kit's DawidSkene"


def by_size(limit_s: float, drawing: Path | None) -> None:
    """Report 10 and 1,000 classes at 10^5 to 10^7 votes, and draw seconds against votes to `drawing`, an SVG.

    What did not finish at one size is not tried at a larger one.
    """
    lines: dict[str, plot.Points] = {}
    for n_classes in (10, 1_000):
        names = [OURS, CLASSICAL, THEIRS]
        for n_votes in SIZES:
            measured = measure(names, n_votes, n_votes // 5, n_classes, limit_s)
            for name, figures in measured.items():
                if figures["failure"]:
                    names.remove(name)
                else:
                    seconds = figures["cpu_s_an_iteration"]
                    lines.setdefault(f"{name}, {n_classes:,} classes", []).append((n_votes, seconds))
    if drawing:
        drawing.write_text(plot.draw(CHART, lines))


def largest(limit_s: float) -> None:
    """Report 3.2 million items of 5,247 classes with 30 million votes."""
    measure([OURS], 30_000_000, 3_200_000, 5_247, limit_s)


CHART = plot.Chart(
    title=f"An iteration over votes of {N_ANNOTATORS:,} annotators",
    x=plot.Axis("votes", SIZES, logarithmic=True),
    y=plot.Axis("processor seconds", (0.001, 0.01, 0.1, 1, 10, 100), logarithmic=True),
)


def measure(
    names: list[str], n_votes: int, n_items: int, n_classes: int, limit_s: float
) -> dict[str, dict[str, Any]]:
    """Report each contestant on the same votes, and return its figures by its name."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        votes = synthetic(n_votes, n_items, n_classes)
        for column in ("item", "annotator", "label"):
            np.save(Path(folder) / f"{column}.npy", getattr(votes, column))
        for name in names:
            if name == THEIRS:
                figures = _theirs(votes, n_items, limit_s)
            else:
                figures = _ours(name, folder, n_items, n_classes, limit_s)
            report(
                name, n_votes=n_votes, n_items=n_items, n_classes=n_classes, iterations=ITERATIONS, **figures
            )
            measured[name] = figures
    return measured


def synthetic(n_votes: int, n_items: int, n_classes: int) -> Votes:
    """Votes of people who are right 8 times in 10 on the average, and to whom every mistake is alike."""
    rng = np.random.default_rng(0)
    truth, skills = rng.integers(0, n_classes, n_items), rng.beta(8, 2, N_ANNOTATORS)
    item, annotator = rng.integers(0, n_items, n_votes), rng.integers(0, N_ANNOTATORS, n_votes)
    slip = rng.integers(1, n_classes, n_votes) * (rng.random(n_votes) > skills[annotator])
    return Votes(item, annotator, (truth[item] + slip) % n_classes)


def _theirs(votes: Votes, n_items: int, limit_s: float) -> dict[str, Any]:
    if not rivals.are_installed():
        return {"failure": "not installed"}
    # A loss never rises by less than minus infinity, so all iterations are made.
    outcome = rivals.label("DawidSkene", votes, n_items, limit_s, n_iter=ITERATIONS, tol=float("-inf"))
    return _figures(outcome.seconds, outcome.peak_mib, outcome.failure, outcome.cpu_s)


def _ours(name: str, folder: str, n_items: int, n_classes: int, limit_s: float) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed",
        name,
        folder,
        f"{n_items}",
        f"{n_classes}",
        f"{ITERATIONS}",
    ]
    try:
        done = subprocess.run(command, timeout=limit_s, check=False, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return _figures(limit_s, 0.0, f"not done after {limit_s:g} s")
    if done.returncode:
        return _figures(0.0, 0.0, rivals.failure(done.returncode, done.stderr))
    return _figures(**json.loads(done.stdout))


def _figures(seconds: float, peak_mib: float, failure: str = "", cpu_s: float = 0.0) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "seconds_an_iteration": seconds / ITERATIONS,
        "cpu_s_an_iteration": cpu_s / ITERATIONS,
        "peak_mib_beyond_votes": round(peak_mib),
        "failure": failure,
    }


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    n_items, n_classes, n_iterations = (int(word) for word in sys.argv[3:6])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    votes = Votes(*(np.load(folder / f"{column}.npy") for column in ("item", "annotator", "label")))
    run(
        name, synthetic(1_000, 200, 2), 200, 2, 1
    )  # loads what is compiled, as crowd-kit's imports are done before
    _, cost = rivals.measured(lambda: run(name, votes, n_items, n_classes, n_iterations))
    print(json.dumps(cost))


def run(name: str, votes: Votes, n_items: int, n_classes: int, n_iterations: int) -> Fit:
    """Make exactly so many iterations."""
    consensus.MAX_ITERATIONS, consensus.TOLERANCE, classical.TOLERANCE = n_iterations, -1.0, -1.0
    if name == CLASSICAL:
        return classical.dawid_skene(votes, n_items, n_classes, n_iterations=n_iterations)
    return consensus.fit(votes, n_items, n_classes)


def online(repeats: int = 5_000) -> None:
    """Report the time of one question's posterior, as a vote's transaction waits for it."""
    labels, skills, parameters = np.array([1, 1, 2]), np.array([0.9, 0.8, 0.7]), Parameters.start(10)
    _, seconds = timed(lambda: [consensus.posterior(labels, skills, parameters) for _ in range(repeats)])
    report("online posterior", n_classes=10, n_votes=3, milliseconds=seconds / repeats * 1000)


if __name__ == "__main__":
    main()
