"""How lines of the log look: as text to read, or as JSON, one object a line, to search."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

FORMATS = ("text", "json")


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return what logging.config reads. Every logger of every process writes to stderr in one format."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters(form),
        "filters": {"told once": {"()": "operations.logs.ToldOnce"}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["told once"]}
        },
        "root": {"handlers": ["console"], "level": level},
    }


def formatters(form: str) -> dict[str, Any]:
    return {"line": {"()": "operations.logs.JsonLines" if form == "json" else "operations.logs.TextLines"}}


def _request_id() -> str:
    # Late, since the settings name this module before Django has its apps.
    from operations import tracing

    return tracing.current()


class ToldOnce(logging.Filter):
    """Leaves out what others say of each request and task, which operations.tracing says in one line; not errors."""

    OTHERS = {"django.request", "celery.app.trace", "celery.worker.strategy"}

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or record.name not in self.OTHERS


class TextLines(logging.Formatter):
    """2026-05-01 12:00:00,123 INFO nestwork.requests: GET home 200 in 3.1 ms [request 5f0c...]"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line, request_id = super().formatMessage(record), _request_id()
        return f"{line} [request {request_id}]" if request_id else line


class JsonLines(logging.Formatter):
    """One object a line. What a line tells in fields is its record's `told`; an error has its traceback in one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if request_id := _request_id():
            line["request_id"] = request_id
        line |= getattr(record, "told", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
