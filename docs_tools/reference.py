"""Write the parts of the reference that the code knows best: the options of every command, the fields of the API.

    python -m docs_tools.reference

tests/test_reference.py says when a page is out of date.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).resolve().parent.parent
COMMANDS, API = ROOT / "docs/reference-commands.md", ROOT / "docs/reference-api.md"
OURS = ("accounts", "taxonomy", "labeling", "datasets", "training", "competition", "demo")
ABOUT_COMMANDS = """\
[Settings and commands](reference.md#commands) says what they are for; `--help` prints what stands here. All of
`manage.py` also take Django's own `--verbosity`, `--settings`, `--pythonpath`, `--traceback`, `--no-color`,
`--force-color` and `--skip-checks`."""
ABOUT_THE_API = """\
[The reference](reference.md#the-api) says in words what each request is for, and how a token goes into it. Any site
shows the same at `/api/docs/`, and the schema for programs at `/api/schema/`. A `?` behind a type: it may be null."""
MADE = "Made by `make reference` from {source}; edit that, not this page."


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    COMMANDS.write_text(commands_page())
    API.write_text(api_page())


# --- Commands ---------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Return the page of commands: each with what it does, and its arguments as argparse has them."""
    from competition.client import command_parser
    from config.serve import command_parser as serve_parser

    parts = [
        "# Every command and its options",
        MADE.format(source="the commands themselves"),
        ABOUT_COMMANDS,
    ]
    for name, parser in [*_of_django(), ("python -m config.serve", serve_parser())]:
        parts += [f"## `{name}`", _sentence(parser.description), _options(parser)]
    client = command_parser()
    parts += ["## `python -m competition.client`", _sentence(client.description), *_subcommands(client)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _of_django() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    from django.core.management import get_commands, load_command_class

    for name, app in sorted(get_commands().items()):
        if app in OURS:
            yield f"manage.py {name}", load_command_class(app, name).create_parser("manage.py", name)


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                yield f"### `{name}`"
                yield _sentence(each.description)
                yield _options(each)


def _options(parser: argparse.ArgumentParser) -> str:
    from django.core.management.base import BaseCommand

    common = {
        action.dest for action in BaseCommand().create_parser("manage.py", "")._actions
    }  # which every command of Django has
    rows = [
        (_how(action), _cell(action.help or "")) for action in parser._actions if action.dest not in common
    ]
    return _table(("Option", "Means"), rows) if rows else "It takes no options of its own."


def _how(action: argparse.Action) -> str:
    """Return how an argument is written: `--limit N`, `PATH`; and that it must be, where it must."""
    value = "" if action.nargs == 0 else _value(action)
    if not action.option_strings:
        return f"`{value}`" + (" (may be left out)" if action.nargs in ("?", "*") else "")
    words = ", ".join(f"`{name} {value}`" if value else f"`{name}`" for name in action.option_strings)
    return words + (" (needed)" if action.required else "")


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    metavar = action.metavar or action.dest.upper()
    return metavar if isinstance(metavar, str) else " ".join(metavar)


# --- The API ----------------------------------------------------------------------------------------------


def api_page() -> str:
    """Return the page of the API: every request with its fields, then every kind of thing that it speaks of."""
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    kinds = schema["components"]["schemas"]
    requests = [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    ]
    parts = [
        "# Every request and field of the API",
        MADE.format(source="the OpenAPI schema"),
        ABOUT_THE_API,
        "## Requests",
        *(part for request in requests for part in _request(*request)),
        "## Kinds of things",
        *(part for name, kind in sorted(kinds.items()) for part in _kind(name, kind)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _request(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield _sentence(operation.get("description", ""))
    if parameters := operation.get("parameters"):
        rows = [(f"`{each['name']}`", each["in"], _type(each["schema"]), _about(each)) for each in parameters]
        yield _table(("Parameter", "In", "Type", "Means"), rows)
    if body := operation.get("requestBody"):
        sent: dict[str, list[str]] = {}
        for media, content in body["content"].items():
            sent.setdefault(_type(content.get("schema", {})), []).append(f"`{media}`")
        yield "Sent: " + "; ".join(f"{kind}, as {' or '.join(media)}" for kind, media in sent.items()) + "."
    yield "Answers: " + "; ".join(_answer(*each) for each in sorted(operation["responses"].items())) + "."


def _answer(status: str, response: dict[str, Any]) -> str:
    kinds = sorted({_type(content.get("schema", {})) for content in response.get("content", {}).values()})
    return f"{status}, {' or '.join(kinds)}" if kinds else f"{status}, without a body"


def _kind(name: str, kind: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield _sentence(kind.get("description", "")) if "enum" not in kind else ""
    if "enum" in kind:
        yield "One of " + ", ".join(f"`{value}`" for value in kind["enum"]) + "."
    needed = kind.get("required", [])
    rows = [
        (f"`{field}`", _type(each), "yes" if field in needed else "", _about(each))
        for field, each in kind.get("properties", {}).items()
    ]
    if rows:
        yield _table(("Field", "Type", "Required", "Means"), rows)


def _type(schema: dict[str, Any]) -> str:
    """Return what a field holds, with a link where that has a section of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            found = " or ".join(dict.fromkeys(map(_type, schema[several])))
            return found + ("?" if schema.get("nullable") else "")
    kind = schema.get("type", "anything")
    if kind == "array":
        kind = f"list of {_type(schema['items'])}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        kind = f"object of {_type(schema['additionalProperties'])}"
    elif schema.get("enum"):
        kind = ", ".join(f"`{value}`" for value in schema["enum"])
    elif schema.get("format"):
        kind = f"{kind} ({schema['format']})"
    return f"{kind}?" if schema.get("nullable") else kind


def _about(schema: dict[str, Any]) -> str:
    """Return what is said of a field, and between which bounds it lies."""
    said = [str(schema.get("description", ""))] if "enum" not in schema else []
    limits = (
        ("at least", "minimum"),
        ("at most", "maximum"),
        ("letters at most", "maxLength"),
        ("items at most", "maxItems"),
    )
    inner = schema.get("schema", schema)
    said += [f"{words} {inner[name]:g}" for words, name in limits if name in inner]
    if "default" in inner:
        said.append(f"without it `{inner['default']}`")
    return _cell("; ".join(filter(None, said)))


# --- Markdown ---------------------------------------------------------------------------------------------


def _sentence(text: str | None) -> str:
    return " ".join(str(text or "").split())


def _cell(text: str) -> str:
    return _sentence(text).replace("|", "\\|").replace("<", "&lt;")


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
