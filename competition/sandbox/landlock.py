"""No file, port or process outside from now on, by Landlock: a set of rules that allows nothing.

Files that are open already stay so. Source: kernel documentation, userspace-api/landlock.
"""

import ctypes
import os

from competition.sandbox import kernel

_VERSION = 1
# How many rights on files each version of the interface knows, from the lowest bit on.
_N_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_BIND_AND_CONNECT = 0b11  # to TCP ports, from version 4 on
_SOCKETS_AND_SIGNALS = 0b11  # abstract Unix sockets and signals of those outside, from version 6 on


class _Rules(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


def restrict() -> int:
    """Allow this thread, and those that it starts, nothing by name for ever; return the version of the interface.

    Raises OSError where the kernel has none; needs no_new_privs.
    """
    version = kernel.call("landlock_create_ruleset", None, 0, _VERSION)
    rules = _Rules(
        (1 << _N_FILE_RIGHTS.get(version, _N_FILE_RIGHTS[5])) - 1,
        _BIND_AND_CONNECT if version >= 4 else 0,
        _SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    # An older kernel takes a longer structure whose rest is zero.
    held = kernel.call("landlock_create_ruleset", ctypes.byref(rules), ctypes.sizeof(rules), 0)
    try:
        kernel.call("landlock_restrict_self", held, 0)
    finally:
        os.close(held)
    return version
