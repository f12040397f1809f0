"""Long trainings for real workers, and a look at the processes that they start."""

from datetime import timedelta
from subprocess import Popen

from django.utils import timezone

from tests.faults.conftest import wait_until
from training import minding
from training.config import Config
from training.models import LOST_AFTER, Run
from training.tasks import train_queued


def make_long_run(snapshot, epochs=10_000) -> Run:
    """Queue some time of training with pictures that are shifted and blended at random, momentum, and an average."""
    recipe = Config.default("mlp", 16, 12).to_json()
    # Steps on pictures of mere noise must stay small.
    recipe |= {"epochs": epochs, "batch_size": 6, "learning_rate": 0.01, "hidden": [16]}
    recipe |= {"crop": True, "mixup": 0.2, "ema": 0.99}
    return Run.objects.enqueue(snapshot, Config.from_json(recipe))


def status(run: Run) -> str:
    return Run.objects.values_list("status", flat=True).get(pk=run.pk)


def n_shown(run: Run) -> int:
    return Run.objects.values_list("n_shown", flat=True).get(pk=run.pk)


def weights(run: Run) -> bytes:
    run.refresh_from_db()
    with run.weights.open("rb") as file:
        return file.read()


def let_time_pass(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))


def trainers_of(worker) -> list[int]:
    """Return the processes that a worker's pool has started for trainings."""
    return [pid for pid in minding.descendants(worker.pid) if minding.parent_of(pid) != worker.pid]


def begin(run: Run, start_worker) -> Popen:
    """Start a worker, and return it once it trains."""
    train_queued.delay()
    worker = start_worker()
    wait_until(lambda: n_shown(run) > 0, "pictures were shown")
    return worker


def wait_for_end(run: Run, how: str = "finished") -> None:
    wait_until(lambda: status(run) in (how, "failed"), f"the run is {how}")
    run.refresh_from_db()
    assert (run.status, run.error) == (how, "")
