"""What belongs to one request: its id goes into every line that is logged for it, here and in the tasks it sends."""

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from celery import signals, states
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject, empty

from operations import metrics

requests = logging.getLogger("nestwork.requests")
tasks = logging.getLogger("nestwork.tasks")

HEADER, HEADER_READ = "X-Request-ID", "HTTP_X_REQUEST_ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
FIELD = "request_id"  # in a task's message
UNROUTED = "none"  # the route of what no address is there for

# Empty outside requests and tasks.
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """Return the id of the request that this is done for; empty where it is for none."""
    return _request_id.get()


class TraceRequests:
    """Gives each request an id, which its answer tells, and logs one line for it.

    The id is the proxy's where one of ours stands before the site, so that its log and this one can be laid side by
    side. A visitor's own word for it is not taken: it could be that of somebody else's request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        # Whoever notes it, as accounts.audit does, reads it there.
        own = request.META[HEADER_READ] = _id_of(request)
        token = _request_id.set(own)
        try:
            response = self.get_response(request)
            response[HEADER] = current()
            self._tell(request, response.status_code, time.perf_counter() - start)
        finally:
            _request_id.reset(token)
        return response

    def _tell(self, request: HttpRequest, status: int, seconds: float) -> None:
        match = request.resolver_match
        route = (match.view_name or match.route) if match else UNROUTED
        method = request.method if request.method in METHODS else "other"
        metrics.count_request(method or "other", route, status, seconds)
        told = {
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "user": _user_id(request),
        }
        requests.info("%(method)s %(route)s %(status)d in %(ms).1f ms", told, extra={"told": told})


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _id_of(request: HttpRequest) -> str:
    said: str = request.META.get(HEADER_READ, "") if settings.N_PROXIES else ""
    return said if WELL_FORMED.fullmatch(said) else uuid4().hex


def _user_id(request: HttpRequest) -> int | None:
    """Return who asked, if anything wanted to know; looking it up for the log alone would cost queries."""
    user = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject) and user._wrapped is empty:
        return None
    found: int | None = getattr(user, "pk", None)
    return found


# --- Tasks --------------------------------------------------------------------------------------------------------


def listen() -> None:
    """Have messages carry the id of the request that sends them, and log one line for each task."""
    signals.setup_logging.connect(_keep_logging)
    signals.before_task_publish.connect(_send_id)
    signals.task_prerun.connect(_take_id)
    signals.task_postrun.connect(_tell_task)


def _keep_logging(**_signal: Any) -> None:
    """Have the log as the settings say. Where somebody listens to this signal, Celery sets up none of its own, whose
    level would be that of all lines.
    """


def _send_id(headers: dict[str, Any], **_signal: Any) -> None:
    headers.setdefault(FIELD, current())


def _take_id(task: Any, **_signal: Any) -> None:
    if task.request.is_eager:  # within the request that sends it
        return
    _request_id.set(task.request.get(FIELD) or "")
    task.request.started_s = time.perf_counter()


def _tell_task(task: Any, task_id: str, state: str | None, **_signal: Any) -> None:
    if task.request.is_eager:
        return
    seconds = time.perf_counter() - task.request.started_s
    metrics.count_task(task.name, state or "LOST", seconds)
    told = {"task": task.name, "task_id": task_id, "state": state, "ms": round(seconds * 1000, 1)}
    # Of what beat sends every few seconds nobody wants to read that it went well.
    level = logging.INFO if current() or state != states.SUCCESS else logging.DEBUG
    tasks.log(level, "%(task)s %(state)s in %(ms).1f ms", told, extra={"told": told})
    _request_id.set("")
