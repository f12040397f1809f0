"""What befalls a site: each of these breaks something and mends it, while clients go on."""

import os
import signal
import time
from collections.abc import Callable
from random import Random

from tests.faults.conftest import ignore_missing
from tests.faults.site import Site
from training import minding

Break = Callable[[Site, Random, float], None]  # for about so many seconds, where it lasts


def restart_database(site: Site, _chance: Random, _for_s: float) -> None:
    """End it at once, as a crash does, and start it."""
    site.servers.stop_postgres()
    site.servers.start_postgres()


def flush_redis(site: Site, _chance: Random, _for_s: float) -> None:
    site.servers.flush_redis()


def lose_redis(site: Site, _chance: Random, for_s: float) -> None:
    """Kill it and start another one, which knows nothing."""
    site.servers.stop_redis()
    time.sleep(for_s)
    site.servers.start_redis()


def freeze_redis(site: Site, _chance: Random, for_s: float) -> None:
    """Let it take connections and never answer, as behind a network that swallows everything."""
    site.servers.redis.send_signal(signal.SIGSTOP)
    time.sleep(for_s)
    site.servers.redis.send_signal(signal.SIGCONT)


def fill_disk(site: Site, _chance: Random, for_s: float) -> None:
    site.fill_disk()
    time.sleep(for_s)
    site.empty_disk()


def kill_web(site: Site, chance: Random, _for_s: float) -> None:
    """Kill a process that answers, in the midst of it."""
    _kill_one(site.web_pids(), chance)


def kill_worker(site: Site, chance: Random, _for_s: float) -> None:
    """Kill a process that scores entries and works drafts; its worker starts another."""
    _kill_one(sorted(minding.descendants(site.processes["worker"].pid)), chance)


def _kill_one(pids: list[int], chance: Random) -> None:
    with ignore_missing():
        os.kill(chance.choice(pids), signal.SIGKILL)


FAULTS: dict[str, Break] = {
    "database restarted": restart_database,
    "redis flushed": flush_redis,
    "redis gone": lose_redis,
    "redis silent": freeze_redis,
    "disk full": fill_disk,
    "web worker killed": kill_web,
    "task worker killed": kill_worker,
}
