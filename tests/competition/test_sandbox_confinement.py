"""A hostile program under the confinement of networks that are handed in. It runs as code, which a network is not."""

import json
import os
import platform
import signal
import socket
import sys
import threading
import time

import pytest

from competition.sandbox import running
from competition.sandbox.bounds import Limits, RefusedError
from competition.sandbox.calls import ALLOWED
from competition.sandbox.confinement import PROTECTIONS, Protections, UnprotectedError
from competition.sandbox.kernel import MACHINES

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from tests.competition.probe import main; main()"
PROBE = (sys.executable, "-I", "-c", PROGRAM, str(running.ROOT))
# As on a machine that has everything, and on one that lacks what containers often do.
MACHINES_LIKE = {
    "all": [],
    "no namespaces": ["users"],
    "no Landlock": ["landlock"],
    "no seccomp": ["seccomp"],
}
SECRET = "only-in-the-environment-of-the-worker"


def probe(attempt, *, without=(), seconds=20.0, most_bytes=0, files=(), is_wanted=running.always, **told):
    """Have a confined program try something; return what it said."""

    def ask(words):
        return json.dumps(
            {"attempt": attempt, "words": words, "seconds": seconds, "without": list(without), **told}
        )

    limits = Limits(memory_mib=256, seconds=seconds, n_threads=1)
    return running.run(ask, limits, files, most_bytes=most_bytes, is_wanted=is_wanted, program=PROBE)


@pytest.fixture(scope="module")
def in_force():
    """What this machine has."""
    return set(probe("pid").word("in_force"))


def test_this_machine_has_all_protections(in_force):
    assert in_force == set(PROTECTIONS)


@pytest.mark.parametrize("without", MACHINES_LIKE.values(), ids=MACHINES_LIKE)
@pytest.mark.parametrize("path", ["/etc/passwd", "config/settings.py", "database"])
def test_no_file_can_be_read(path, without, tmp_path):
    database = tmp_path / "nestwork.sqlite3"
    database.write_text("a label")
    paths = {"database": str(database), "config/settings.py": str(running.ROOT / "config/settings.py")}

    said = probe("read", path=paths.get(path, path), without=without)

    assert said.word("outcome") is None
    assert "Error" in said.word("failed")


def test_the_same_program_reads_files_where_nothing_protects_them():
    said = probe("read", path="/etc/passwd", without=["users", "landlock", "seccomp"])

    assert said.word("outcome").startswith("root:")


def test_nothing_is_open_that_was_not_handed_over(tmp_path):
    with open("/etc/passwd", "rb") as secret:
        os.set_inheritable(secret.fileno(), True)

        assert probe("read_by_descriptor").word("outcome") == []


def test_nothing_can_be_written():
    for without in MACHINES_LIKE.values():
        assert "Error" in probe("write", without=without).word("failed")


@pytest.mark.parametrize("without", [["seccomp"], ["users"], ["users", "landlock"]], ids=str)
def test_nobody_can_be_spoken_to(without):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=[server], daemon=True)
        thread.start()

        said = probe("connect", port=server.getsockname()[1], without=without)

    assert said.word("outcome") is None
    assert "Error" in said.word("failed")


def test_the_same_program_is_greeted_where_nothing_protects_others():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=[server], daemon=True)
        thread.start()

        said = probe("connect", port=server.getsockname()[1], without=["users", "landlock", "seccomp"])

    assert said.word("outcome") == "hello"


def _greet(server):
    with server.accept()[0] as visitor:
        visitor.sendall(b"hello")


def test_no_socket_is_made_at_all():
    assert "not permitted" in probe("look_for_sockets").word("failed")


