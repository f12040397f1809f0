"""No test can run docker-compose.yml, but what it names must exist and what it promises must be there."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from celery.bin.beat import beat
from celery.bin.worker import worker
from django.conf import settings
from django.core.management import get_commands
from gunicorn.config import Config

ROOT = Path(settings.BASE_DIR)
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
LONG_RUNNING = SERVICES.keys() - {"migrate"}
# ${NAME}, ${NAME:-a default} or ${NAME:?a complaint}
VARIABLES = re.findall(r"\$\{(\w+)(?::([-?])([^}]*))?\}", TEXT)


def words(service: str, *start: str) -> list[str]:
    """Return the words of a service's command that follow `start`; none if it starts otherwise."""
    command = shlex.split(SERVICES[service]["command"])
    return command[len(start) :] if command[: len(start)] == list(start) else []


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_the_services_are_those_that_the_docs_name():
    assert set(OURS) == {"web", "worker", "intake", "freezer", "trainer", "beat", "migrate"}
    assert SERVICES.keys() - OURS == {"redis", "postgres"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_ours_enters_where_something_is(name):
    program, *arguments = shlex.split(OURS[name]["command"])

    match program, *arguments:
        case "gunicorn", module, *_:
            assert Config().parser().parse_args(arguments).args == [module]
            assert callable(import_module(module).application)
        case "celery", "-A", module, ("worker" | "beat") as what, *rest:
            known = {flag for p in {"worker": worker, "beat": beat}[what].params for flag in p.opts}
            assert import_module(module).celery_app.main == "nestwork"
            assert {word for word in rest if word.startswith("-")} <= known
        case "python", "manage.py", command, *_:
            assert (ROOT / "manage.py").is_file()
            assert command in get_commands()
        case _:
            pytest.fail(f"{name}: expected gunicorn, celery or manage.py; found {program!r}.")


def test_every_queue_that_a_task_is_sent_to_is_emptied_by_one_service():
    sent_to = {"celery", *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}

    emptied = [
        queue
        for name in OURS
        if (arguments := words(name, "celery", "-A", "config", "worker"))
        for queue in option(arguments, "--queues").split(",")
    ]

    assert sorted(emptied) == sorted(sent_to)


def test_the_image_starts_the_same_web_server_as_compose():
    last_line = (ROOT / "Dockerfile").read_text().strip().splitlines()[-1]

    assert yaml.safe_load(last_line.removeprefix("CMD ")) == shlex.split(SERVICES["web"]["command"])


def test_our_services_share_one_image_and_one_environment():
    assert len({service["image"] for service in OURS.values()}) == 1
    assert all(service["environment"] == OURS["web"]["environment"] for service in OURS.values())


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_a_long_running_service_is_restarted_and_watched(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]


def test_the_migration_runs_once_and_the_others_wait_for_it():
    assert SERVICES["migrate"]["restart"] == "no"
    for name in OURS.keys() - {"migrate"}:
        assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_named_volume_is_declared():
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}

    assert used == set(COMPOSE["volumes"])


def test_no_secret_has_a_default():
    secrets = [(n, how, text) for n, how, text in VARIABLES if re.search("KEY|PASSWORD|SECRET|TOKEN", n)]

    required = {name for name, how, _ in secrets if how == "?"}
    optional = {name: text for name, how, text in secrets if how != "?"}

    assert required == {"SECRET_KEY", "POSTGRES_PASSWORD"}
    # A server's own role may stand in for the keys, and this machine may read the metrics.
    assert optional == {"S3_ACCESS_KEY": "", "S3_SECRET_KEY": "", "METRICS_TOKEN": ""}


def test_the_example_of_env_names_every_variable_and_fills_in_no_secret():
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert set(example) == {name for name, _, _ in VARIABLES}
    assert not any(text for name, text in example.items() if re.search("KEY|PASSWORD|SECRET", name))


def test_the_image_is_built_without_secrets_and_run_without_root():
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert "USER nestwork" in lines
    assert not [line for line in lines if re.match(r"(ENV|ARG)\b.*(KEY|PASSWORD|SECRET)", line)]
    assert ".env" in (ROOT / ".dockerignore").read_text().splitlines()
