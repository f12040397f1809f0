"""A machine of its own for one process: without network, with an empty root, in which it is the first process."""

import os
import signal
from pathlib import Path
from typing import NoReturn

from competition.sandbox import kernel

NOBODY = 65534
USER = 0x10000000
# What can be had once one is somebody else; each by the name that settings and logs use.
OTHERS = {
    "network": 0x40000000,
    "mounts": 0x00020000,
    "ipc": 0x08000000,
    "names": 0x04000000,
    "groups": 0x02000000,
    "processes": 0x20000000,
}


def become_nobody() -> None:
    """Give up being root. Raises OSError."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else its own files in /proc are root's


def leave_users() -> None:
    """Enter a namespace of users, in which there is this one alone. Raises OSError; needs to have one thread."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(USER)
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")


def empty_root() -> None:
    """Make the folder that this process is in, which has to be empty, its whole file system. Raises OSError."""
    if found := os.listdir("."):
        raise OSError(f"expected an empty folder; found {len(found)} names in it")
    os.chroot(".")
    os.chdir("/")


def become_first() -> None:
    """Go on in a child, the first process of the namespace that was entered; this process ends as that one does.

    When the first process ends, the kernel ends all others of its namespace.
    """
    child = os.fork()
    if child:
        _end_as(child)
    end_with_parent()


def end_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends."""
    parent = os.getppid()
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it ended just before


def _end_as(child: int) -> NoReturn:
    os.closerange(0, 256)  # else nobody outside would see that the child has closed its pipes
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))
