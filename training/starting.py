"""What people may do with trainings, by page, by program or by command: start, pause, go on and cancel them."""

from dataclasses import replace
from typing import Any

from django.db import transaction

from datasets.models import Snapshot
from training.config import Config
from training.models import Run, usual_recipe
from training.tasks import train_queued


def start(snapshot: Snapshot, config: Config, author: Any) -> Run:
    """Have a trainer train by `config`; return what waits, or is there already. Raises SensitiveNounsError."""
    run = Run.objects.enqueue(snapshot, config, author)
    wake()
    return run


def recipe(snapshot: Snapshot, network: str, said: dict[str, Any], seed: int | None = None) -> Config:
    """Return the usual recipe of `network` on `snapshot`, with what is `said` in place of its options. Raises
    ConfigError where that cannot be.
    """
    usual = Config.from_json({**_NEEDED, "network": network, "hidden": [1] if network == "mlp" else []})
    # Whether the size can be one is said by Config, like all else.
    size_px = replace(usual, size_px=said["size_px"]).size_px if "size_px" in said else None
    options = {**usual_recipe(snapshot, usual.network, size_px).to_json(), **said}
    return Config.from_json(options if seed is None else {**options, "seed": seed})


_NEEDED: dict[str, Any] = {"size_px": 16, "epochs": 1, "batch_size": 1, "learning_rate": 0.1}


def resume(run: Run) -> bool:
    """Have a paused run go on; False if it was not paused."""
    is_resumed = run.resume()
    if is_resumed:
        wake()
    return is_resumed


def wake() -> None:
    """Tell a trainer, once this is kept. The row is kept whatever becomes of the message: a sweep finds it."""
    transaction.on_commit(train_queued.delay, robust=True)
