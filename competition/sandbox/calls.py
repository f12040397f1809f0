"""Which of the kernel's calls a process may make from now on: the few that computing takes, by seccomp.

A list of what is allowed, since a kernel learns new calls every year. All else is answered with an error and not by
death: libraries ask for much that they can do without. No file can be opened, by any name; no process started, no
socket made, no other process touched; threads can be made.
Source: kernel documentation, userspace-api/seccomp_filter; classic BPF as in linux/filter.h.
"""

import ctypes
import errno
import os
import struct

from competition.sandbox import kernel

ALLOWED = (
    "read", "write", "readv", "writev", "pread64", "close", "fstat", "lseek", "poll", "ppoll", "select",
    "pselect6", "mmap", "mprotect", "munmap", "mremap", "madvise", "mincore", "brk", "membarrier", "futex",
    "set_robust_list", "get_robust_list", "rseq", "restart_syscall", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack", "sched_yield", "sched_getaffinity", "sched_setaffinity", "getcpu", "exit",
    "exit_group", "arch_prctl", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "time",
    "times", "getrandom", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "uname",
    "sysinfo", "getrusage", "getrlimit",
)  # fmt: skip

_LOAD, _EQUALS, _AT_LEAST, _ANY_BIT, _ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data
_X32 = 0x40000000  # a second set of calls on x86-64, which no filter of names would know
_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080  # any namespace
_SET_FILTER, _ALL_THREADS = 1, 1

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def restrict() -> None:
    """Allow every thread of this process nothing else for ever. Raises OSError; needs no_new_privs."""
    code = b"".join(struct.pack("=HBBI", *each) for each in instructions(os.getpid()))
    program = _Program(len(code) // 8, code)
    kernel.call("seccomp", _SET_FILTER, _ALL_THREADS, ctypes.byref(program))


def instructions(pid: int) -> list[Instruction]:
    """Return the filter for this machine as (code, jump if so, jump if not, value) each.

    pid: the process's own, the only one whose threads it may send signals to.
    """
    word, numbers = kernel.machine()
    refuse = (_ANSWER, 0, 0, _REFUSE | errno.EPERM)
    program: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_EQUALS, 1, 0, word),
        (_ANSWER, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        refuse,
    ]
    for name in ALLOWED:
        if name in numbers:
            program += [(_EQUALS, 0, 1, numbers[name]), (_ANSWER, 0, 0, _ALLOW)]
    program += _if_called(
        numbers["clone"],
        [
            (_LOAD, 0, 0, _ARGUMENTS_AT),
            (_ANY_BIT, 2, 0, _CLONE_NEW),
            (_ANY_BIT, 0, 1, _CLONE_THREAD),
            (_ANSWER, 0, 0, _ALLOW),
            refuse,
        ],
    )
    # What it asks for lies in memory, where no filter sees it; told that there is no such call, the C library
    # takes clone.
    program += _if_called(numbers["clone3"], [(_ANSWER, 0, 0, _REFUSE | errno.ENOSYS)])
    program += _if_called(numbers["ioctl"], [(_ANSWER, 0, 0, _REFUSE | errno.ENOTTY)])
    for name, only in (("tgkill", pid), ("prctl", kernel.PR_SET_NAME)):
        program += _if_called(
            numbers[name],
            [(_LOAD, 0, 0, _ARGUMENTS_AT), (_EQUALS, 0, 1, only), (_ANSWER, 0, 0, _ALLOW), refuse],
        )
    return [*program, refuse]


def _if_called(number: int, then: list[Instruction]) -> list[Instruction]:
    return [(_EQUALS, 0, len(then), number), *then]
