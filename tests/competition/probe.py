"""A program that is confined as networks are, and then tries what a hostile one would. It tells what came of it.

Run by test_sandbox_confinement in a process of its own, and never imported by a test.
"""

import ctypes
import encodings.idna  # noqa: F401  # names of hosts are looked up with it, and later it cannot be read
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time

from competition.sandbox import namespaces
from competition.sandbox.bounds import Limits
from competition.sandbox.confinement import confine

MIB = 2**20


def read(told):
    with open(told["path"], "rb") as file:
        return file.read(100).decode("latin-1")


def read_by_descriptor(told):
    """Look for a file that somebody left open."""
    return [number for number in range(3, 64) if number != told["words"] and _is_open(number)]


def _is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def write(told):
    with open("here", "wb") as file:
        return file.write(b"x")


def connect(told):
    return socket.create_connection(("127.0.0.1", told["port"]), timeout=2).recv(10).decode()


def look_for_sockets(told):
    return socket.socketpair()[0].fileno()


def environment(told):
    return dict(os.environ)


def fork_bomb(told):
    children = []
    while len(children) < 1000:
        child = os.fork()
        if not child:
            time.sleep(60)
        children.append(child)
    return len(children)


def thread_bomb(told):
    end, threads = threading.Event(), []
    try:
        while len(threads) < 2000:
            threads.append(threading.Thread(target=end.wait, daemon=True))
            threads[-1].start()
    except RuntimeError:
        return len(threads)
    finally:
        end.set()
    return len(threads)


def execute(told):
    return subprocess.run(["/bin/id"], capture_output=True, check=True).stdout.decode()


def allocate(told):
    return len(bytearray(100 * 2**30))


def trace(told):
    return _call(101 if os.uname().machine == "x86_64" else 117, 16, told["parent"], 0, 0)


def read_memory(told):
    return _call(310 if os.uname().machine == "x86_64" else 270, told["parent"], 0, 0, 0, 0, 0)


def signal(told):
    os.kill(told["parent"], 0)
    return "signalled"


def mount(told):
    return _call(165 if os.uname().machine == "x86_64" else 40, b"none", b"/", b"tmpfs", 0, 0)


def new_namespace(told):
    return _call(272 if os.uname().machine == "x86_64" else 97, 0x10000000)


def other_set_of_calls(told):
    return _call(0x40000000 + 39)  # getpid of x32


def raise_limits(told):
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "raised"


def _call(*numbers):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*numbers) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "done"


def flood(told):
    while True:
        os.write(1, bytes(MIB))


def flood_words(told):
    while True:
        os.write(told["words"], b'{"a": 1}\n' * 1000)


def flood_log(told):
    for _ in range(32):
        os.write(2, bytes(MIB))
    return "written"


def run_for_ever(told):
    while True:
        pass


def sleep_for_ever(told):
    time.sleep(10_000)


def close_and_stay(told):
    for number in (1, 2, told["words"]):
        os.close(number)
    time.sleep(10_000)


def crash(told):
    ctypes.string_at(0)


def pid(told):
    return [os.getpid(), len(os.listdir("/proc")) if os.path.isdir("/proc") else 0]


def main():
    namespaces.end_with_parent()
    told = json.load(sys.stdin)
    attempt = globals()[told["attempt"]]
    _take_away(told["without"])
    protections = confine(
        Limits(memory_mib=256, seconds=told.get("seconds", 20), n_threads=1), {told["words"]}
    )
    say(told, in_force=protections.in_force, lacking=protections.lacking)
    try:
        outcome = attempt(told)
    except (OSError, MemoryError, RuntimeError, ImportError, ValueError) as error:
        say(told, failed=f"{type(error).__name__}: {error}")
    else:
        say(told, outcome=outcome)


def _take_away(names):
    """Be on a machine that lacks these protections."""
    from competition.sandbox import calls, landlock

    def lack(*_arguments):
        raise OSError("not on this machine")

    if "users" in names:
        namespaces.leave_users = lack
    if "landlock" in names:
        landlock.restrict = lack
    if "seccomp" in names:
        calls.restrict = lack


def say(told, **words):
    os.write(told["words"], json.dumps(words).encode() + b"\n")
