"""Which workers and which beat live: each says so twice a minute, where every process of the site can read it.

With Redis that is one hash of it, for all machines; without, a folder of small files, for one.
"""

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from celery import signals
from django.conf import settings

logger = logging.getLogger(__name__)

EVERY_S = 30
SILENT_AFTER_S = 120
FORGOTTEN_AFTER_S = 24 * 3600
BEAT = "beat"
KEY = "nestwork.beats"


@dataclass(frozen=True)
class Beat:
    """What a process last said. queues: those that it empties; none if it is beat."""

    name: str
    at: float
    queues: tuple[str, ...] = ()

    @property
    def age_s(self) -> float:
        return max(0.0, time.time() - self.at)

    @property
    def is_alive(self) -> bool:
        return self.age_s < SILENT_AFTER_S


def note(name: str, queues: Iterable[str] = ()) -> None:
    """Say that the process `name` lives."""
    said = json.dumps({"at": time.time(), "queues": sorted(queues)})
    if not settings.REDIS_URL:
        _write(_folder() / f"{name}.json", said)
        return
    try:
        with _redis() as client:
            client.hset(KEY, name, said)
    except redis.RedisError as error:  # the process works on, and is missed for as long as nobody hears it
        logger.warning("Nobody hears that %s lives: Redis does not answer (%s).", name, error)


def heard() -> list[Beat]:
    """Return what each process last said, by name; who has been silent for a day is forgotten.

    Raises redis.RedisError where Redis is away.
    """
    beats = [Beat(name, said["at"], tuple(said["queues"])) for name, said in _read().items()]
    for beat in beats:
        if beat.age_s > FORGOTTEN_AFTER_S:
            _forget(beat.name)
    return sorted((beat for beat in beats if beat.age_s <= FORGOTTEN_AFTER_S), key=lambda beat: beat.name)


def _read() -> dict[str, Any]:
    if settings.REDIS_URL:
        with _redis() as client:
            found: dict[bytes, bytes] = client.hgetall(KEY)
        return {name.decode(): json.loads(said) for name, said in found.items()}
    return {path.stem: json.loads(path.read_text()) for path in _folder().glob("*.json")}


def _forget(name: str) -> None:
    if settings.REDIS_URL:
        with _redis() as client:
            client.hdel(KEY, name)
    else:
        (_folder() / f"{name}.json").unlink(missing_ok=True)


def _redis() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "beats"


def _write(path: Path, text: str) -> None:
    """Write a file that is whole whenever it is read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(text)
    beside.replace(path)


class _Saying:
    """One process that says that it lives."""

    def __init__(self) -> None:
        self._name, self._queues, self._said_at = "", (), 0.0

    def be_worker(self, sender: Any, **_signal: Any) -> None:
        self._name, self._queues = sender.hostname, tuple(sender.app.amqp.queues.consume_from)
        self.say()

    def be_beat(self, **_signal: Any) -> None:
        self._name = BEAT
        self.say()

    def say(self, **_signal: Any) -> None:
        """Say it, unless that was done a moment ago or this process is neither."""
        if self._name and time.monotonic() > self._said_at + EVERY_S:
            note(self._name, self._queues)
            self._said_at = time.monotonic()


def listen() -> None:
    """Have a worker say that it lives as its own heart beats, and beat with each task that it sends."""
    saying = _Saying()
    # Weak references would go with this function.
    signals.worker_ready.connect(saying.be_worker, weak=False)
    signals.heartbeat_sent.connect(saying.say, weak=False)
    signals.beat_init.connect(saying.be_beat, weak=False)
    signals.after_task_publish.connect(saying.say, weak=False)
