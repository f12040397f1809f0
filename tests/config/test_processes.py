import pytest
from celery.bin.beat import beat
from celery.bin.worker import worker
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.config import Config

from config import processes


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@pytest.mark.parametrize("name", processes.NAMES)
def test_every_option_is_one_that_the_program_knows(name):
    _python, _m, program, *arguments = processes.command(name, "127.0.0.1:8000", "INFO")

    if program == "gunicorn":
        assert Config().parser().parse_args(arguments).args == ["config.wsgi"]
    else:
        command = {"worker": worker, "beat": beat}[arguments[3]]
        known = {flag for parameter in command.params for flag in parameter.opts}
        assert {word.split("=")[0] for word in arguments[4:] if word.startswith("--")} <= known


def test_every_queue_that_a_task_is_sent_to_is_emptied_by_one_process():
    sent_to = {"celery", *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}

    assert sorted(processes.QUEUES.values()) == sorted(sent_to)


def test_there_are_as_many_trainers_as_gpus_share_out(monkeypatch):
    monkeypatch.setenv("TRAINING_GPUS", "0,1,2,3")
    monkeypatch.setenv("TRAINING_GPUS_PER_RUN", "2")
    assert option(processes.command("trainer", "", "INFO"), "--concurrency") == "2"

    monkeypatch.setenv("TRAINING_GPUS", "none")
    assert option(processes.command("trainer", "", "INFO"), "--concurrency") == "1"

    monkeypatch.setenv("TRAINERS", "3")
    assert option(processes.command("trainer", "", "INFO"), "--concurrency") == "3"


def test_log_lines_are_as_many_as_the_setting_says(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    assert option(processes.command("web", ""), "--log-level") == "error"

    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL: expected one of"):
        processes.command("web", "")
