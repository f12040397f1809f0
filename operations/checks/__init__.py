"""Is this site well? Every check that `manage.py doctor` and the page of operations make, in their order."""

from collections.abc import Iterable, Iterator

from operations.checks import database, machine, safety, services
from operations.checks.findings import Check, Finding, State, ok, warning, wrong

__all__ = ["CHECKS", "Check", "Finding", "State", "examine", "ok", "warning", "wrong"]

CHECKS: dict[str, Check] = {
    "database": database.reachable,
    "writing": database.writable,
    "database settings": database.settings_of_it,
    "migrations": database.migrations,
    "broker": services.broker,
    "workers": services.workers,
    "beat": services.beat,
    "cache": services.shared_cache,
    "storage": services.storage,
    "e-mail": services.mail,
    "static files": machine.static_files,
    "disk": machine.disk,
    "restore": machine.restored,
    "clock": machine.clock,
    "GPU": machine.gpu,
    "sandbox": machine.sandbox,
    "settings": safety.settings_of_a_server,
}


def examine(names: Iterable[str] = ()) -> Iterator[Finding]:
    """Make these checks, or all; yield what they find. One that breaks is itself a finding, and not the last."""
    for name in names or CHECKS:
        try:
            yield from CHECKS[name]()
        except Exception as error:  # noqa: BLE001  # whatever is broken: that is what is asked here
            said = str(error).strip().splitlines() or ["it says nothing more"]
            yield wrong(name, f"could not be checked: {type(error).__name__}: {said[0]}", "Mend that first.")
