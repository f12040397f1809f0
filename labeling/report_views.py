"""Reporting a picture, and the queue in which its collection's owner decides."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import flood
from accounts.http import AuthenticatedRequest
from accounts.models import User
from labeling import reporting
from labeling.forms import ReportForm
from labeling.models import Collection, Image, Report

PICTURES = 20  # on one page of a queue
LATELY = 20  # withdrawn pictures that the queue offers to put back


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def report(request: HttpRequest, sha256: str) -> HttpResponse:
    """Say what is wrong with a picture. Whoever is not signed in becomes a guest, so that everybody can."""
    image = get_object_or_404(Image.objects.shown(), sha256=sha256)
    slug = request.GET.get("collection", "")
    collection = reporting.collection_of(image, slug)
    is_reported = Report.objects.open().filter(image=image, reporter=request.user.pk or 0).exists()
    form = ReportForm(request.POST or None)
    if collection is None or is_reported or not form.is_valid():
        context = {"image": image, "collection": collection, "is_reported": is_reported, "form": form}
        return render(request, "labeling/report.html", context)
    flood.spend(request, "reports" if request.user.is_authenticated else "guests")
    if not isinstance(request.user, User):
        login(request, User.objects.create_guest(), backend="django.contrib.auth.backends.ModelBackend")
    form.instance.image, form.instance.collection, form.instance.reporter = image, collection, request.user
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:
        messages.info(request, _("You have reported this picture already."))
    else:
        messages.success(request, _("Thank you. Whoever keeps this collection will look at the picture."))
    return redirect("labeling:about", image.sha256)


@require_safe
@never_cache
@login_required
def queue(request: AuthenticatedRequest, slug: str | None = None) -> HttpResponse:
    """Reported pictures: of one collection, for its owner and staff; without one, of all that one judges."""
    collection = get_object_or_404(Collection, slug=slug) if slug else None
    if collection and not (request.user.is_staff or collection.owner_id == request.user.pk):
        raise PermissionDenied
    page = Paginator(reporting.queue(request.user, collection), PICTURES).get_page(request.GET.get("page"))
    context = {
        "collection": collection,
        "page": page,
        "withdrawn": reporting.withdrawn_lately(request.user, collection)[:LATELY],
    }
    return render(request, "labeling/reports.html", context)


@require_POST
@login_required
def keep(request: AuthenticatedRequest, sha256: str) -> HttpResponse:
    decided = reporting.keep(get_object_or_404(Image, sha256=sha256), request.user)
    if not decided.n_reports:
        raise PermissionDenied
    messages.success(
        request,
        ngettext("Kept. %(n)s report is closed.", "Kept. %(n)s reports are closed.", decided.n_reports)
        % {"n": decided.n_reports},
    )
    return _back(request)


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, sha256: str) -> HttpResponse:
    try:
        decided = reporting.withdraw(get_object_or_404(Image, sha256=sha256), request.user)
    except reporting.NotYoursToDecideError as error:
        raise PermissionDenied from error
    messages.success(
        request,
        ngettext(
            "Withdrawn. %(n)s report is closed, and loans of the picture that ended: %(leases)s.",
            "Withdrawn. %(n)s reports are closed, and loans of the picture that ended: %(leases)s.",
            decided.n_reports,
        )
        % {"n": decided.n_reports, "leases": decided.n_leases},
    )
    return _back(request)


@require_POST
@login_required
def put_back(request: AuthenticatedRequest, sha256: str) -> HttpResponse:
    try:
        reporting.put_back(get_object_or_404(Image, sha256=sha256), request.user)
    except reporting.NotYoursToDecideError as error:
        raise PermissionDenied from error
    messages.success(request, _("Put back: it is shown again, and asked where it was still being asked."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Back to the queue that somebody decided in."""
    slug = request.POST.get("collection", "")
    if slug and Collection.objects.filter(slug=slug).exists():
        return redirect("labeling:reports", slug)
    return redirect("labeling:all-reports")
