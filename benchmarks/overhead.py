"""What a run costs beside its training: Celery, heartbeats, rows, checkpoints, and a process that watches another.

The same training is done in a process of its own by train() alone, and as a run by a real Celery worker, in turns.
Both are timed from the moment when the loop says how it computes to the end of its last epoch.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.reporting import report
from benchmarks.staging import a_site

SIZE_PX, N_PICTURES = 32, 2000
GLANCE_S = 0.05
ROOT = Path(__file__).resolve().parent.parent


def around_the_loop(turns: int, epochs: int = 40) -> None:
    """Report the pictures per second of both, and what share of them the run loses."""
    with a_site():
        from tests.factories import make_snapshot
        from training.config import Config
        from training.models import Run

        snapshot = make_snapshot(n_questions=N_PICTURES)
        n_train = snapshot.card["by_split"]["train"]
        recipe = replace(
            Config.default("alexnet", SIZE_PX, n_train), epochs=epochs, batch_size=128, learning_rate=1e-4
        )
        rates: dict[str, list[float]] = {"bare": [], "run": []}
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--queues", "training"]
        worker = subprocess.Popen(
            [*celery, "--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "error"],
            cwd=ROOT,
        )
        try:
            for seed in range(turns + 1):
                run = Run.objects.enqueue(snapshot, replace(recipe, seed=seed))
                seconds = {"run": _as_a_run(run), "bare": _bare(run)}
                if seed:  # the first packs the pictures
                    for how, taken in seconds.items():
                        rates[how].append(n_train * epochs / taken)
        finally:
            worker.terminate()
            worker.wait(60)
        bare, ours = median(rates["bare"]), median(rates["run"])
        each = {how: [round(rate) for rate in found] for how, found in rates.items()}
        report("overhead", bare=round(bare), run=round(ours), cost=1 - ours / bare, each=each, epochs=epochs)


def _as_a_run(run: Any) -> float:
    """Have a worker train `run`; return the seconds from its first batch to its last."""
    from training.models import Run
    from training.tasks import train_queued

    train_queued.delay()
    found = Run.objects.filter(pk=run.pk)
    _wait_until(lambda: found.exclude(machine={}).exists())
    started = time.perf_counter()
    # The last checkpoint stands before the first batch of an epoch that will not be.
    _wait_until(lambda: found.filter(checkpoint__epoch__gt=run.n_epochs).exists())
    taken = time.perf_counter() - started
    _wait_until(lambda: found.filter(status="finished").exists())
    return taken


def _wait_until(is_so: Any) -> None:
    while not is_so():
        time.sleep(GLANCE_S)


def _bare(run: Any) -> float:
    """Train as `run` did in a process of its own, which writes nothing down; return its seconds."""
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.overhead", str(run.pk)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    seconds: float = json.loads(printed.splitlines()[-1])
    return seconds


def _train_bare(pk: int) -> float:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from training import running
    from training.loop import Watcher, train
    from training.minding import Told
    from training.models import Run

    run = Run.objects.get(pk=pk)
    rows = list(run.snapshot.rows())
    splits = running._splits(run, rows, running._packed(run, rows, Told()), running._chosen(run, rows))

    class Clock(Watcher):
        def started(self, machine: Any, layers: Any) -> None:
            self.at = time.perf_counter()

    clock = Clock()
    train(run.options, splits["train"], splits["val"], run.snapshot.n_classes, checkpoint=None, watcher=clock)
    return time.perf_counter() - clock.at


if __name__ == "__main__":
    print(json.dumps(_train_bare(int(sys.argv[1]))))
