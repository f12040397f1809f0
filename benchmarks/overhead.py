"""What a run costs beside its training: Celery, heartbeats, rows, checkpoints, and a process that watches another.

The same training is done in a process of its own by train() alone, and as a run by a real Celery worker, in turns.
Both are timed from the moment when the loop says how it computes to the end of its last epoch: by the clock, and by
what the processor did for them, the worker and all its processes included, which others on the machine change less.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import family_cpu_s
from benchmarks.reporting import report
from benchmarks.staging import a_site

SIZE_PX, N_PICTURES = 32, 2000
GLANCE_S = 0.05
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, and of all processors together."""

    wall_s: float
    cpu_s: float


def around_the_loop(turns: int, epochs: int = 40) -> None:
    """Report the seconds of both, and what share more a run takes."""
    with a_site():
        from tests.factories import make_snapshot
        from training.config import Config
        from training.models import Run

        snapshot = make_snapshot(n_questions=N_PICTURES)
        n_train = snapshot.card["by_split"]["train"]
        recipe = replace(
            Config.default("alexnet", SIZE_PX, n_train), epochs=epochs, batch_size=128, learning_rate=1e-4
        )
        spent: dict[str, list[Spent]] = {"bare": [], "run": []}
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--queues", "training"]
        worker = subprocess.Popen(
            [*celery, "--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "error"],
            cwd=ROOT,
        )
        try:
            for seed in range(turns + 1):
                run = Run.objects.enqueue(snapshot, replace(recipe, seed=seed))
                took = {"run": _as_a_run(run, worker.pid), "bare": _bare(run)}
                if seed:  # the first packs the pictures
                    for how, taken in took.items():
                        spent[how].append(taken)
        finally:
            worker.terminate()
            worker.wait(60)
        for what in ("wall_s", "cpu_s"):
            each = {how: [round(getattr(one, what), 2) for one in taken] for how, taken in spent.items()}
            bare, ours = median(each["bare"]), median(each["run"])
            report("overhead", by=what, bare=bare, run=ours, cost=ours / bare - 1, each=each, epochs=epochs)


def _as_a_run(run: Any, worker: int) -> Spent:
    """Have the worker train `run`; return what it took from its first batch to its last."""
    from config.storage import private_storage
    from training.models import Run
    from training.tasks import train_queued

    train_queued.delay()
    found = Run.objects.filter(pk=run.pk)
    _wait_until(lambda: found.exclude(machine={}).exists())
    started, used = time.perf_counter(), family_cpu_s(worker)
    # The last checkpoint stands before the first batch of an epoch that will not be. Looking for its file takes next
    # to nothing; asking the database twenty times a second would take a percent of what is measured.
    folder = Path(private_storage().path(f"runs/{run.pk}"))
    _wait_until(lambda: any(folder.glob(f"checkpoint-{run.n_epochs + 1}-*")))
    taken = Spent(time.perf_counter() - started, family_cpu_s(worker) - used)
    _wait_until(lambda: found.filter(status="finished").exists())
    return taken


def _wait_until(is_so: Any) -> None:
    while not is_so():
        time.sleep(GLANCE_S)


def _bare(run: Any) -> Spent:
    """Train as `run` did in a process of its own, which writes nothing down; return what it took."""
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.overhead", str(run.pk)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return Spent(**json.loads(printed.splitlines()[-1]))


def _train_bare(pk: int) -> Spent:
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
            self.at, self.used = time.perf_counter(), time.process_time()

    clock = Clock()
    train(run.options, splits["train"], splits["val"], run.snapshot.n_classes, checkpoint=None, watcher=clock)
    return Spent(time.perf_counter() - clock.at, time.process_time() - clock.used)


if __name__ == "__main__":
    print(json.dumps(asdict(_train_bare(int(sys.argv[1])))))