def test_the_environment_is_empty(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", SECRET)

    said = probe("environment")

    assert set(said.word("outcome")) <= {"LC_CTYPE"}  # Python's own
    assert SECRET not in str(said)


@pytest.mark.parametrize(
    "attempt",
    ["fork_bomb", "execute", "trace", "read_memory", "mount", "new_namespace", "other_set_of_calls"],
)
def test_the_kernel_refuses(attempt):
    if attempt == "other_set_of_calls" and platform.machine() != "x86_64":
        pytest.skip("of x86-64 alone")

    said = probe(attempt, parent=os.getpid())

    assert said.word("outcome") is None
    assert "not permitted" in said.word("failed")


def test_the_worker_cannot_be_signalled():
    for without in (["seccomp"], []):
        assert "Error" in probe("signal", parent=os.getpid(), without=without).word("failed")


def test_limits_cannot_be_raised():
    for without in (["seccomp"], []):
        assert "Error" in probe("raise_limits", without=without).word("failed")


def test_it_is_the_first_process_of_its_own_and_sees_no_other():
    assert probe("pid").word("outcome") == [1, 0]


def test_memory_is_bounded():
    assert "MemoryError" in probe("allocate").word("failed")


def test_threads_are_bounded():
    assert probe("thread_bomb").word("outcome") < 100
    # Where the limit would count the site's own threads, memory for their stacks is the bound.
    assert probe("thread_bomb", without=["users"]).word("outcome") < 1000


def test_processor_time_is_bounded_by_the_kernel():
    said = probe("run_for_ever", seconds=1.0)

    assert said.ending == f"killed by {signal.SIGKILL.name}"


def test_a_crash_is_told_as_one():
    assert probe("crash").ending == f"killed by {signal.SIGSEGV.name}"


# --- What the worker bounds -----------------------------------------------------------------------------------------


def test_ten_gigabytes_of_answers_end_at_the_first_byte_too_many():
    with pytest.raises(RefusedError, match="one number for each class and picture; found more"):
        probe("flood", most_bytes=1000)


def test_a_flood_of_words_is_ended():
    with pytest.raises(RefusedError, match="flood"):
        probe("flood_words")


def test_of_a_flood_on_stderr_the_beginning_is_kept():
    said = probe("flood_log")

    assert said.word("outcome") == "written"
    assert len(said.log) == 2**16


def test_whoever_sleeps_is_woken(monkeypatch):
    monkeypatch.setattr(running, "START_S", 0.5)

    with pytest.raises(RefusedError, match=r"within 0\.5 s; they took longer"):
        probe("sleep_for_ever", seconds=0.5)


def test_whoever_is_not_wanted_any_more_is_ended(monkeypatch):
    monkeypatch.setattr(running, "LOOK_EVERY_S", 0.1)

    with pytest.raises(running.StoppedError):
        probe("sleep_for_ever", is_wanted=lambda: False)


def test_nothing_is_left_of_who_closes_its_pipes_and_stays(monkeypatch):
    monkeypatch.setattr(running, "LOOK_EVERY_S", 0.1)

    said = probe("close_and_stay")

    assert said.ending == f"killed by {signal.SIGKILL.name}"
    assert not _programs_like("tests.competition.probe")


def _programs_like(text, patience_s=5.0):
    """Return the running programs with `text` in their commands; the kernel may take a moment to clear up."""
    deadline = time.monotonic() + patience_s
    while (found := [each for each in _commands() if text in each]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _commands():
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                yield file.read()
        except OSError:
            continue


# --- What is required -----------------------------------------------------------------------------------------------


def test_what_is_required_and_lacking_is_named():
    protections = Protections()
    protections.attempt("limits", lambda: None)

    def lack():
        raise OSError("no such call")

    protections.attempt("landlock", lack)
    protections.refuse_without(["limits"])

    with pytest.raises(UnprotectedError, match=r"landlock \(no such call\)"):
        protections.refuse_without(["limits", "landlock"])


def test_calls_have_the_numbers_of_the_kernels_headers():
    headers = {
        "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "aarch64": "/usr/include/asm-generic/unistd.h",
    }
    for machine, path in headers.items():
        if not os.path.exists(path):
            continue
        with open(path) as file:
            words = [line.split() for line in file if line.startswith("#define __NR")]
        told = {
            each[1].removeprefix("__NR_").removeprefix("__NR3264_"): each[2]
            for each in words
            if len(each) > 2 and each[2].isdecimal()
        }
        _word, numbers = MACHINES[machine]
        assert {name: told.get(name) for name in numbers} == {name: str(n) for name, n in numbers.items()}


def test_every_call_that_is_allowed_is_known_on_some_machine():
    known = set().union(*(numbers for _word, numbers in MACHINES.values()))

    assert set(ALLOWED) <= known
    assert not {"open", "openat", "socket", "execve", "ptrace", "fork", "clone", "kill"} & set(ALLOWED)
