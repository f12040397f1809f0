"""The kernel's calls that Python has no function for, by ctypes. Linux on x86-64 and arm64.

Numbers are those of asm/unistd_64.h and asm-generic/unistd.h.
"""

import ctypes
import os
import platform

_X86 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10,
    "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16,
    "pread64": 17, "readv": 19, "writev": 20, "select": 23, "sched_yield": 24, "mremap": 25, "mincore": 27,
    "madvise": 28, "nanosleep": 35, "getpid": 39, "clone": 56, "exit": 60, "uname": 63, "getrlimit": 97,
    "getrusage": 98, "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
    "getppid": 110, "capset": 126, "sigaltstack": 131, "prctl": 157, "arch_prctl": 158, "gettid": 186,
    "time": 201, "futex": 202, "sched_setaffinity": 203, "sched_getaffinity": 204, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
    "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274, "getcpu": 309,
    "seccomp": 317, "getrandom": 318, "membarrier": 324, "rseq": 334, "clone3": 435,
    "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
}  # fmt: skip
_GENERIC = {
    "ioctl": 29, "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67,
    "pselect6": 72, "ppoll": 73, "fstat": 80, "capset": 91, "exit": 93, "exit_group": 94, "futex": 98,
    "set_robust_list": 99, "get_robust_list": 100, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "sched_setaffinity": 122, "sched_getaffinity": 123, "sched_yield": 124,
    "restart_syscall": 128, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
    "rt_sigreturn": 139, "times": 153, "uname": 160, "getrlimit": 163, "getrusage": 165, "prctl": 167,
    "getcpu": 168, "getpid": 172, "getppid": 173, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177,
    "gettid": 178, "sysinfo": 179, "brk": 214, "munmap": 215, "mremap": 216, "clone": 220, "mmap": 222,
    "mprotect": 226, "mincore": 232, "madvise": 233, "seccomp": 277, "getrandom": 278, "membarrier": 283,
    "rseq": 293, "clone3": 435, "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
}  # fmt: skip
# The word by which seccomp knows the machine (linux/audit.h), and the numbers of its calls.
MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (0xC000003E, _X86),
    "aarch64": (0xC00000B7, _GENERIC),
}

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 1, 4, 15, 38

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def machine() -> tuple[int, dict[str, int]]:
    """Return the word and the numbers of this machine. Raises OSError on another kind."""
    found = MACHINES.get(platform.machine())
    if found is None:
        raise OSError(f"expected one of {', '.join(MACHINES)}; found {platform.machine()}")
    return found


def call(name: str, *arguments: object) -> int:
    """Ask the kernel. Raises OSError as it answers."""
    _word, numbers = machine()
    # As long as a register: ctypes would pass int, and leave the upper half to chance.
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return _checked(name, _libc.syscall(ctypes.c_long(numbers[name]), *passed))


def prctl(option: int, *arguments: int) -> int:
    """Change what the kernel keeps of this process. Raises OSError."""
    given = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked("prctl", _libc.prctl(ctypes.c_int(option), *given))


def unshare(flags: int) -> None:
    """Leave what is shared with other processes. Raises OSError."""
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def _checked(name: str, answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return answer
