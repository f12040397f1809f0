"""Pictures that come through the browser or the API, from a collection's owner or the staff."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied as ApiPermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest, AuthenticatedRequest
from accounts.models import User
from labeling import receiving
from labeling.archives import printable
from labeling.forms import PicturesForm
from labeling.intake import Outcome, Status, take_in
from labeling.models import Collection, Intake
from labeling.owning import OwnerRequest
from labeling.serializers import (
    IntakeNoteSerializer,
    IntakeReportSerializer,
    IntakeSerializer,
    OutcomesSerializer,
    PicturesSerializer,
)
from labeling.tasks import take_in_waiting

NOT_YOURS = "Only the owner of a collection and the staff add pictures to it."
A_PAGE = 20  # earlier uploads
NOTES_PAGE = 100


def may_add_pictures(user: User, collection: Collection) -> bool:
    return user.is_staff or (user.pk is not None and collection.owner_id == user.pk)


def receive(
    collection: Collection, sender: User, files: Sequence[UploadedFile], folder: str = "", **about: Any
) -> Intake | dict[str, Any]:
    """Take in a few pictures and say what became of each; leave many, and archives, to a worker."""
    about["source"] = about.get("source") or "uploaded"
    if receiving.is_small(files):
        sent = ((printable(file.name or ""), file) for file in files)
        outcomes = list(take_in(collection, receiving.as_sent(sent, folder), **about))
        return {"files": outcomes, "counts": _counts(outcomes)}
    intake = receiving.receive(collection, files, sender, folder=folder, **about)
    # The row is kept whatever becomes of the message: a sweep finds it.
    transaction.on_commit(take_in_waiting.delay, robust=True)
    intake.refresh_from_db()
    return intake


def _mib(files: Iterable[UploadedFile]) -> int:
    """Return how much was sent, each file rounded up."""
    return sum(max(1, ceil((upload.size or 0) / 2**20)) for upload in files)


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    counts = Counter(outcome.status for outcome in outcomes)
    return {f"n_{status.value}": counts[status] for status in Status}


# --- The API ---------------------------------------------------------------------------------------------------


class PicturesView(APIView):
    """Pictures for a collection."""

    permission_classes = [IsAuthenticated]
    parser_classes = [MultiPartParser]

    @extend_schema(
        request=PicturesSerializer, responses={200: OutcomesSerializer, 202: IntakeReportSerializer}
    )
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Take in one or many pictures, or archives of them (ZIP, TAR), sent as `files` of a multipart form.

        Up to 20 pictures of together 50 MiB are checked at once: the answer, 200, says of each whether it was added,
        was there already, or was refused and why; the others go in. Archives and whatever is more are stored for a
        worker: the answer, 202, is their intake, whose `url` says how far it is. Sending a file again does no harm.
        """
        collection = get_object_or_404(Collection, slug=slug)
        if not may_add_pictures(request.user, collection):
            raise ApiPermissionDenied(NOT_YOURS)
        sent = PicturesSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        flood.spend(request, "pictures", _mib(sent.validated_data["files"]))
        found = receive(collection, request.user, **sent.validated_data)
        if not isinstance(found, Intake):
            return Response(OutcomesSerializer(found).data)
        data = IntakeReportSerializer(found).data
        return Response(data, status=202, headers={"Location": data["url"]})


class IntakeViewSet(ReadOnlyModelViewSet[Intake]):
    """Uploads that a worker takes in, of collections that you may edit: how far each is, and what it refused."""

    queryset = Intake.objects.none()  # for the schema
    permission_classes = [IsAuthenticated]

    def get_queryset(self) -> QuerySet[Intake]:
        return Intake.objects.seen_by(self.request.user).select_related("collection")

    def get_serializer_class(self) -> type[IntakeSerializer]:
        return IntakeSerializer if self.action == "list" else IntakeReportSerializer

    @extend_schema(responses=IntakeNoteSerializer(many=True))
    @action(detail=True)
    def files(self, request: Request, pk: str) -> Response:
        """The files that were refused or look like other pictures, a page at a time, in their order."""
        notes: Any = self.paginate_queryset(self.get_object().notes.all())  # type: ignore[arg-type]
        return self.get_paginated_response(IntakeNoteSerializer(notes, many=True).data)


# --- Pages -----------------------------------------------------------------------------------------------------


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pictures_page(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A place to drop pictures; upload.js sends them one by one, and without it a form sends them all."""
    collection = get_object_or_404(Collection, slug=slug)
    if not may_add_pictures(request.user, collection):
        raise PermissionDenied(NOT_YOURS)
    form = PicturesForm(request.POST or None, request.FILES or None, collection=collection)
    context: dict[str, Any] = {"collection": collection, "form": form}
    if form.is_valid():
        flood.spend(request, "pictures", _mib(form.cleaned_data["files"]))
        found = receive(collection, request.user, **form.cleaned_data)
        if isinstance(found, Intake):
            return redirect(found)
        context["report"] = found
    context |= {
        "n_pictures": collection.n_pictures,
        "url": reverse("collection-pictures", args=[collection.slug]),
        "most_mib": settings.UPLOAD_MAX_MIB,
        "page": Paginator(collection.intakes.select_related("collection"), A_PAGE).get_page(
            request.GET.get("page")
        ),
    }
    return render(request, "labeling/pictures.html", context)


@never_cache
@login_required
@require_safe
def intake_page(request: OwnerRequest, slug: str, pk: int) -> HttpResponse:
    """How far one upload is, and what became of its files; htmx asks for the part that changes."""
    intakes = Intake.objects.seen_by(request.user).select_related("collection", "sender")
    intake = get_object_or_404(intakes, pk=pk, collection__slug=slug)
    page = Paginator(intake.notes.all(), NOTES_PAGE).get_page(request.GET.get("page"))
    context = {"intake": intake, "collection": intake.collection, "page": page}
    return render(request, "labeling/_intake.html" if request.htmx else "labeling/intake.html", context)
