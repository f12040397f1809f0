"""All protections, one after another, of a process that is about to do what a stranger wrote.

Called when everything that will be imported is imported and nothing of the stranger's was looked at. Whatever a
machine lacks is left out and said; who starts the process knows without which of them it must not go on.
"""

import os
import resource
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from competition.sandbox import calls, kernel, landlock, namespaces
from competition.sandbox.bounds import MOST_FILES, MOST_THREADS, Limits

MIB = 2**20
# By the names that the setting SANDBOX_REQUIRES takes.
PROTECTIONS = (
    "privileges",
    "users",
    *namespaces.OTHERS,
    "root",
    "landlock",
    "limits",
    "seccomp",
)


class UnprotectedError(OSError):
    """This machine lacks a protection without which nothing may be run."""


@dataclass
class Protections:
    """What is in force, and of what is not why."""

    in_force: list[str] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)

    def attempt(self, name: str, protect: Callable[[], object]) -> bool:
        try:
            protect()
        except OSError as error:
            self.lacking[name] = str(error)
            return False
        self.in_force.append(name)
        return True

    def refuse_without(self, required: Collection[str]) -> None:
        """Raise UnprotectedError if one of `required` is not in force."""
        if missing := [
            f"{name} ({self.lacking.get(name)})" for name in required if name not in self.in_force
        ]:
            raise UnprotectedError(f"Expected these protections on this machine: {', '.join(missing)}.")


def confine(limits: Limits, keep: Collection[int], required: Collection[str] = ()) -> Protections:
    """Confine this process for ever; return what is in force.

    keep:     file descriptors that stay open, beside 0, 1 and 2.
    required: of PROTECTIONS.
    Raises UnprotectedError, and OSError if there are several threads: some protections hold for one alone.
    The process may go on as a child of itself. Its working directory has to be empty.
    """
    if (n_threads := len(os.listdir("/proc/self/task"))) > 1:
        raise OSError(f"Expected one thread to confine; found {n_threads}.")
    _close_all_but({0, 1, 2, *keep})
    limits_here = _limits(limits)  # told by files that are out of reach soon
    protections = Protections()
    protections.attempt("privileges", _give_up_privileges)
    if protections.attempt("users", namespaces.leave_users):
        for name, flag in namespaces.OTHERS.items():
            protections.attempt(name, partial(kernel.unshare, flag))
        protections.attempt("root", namespaces.empty_root)
    namespaces.end_with_parent()  # asked anew: to become somebody else is to forget it
    if "processes" in protections.in_force:
        namespaces.become_first()
    if "users" not in protections.in_force:
        # It would count all threads of the site's own user; without new processes, memory bounds threads too.
        del limits_here[resource.RLIMIT_NPROC]
    protections.attempt("limits", partial(_set, limits_here))
    protections.attempt("landlock", landlock.restrict)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    protections.attempt("seccomp", calls.restrict)
    protections.refuse_without(required)
    return protections


def _give_up_privileges() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        namespaces.become_nobody()


def _close_all_but(kept: set[int]) -> None:
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in kept:
            try:
                os.close(number)
            except OSError:
                continue  # the one that the list was read through


def _limits(limits: Limits) -> dict[int, int]:
    """Return the value of each of the kernel's limits."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return {
        resource.RLIMIT_AS: pages * resource.getpagesize() + limits.memory_mib * MIB,
        resource.RLIMIT_CPU: int(limits.seconds * limits.n_threads) + 1,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: MOST_FILES,
        resource.RLIMIT_NPROC: MOST_THREADS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }


def _set(values: dict[int, int]) -> None:
    for which, value in values.items():
        resource.setrlimit(which, (value, value))
