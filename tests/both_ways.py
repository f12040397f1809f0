"""Run every test on SQLite and, beside that, what touches the database or the broker on PostgreSQL and Redis.

    python -m tests.both_ways [WHAT PYTEST TAKES]

Each half has a core to itself on a machine of two, so that both take as long as the longer one. What the second says
is shown once the first has ended. Where the servers are not installed, the second says so and is passed over.
"""

import os
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest"]
# The first half keeps the cache of what failed last.
ON_SERVERS = ["--servers-only", "-p", "no:cacheprovider"]


def main() -> int:
    arguments = sys.argv[1:]
    own = {name: text for name, text in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    with_servers = [sys.executable, "-m", "tests.with_servers", "--if-installed"]
    with tempfile.TemporaryFile() as said:
        second = subprocess.Popen(
            [*with_servers, *PYTEST, *ON_SERVERS, *arguments], env=own, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            first = subprocess.run([*PYTEST, *arguments], env=own, check=False).returncode
            second.wait()
        finally:
            second.terminate()  # of no use once it has ended; it stops its servers first
            second.wait()
            said.seek(0)
            sys.stdout.buffer.write(b"\n== On PostgreSQL and Redis ==\n" + said.read())
            sys.stdout.flush()
    return first or second.returncode


if __name__ == "__main__":
    sys.exit(main())
