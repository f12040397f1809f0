"""What the processes of the site count as they go, for Prometheus: requests and tasks."""

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from operations import multiprocess

# Before the first of them is made.
values.ValueClass = values.MultiProcessValue(multiprocess.identity)

REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)
TASK_S = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200)

_own = CollectorRegistry()
REQUESTS = Counter("nestwork_requests", "Requests answered.", ["method", "route", "status"], registry=_own)
REQUEST_SECONDS = Histogram(
    "nestwork_request_seconds",
    "From reading a request to the beginning of its answer.",
    ["route"],
    buckets=REQUEST_S,
    registry=_own,
)
TASKS = Counter("nestwork_tasks", "Tasks ended, by how.", ["task", "state"], registry=_own)
TASK_SECONDS = Histogram("nestwork_task_seconds", "What tasks took.", ["task"], buckets=TASK_S, registry=_own)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method, route, status).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def count_task(task: str, state: str, seconds: float) -> None:
    TASKS.labels(task, state).inc()
    TASK_SECONDS.labels(task).observe(seconds)


def of_all_processes() -> CollectorRegistry:
    """Return what all processes that share the folder have counted."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry
