"""No test can run docker-compose.yml, but what it names must exist and what it promises must be there.

tests/test_compose_starts.py starts what its services start.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from config import processes
from tests.composing import COMPOSE, OURS, ROOT, SERVICES, VARIABLES, example
from tests.test_docs import settings_read

LONG_RUNNING = SERVICES.keys() - {"migrate"}
PUBLISHED = {"web", "proxy"}
# What each of others' images needs of what Docker gives to every container.
CAPABILITIES = {"proxy": ["NET_BIND_SERVICE"], "s3": ["DAC_OVERRIDE"]}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Beside Python, where pip puts programs.
HADOLINT = str(Path(sys.executable).with_name("hadolint"))


def test_it_is_what_the_specification_of_compose_allows():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    found = subprocess.run(
        [*check, "docker-compose.yml"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.returncode == 0, found.stdout


def test_the_services_are_those_that_the_docs_name():
    docs = (ROOT / "docs/deploying.md").read_text()

    assert set(OURS) == {"web", "worker", "intake", "freezer", "trainer", "trainer-gpu", "beat", "migrate"}
    assert SERVICES.keys() - OURS == {"proxy", "redis", "postgres", "s3"}
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", docs, re.MULTILINE)) == set(SERVICES)


def test_every_process_of_the_site_is_a_service_of_its_own():
    started = [
        shlex.split(service["command"])[4]
        for service in OURS.values()
        if service["command"].startswith("python -m config.serve --only ")
    ]

    assert sorted(started) == sorted([*processes.NAMES, "trainer"])  # with a GPU and without


@pytest.mark.parametrize("name", OURS.keys() - {"migrate"})
def test_a_process_is_asked_about_its_own_health(name):
    only = shlex.split(OURS[name]["command"])[4]

    assert OURS[name]["healthcheck"]["test"] == ["CMD", "python", "-m", "config.health", only]


def test_the_image_starts_the_same_web_server_as_compose():
    [last] = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)

    assert re.findall(r'"([^"]*)"', last) == shlex.split(SERVICES["web"]["command"])


def test_our_services_share_one_environment_of_settings_that_the_code_reads():
    environment = OURS["web"]["environment"]

    assert all(service["environment"] == environment for service in OURS.values())
    assert environment.keys() <= settings_read()
    # These are the image's, or of one process alone.
    assert settings_read() - environment.keys() == {
        "METRICS_TOKEN", "PORT", "S3_SECRET_KEY", "SECRET_KEY", "POSTGRES_PASSWORD", "STATIC_ROOT", "VAR_DIR",
    }  # fmt: skip


def test_our_services_have_one_image_for_the_cpu_and_one_for_gpus():
    built = {service["image"]: service["build"]["args"]["TORCH"] for service in OURS.values()}

    assert built == {"nestwork:cpu": "cpu", "nestwork:cuda": "cuda"}
    assert OURS["trainer-gpu"]["image"] == "nestwork:cuda"
    [device] = OURS["trainer-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_a_long_running_service_is_restarted_and_watched(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_has_to(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == CAPABILITIES.get(name, [])
    assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}


def test_the_database_and_redis_are_on_a_network_that_leads_nowhere_and_only_the_web_is_published():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "ports" in service} == PUBLISHED
    for name in ("postgres", "redis", "s3"):
        assert SERVICES[name]["networks"] == ["inside"]
    assert SERVICES["proxy"]["networks"] == ["outside"]


def test_without_a_proxy_the_web_answers_this_machine_alone():
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_the_migration_runs_once_and_the_others_wait_for_it():
    assert SERVICES["migrate"]["restart"] == "no"
    for name in OURS.keys() - {"migrate"}:
        assert OURS[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_volume_network_and_secret_that_is_used_is_declared_and_the_other_way_round():
    def used(what):
        return {part.split(":")[0] for service in SERVICES.values() for part in service.get(what, [])}

    assert {name for name in used("volumes") if "/" not in name} == set(COMPOSE["volumes"])
    assert used("networks") == set(COMPOSE["networks"])
    assert used("secrets") == set(COMPOSE["secrets"])


def test_every_image_of_others_has_an_exact_version():
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert [image for image in images if not re.search(r":\d+\.\d+(\.\d+)?(-\w+)*$", image)] == []


def test_no_secret_is_in_an_environment_nor_in_the_image():
    named = [
        variable["name"] for variable in VARIABLES if re.search("KEY|PASSWORD|SECRET|TOKEN", variable["name"])
    ]
    given = {
        name: value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if re.search("KEY|PASSWORD|SECRET|TOKEN(?!S)", name)
    }

    # The name of a key is none, nor is the folder of secrets, nor how many tokens may be made.
    assert set(named) == {"S3_ACCESS_KEY", "SECRETS", "TOKENS_PER_HOUR"}
    secret = {
        name: value for name, value in given.items() if not name.endswith(("ACCESS_KEY", "ACCESS_KEY_ID"))
    }
    assert secret == {f"{name.upper()}_FILE": f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    assert not re.findall(r"^(?:ENV|ARG)\b.*(?:KEY|PASSWORD|SECRET)", DOCKERFILE, re.MULTILINE)


def test_the_example_of_env_names_every_variable():
    # Compose reads which profiles are wanted by itself.
    assert set(example()) == {variable["name"] for variable in VARIABLES} | {"COMPOSE_PROFILES"}


# --- The image -----------------------------------------------------------------------------------------------------


def test_the_dockerfile_has_no_mistake_that_hadolint_knows():
    found = subprocess.run([HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout


def test_the_image_installs_what_the_requirements_say_and_runs_without_root():
    assert "pip install --only-binary :all: --disable-pip-version-check -r requirements.txt" in DOCKERFILE
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_the_image_can_back_up_the_database_that_runs_beside_it():
    """pg_dump refuses a server of a newer major version than its own."""
    [client] = re.findall(r"postgresql-client-(\d+)=\1\.", DOCKERFILE)

    assert SERVICES["postgres"]["image"].startswith(f"postgres:{client}.")


def test_the_pattern_for_pytorch_finds_its_pinned_version():
    [pattern] = re.findall(r"grep -o '(.*)' requirements.txt", DOCKERFILE)

    [found] = re.findall(pattern, (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert re.fullmatch(r"torch==\d+\.\d+\.\d+", found)


def test_what_is_copied_into_the_image_is_there():
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]

    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []


def test_what_is_secret_or_only_checks_the_site_stays_out_of_the_image():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {".git", ".env", "secrets", "var", "tests", ".venv"} <= set(ignored)
    assert not {line.partition("/")[0] for line in ignored} & {*map(str, processes.NAMES), "config", "static"}
