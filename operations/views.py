"""What operators and their programs ask for."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.http import AuthenticatedRequest
from operations import checks, figures, metrics

SHOWN = 12  # values of one figure, the highest first
THIS_MACHINE = {"127.0.0.1", "::1"}


@require_safe
@never_cache
@login_required
def dashboard(request: AuthenticatedRequest) -> HttpResponse:
    """How the site is, for staff."""
    _refuse_others(request)
    return render(request, "operations/dashboard.html", _read())


@require_safe
@never_cache
@login_required
def live(request: AuthenticatedRequest) -> HttpResponse:
    """The figures of that page, which asks for them again and again."""
    _refuse_others(request)
    return render(request, "operations/_figures.html", _read())


@require_safe
@never_cache
@login_required
def findings(request: AuthenticatedRequest) -> HttpResponse:
    """What the doctor finds on this machine; it takes seconds, so the page asks for it when it is there."""
    _refuse_others(request)
    return render(request, "operations/_findings.html", {"findings": list(checks.examine())})


def _refuse_others(request: AuthenticatedRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied


def _read() -> dict[str, Any]:
    found = figures.read().values()
    several = [
        (figure, sorted(figure.values.items(), key=lambda value: -value[1]))
        for figure in found
        if figure.labels
    ]
    return {
        "single": [figure for figure in found if not figure.labels],
        "several": [(figure, values[:SHOWN], len(values) - SHOWN) for figure, values in several if values],
    }


@require_safe
@never_cache
def for_prometheus(request: HttpRequest) -> HttpResponse:
    """Tell what Prometheus scrapes; a 404 for whoever may not know."""
    if not _may_scrape(request):
        raise Http404
    registry = metrics.of_all_processes()
    registry.register(_Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return constant_time_compare(
            request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
        )
    # A proxy on this machine has its address too, and says for whom it asks.
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.META.get("REMOTE_ADDR") in THIS_MACHINE and not is_forwarded


class _Figures(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        for figure in figures.read().values():
            family = GaugeMetricFamily(f"nestwork_{figure.name}", figure.help, labels=figure.labels)
            for labels, value in figure.values.items():
                family.add_metric(labels, value)
            yield family
