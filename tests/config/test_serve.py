import os
import socket
import sys
import time

import pytest

from config import processes, serve


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_in_use_is_named_in_one_sentence(busy_port):
    with pytest.raises(serve.PortInUseError, match=f"Port {busy_port} of 127.0.0.1 is in use"):
        serve.check_port(busy_port)


def test_a_free_port_is_fine():
    serve.check_port(free_port())


def test_main_refuses_a_port_in_use_before_it_starts_anything(busy_port, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["serve", "--port", str(busy_port)])

    assert serve.main() == 1
    assert f"Port {busy_port}" in capsys.readouterr().err


def test_without_a_port_there_is_no_web_server():
    assert set(serve.commands(None)) == {"worker", "intake", "freezer", "trainer", "beat"}
    assert set(serve.commands(8000)) == {"worker", "intake", "freezer", "trainer", "beat", "web"}


def test_a_process_that_died_is_started_again_and_all_are_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    log = tmp_path / "logs" / "counter.log"
    supervisor = serve.Supervisor({"counter": [sys.executable, "-c", "print('started')"]})
    supervisor.start()

    deadline = time.monotonic() + 30
    while log.read_text().count("started") < 3 and time.monotonic() < deadline:
        supervisor.restart_dead()
    supervisor.stop()

    assert log.read_text().count("started") >= 3
    assert supervisor.restart_dead() == ["counter"]
    supervisor.stop()


def test_one_process_is_become_and_not_started(monkeypatch):
    became = []
    monkeypatch.setattr(os, "execve", lambda *asked: became.append(asked))
    monkeypatch.setattr(os, "chdir", became.append)

    serve.become("trainer", "127.0.0.1:8000")

    [_, (program, command, environment)] = became
    assert program == command[0]
    assert command[command.index("--queues") + 1] == "training"
    assert environment["REMAP_SIGTERM"] == "SIGQUIT"


def test_supervised_processes_are_those_of_compose_but_quieter():
    for name, command in serve.commands(8000).items():
        assert command == processes.command(name, "127.0.0.1:8000", "WARNING")
