"""What the site's rows and servers say of it at this moment: gauges for Prometheus, and the page of operations.

Each scrape costs the same few queries, however much there is, and scrapes that come within seconds of each other
share what one of them has read.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_noop as _
from redis import RedisError

from competition.models import Submission
from datasets.models import Freezing
from labeling import progress
from labeling.models import Collection, Intake, Lease, Question, Refit
from operations import beats, queues
from training.models import Explanation, Run

KEPT, KEPT_S = "operations.figures", 5
LATEST = 100  # scored entries whose waiting is told
QUANTILES = (0.5, 0.95)


Values = dict[tuple[str, ...], float]


class Figure(NamedTuple):
    """One gauge: what it is called, what it is, what its labels are called, and its value by their values."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: Values

    @property
    def value(self) -> float:
        """Return the only value of a figure without labels."""
        return self.values[()]


def read() -> dict[str, Figure]:
    """Return every figure by its name, as read at most KEPT_S ago."""
    try:
        kept: list[tuple[Any, ...]] | None = cache.get(KEPT)
    except RedisError:
        kept = None
    if kept is None:
        kept = [tuple(figure) for figure in _figures()]
        _keep(kept)
    return {figure.name: figure for figure in (Figure(*parts) for parts in kept)}


def _keep(found: list[tuple[Any, ...]]) -> None:
    try:
        cache.set(KEPT, found, KEPT_S)
    except RedisError:
        return  # the next scrape reads anew


def _figures() -> Iterator[Figure]:
    yield from _of_labelling()
    yield from _of_waiting()
    yield _by_state("runs", _("Trainings by state."), Run.objects.all(), "status", Run.Status.values)
    states = Submission.Status.values
    yield _by_state("submissions", _("Entries by state."), Submission.objects.all(), "status", states)
    yield _waiting_for_scores()
    yield from _of_servers()


def _of_labelling() -> Iterator[Figure]:
    site = progress.of_site()
    yield _one("votes", _("Votes cast."), site["n_votes"])
    yield _one("questions_settled", _("Questions whose label stands."), site["n_settled"])
    yield _one("pictures", _("Pictures."), site["n_images"])
    yield _one("leases_open", _("Questions that are lent to volunteers."), Lease.objects.count())
    # By the index of the window that volunteers are asked from, which holds few of a large collection.
    open_of = dict(
        Question.objects.filter(open_places__gt=0).order_by().values_list("collection").annotate(n=Count("*"))
    )
    slugs = dict(Collection.objects.order_by().values_list("pk", "slug"))
    yield Figure(
        "questions_open",
        _("Questions that have a place for a volunteer now."),
        ("collection",),
        {(slug,): open_of.get(pk, 0) for pk, slug in slugs.items()},
    )


def _of_waiting() -> Iterator[Figure]:
    waiting: dict[str, QuerySet[Any]] = {
        "intake": Intake.objects.waiting(),
        "refit": Refit.objects.waiting(),
        "freezing": Freezing.objects.waiting(),
        "explanation": Explanation.objects.queued(),
    }
    yield Figure(
        "work_waiting",
        _("Rows that wait for a worker."),
        ("kind",),
        {(kind,): rows.count() for kind, rows in waiting.items()},
    )


def _by_state(name: str, told: str, rows: "QuerySet[Any]", field: str, states: "list[str]") -> Figure:
    counted = dict(rows.order_by().values_list(field).annotate(n=Count("*")))
    return Figure(name, told, ("state",), {(state,): counted.get(state, 0) for state in states})


def _waiting_for_scores() -> Figure:
    """From handing in to the scores; nothing while nobody has handed anything in."""
    spans = Submission.objects.scored().filter(ended_at__isnull=False, author__isnull=False)
    latest = spans.order_by("-pk").values_list("created_at", "ended_at")[:LATEST]
    seconds = [(ended - created).total_seconds() for created, ended in latest if ended]
    found = np.quantile(seconds, QUANTILES) if seconds else ()
    return Figure(
        "scoring_seconds",
        _("From handing in to the scores, in seconds, of the latest entries of people."),
        ("quantile",),
        {(str(q),): float(value) for q, value in zip(QUANTILES, found, strict=False)},
    )


def _of_servers() -> Iterator[Figure]:
    depths: Values = {(name,): depth for name, depth in queues.depths().items()}
    yield Figure("queue_messages", _("Messages that wait for a worker."), ("queue",), depths)
    try:
        heard = beats.heard()
    except RedisError:
        heard = []
    yield Figure(
        "heartbeat_age_seconds",
        _("Seconds since a worker, or beat, last said that it lives."),
        ("process", "queues"),
        {(beat.name, ",".join(beat.queues)): round(beat.age_s, 1) for beat in heard},
    )
    yield Figure("database_connections", _("Connections to the database."), ("state",), _connections())


def _connections() -> Values:
    if connection.vendor != "postgresql":  # a file has none
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'other') FROM pg_stat_activity WHERE datname = current_database()"
        )
        return {(state,): n for state, n in Counter(state for (state,) in cursor.fetchall()).items()}


def _one(name: str, told: str, value: float) -> Figure:
    return Figure(name, told, (), {(): value})
