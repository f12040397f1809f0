"""What docker-compose.yml says, with .env.example filled in, as compose itself would read it."""

import re
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEXT = (ROOT / "docker-compose.yml").read_text()
# ${NAME}, ${NAME:-a default} or ${NAME:?a complaint}; $$ is a dollar.
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<text>[^}]*))?\})")
VARIABLES = [found.groupdict() for found in VARIABLE.finditer(TEXT) if found["name"]]
HOST = "labels.example.org"


def example() -> dict[str, str]:
    """Return what .env.example sets."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def interpolate(value: Any, given: dict[str, str]) -> Any:
    """Return a part of the file with its variables filled in; KeyError where compose would complain."""
    match value:
        case dict():
            return {key: interpolate(part, given) for key, part in value.items()}
        case list():
            return [interpolate(part, given) for part in value]
        case str():
            return VARIABLE.sub(lambda found: _filled_in(found, given), value)
    return value


def _filled_in(found: re.Match[str], given: dict[str, str]) -> str:
    if found["name"] is None:
        return "$"
    if found["how"] == "-":
        return given.get(found["name"]) or found["text"]
    if not given.get(found["name"]):
        raise KeyError(found["name"])
    return given[found["name"]]


COMPOSE = interpolate(yaml.safe_load(TEXT), {**example(), "ALLOWED_HOSTS": HOST, "SITE_ADDRESS": HOST})
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
