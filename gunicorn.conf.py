"""How gunicorn runs the site, beside its command line. It reads this file where it is started."""

from pathlib import Path
from typing import Any

from config import settings
from operations import multiprocess
from operations.logs import formatters

# One format of log lines everywhere. It has no access log: operations.tracing logs each request.
logconfig_dict = {
    "formatters": formatters(settings.LOG_FORMAT),
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": settings.LOG_LEVEL},
    "loggers": {"gunicorn.error": {"level": settings.LOG_LEVEL, "propagate": True}},
}


def on_starting(_server: Any) -> None:
    """Forget the counts of processes that are gone for long."""
    multiprocess.forget_old(Path(settings.METRICS_DIR))
