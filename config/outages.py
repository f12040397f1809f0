"""What breaks without anybody's fault: a disk that is full, a database or a storage that does not answer.

Knows what raised it by its name alone, so that nothing is imported to find out.
"""

import errno
import re
import sqlite3

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_DISK = re.compile(r"No space left on device|disk is full|Disk quota exceeded")
# Of a database, a storage or a network that cannot be reached: django.db, botocore, and Python's own.
PASSING = {
    "OperationalError",
    "InterfaceError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "HTTPClientError",
    "ConnectionError",
    "TimeoutError",
    "gaierror",
}


def is_full(error: BaseException) -> bool:
    """Say whether there was no room on a disk: ours, or the database's."""
    return (isinstance(error, OSError) and error.errno in FULL) or bool(FULL_DISK.search(str(error)))


def is_passing(error: BaseException) -> bool:
    """Say whether something could not be reached, which may be otherwise when it is tried again."""
    # What SQLite calls an error is a statement that is wrong; it has other words for all that passes.
    is_wrong = getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return not is_full(error) and not is_wrong and bool(PASSING & names(error))


def names(error: BaseException) -> set[str]:
    """Return what `error` is called, and all kinds of errors that it is one of."""
    return {kind.__name__ for kind in type(error).__mro__}
