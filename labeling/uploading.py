"""Pictures that come through the browser or the API, from a collection's owner or the staff."""

from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied as ApiPermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import flood
from accounts.http import AuthenticatedApiRequest, AuthenticatedRequest
from accounts.models import User
from labeling.archives import ArchiveError, is_archive, printable, unpack
from labeling.forms import PicturesForm
from labeling.intake import IncomingPicture, Outcome, Status, as_incoming, take_in
from labeling.models import Collection
from labeling.pictures import MAX_BYTES
from labeling.serializers import IntakeSerializer, PicturesSerializer

NOT_YOURS = "Only the owner of a collection and the staff add pictures to it."


def may_add_pictures(user: User, collection: Collection) -> bool:
    return user.is_staff or (user.pk is not None and collection.owner_id == user.pk)


def receive(collection: Collection, files: Iterable[UploadedFile], **about: str) -> dict[str, Any]:
    """Take in what was sent, and say what became of each file and of each file within an archive."""
    folder = about.pop("folder", "")
    outcomes = list(take_in(collection, _incoming(files, folder), **_with_source(about)))
    return {"files": outcomes, "counts": _counts(outcomes)}


def _with_source(about: dict[str, str]) -> dict[str, Any]:
    return {**about, "source": about.get("source") or "uploaded"}


def _mib(files: Iterable[UploadedFile]) -> int:
    """Return how much was sent, each file rounded up."""
    return sum(max(1, ceil((upload.size or 0) / 2**20)) for upload in files)


def _counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    counts = Counter(outcome.status for outcome in outcomes)
    return {f"n_{status.value}": counts[status] for status in Status}


def _incoming(files: Iterable[UploadedFile], folder: str) -> Iterator[IncomingPicture]:
    for upload in files:
        name = printable(upload.name or "")
        if not is_archive(upload):
            yield IncomingPicture(name, upload.read(MAX_BYTES + 1), folder=folder)
            continue
        try:
            yield from as_incoming(unpack(upload), within=f"{name}/", folder=folder)
        except ArchiveError as error:
            yield IncomingPicture(name, None, refusal=str(error))


class PicturesView(APIView):
    """Pictures for a collection."""

    permission_classes = [IsAuthenticated]
    parser_classes = [MultiPartParser]

    @extend_schema(request=PicturesSerializer, responses=IntakeSerializer)
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Take in one or many pictures, or archives of them (ZIP, TAR), sent as `files` of a multipart form.

        The answer says of each whether it was added, was there already, or was refused and why; the others go in.
        Sending a file again does no harm.
        """
        collection = get_object_or_404(Collection, slug=slug)
        if not may_add_pictures(request.user, collection):
            raise ApiPermissionDenied(NOT_YOURS)
        sent = PicturesSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        flood.spend(request, "pictures", _mib(sent.validated_data["files"]))
        return Response(IntakeSerializer(receive(collection, **sent.validated_data)).data)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pictures_page(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """A place to drop pictures; upload.js sends them one by one, and without it a form sends them all."""
    collection = get_object_or_404(Collection, slug=slug)
    if not may_add_pictures(request.user, collection):
        raise PermissionDenied(NOT_YOURS)
    form = PicturesForm(request.POST or None, request.FILES or None, collection=collection)
    context: dict[str, Any] = {
        "collection": collection,
        "form": form,
        "n_pictures": collection.n_pictures,
    }
    if form.is_valid():
        flood.spend(request, "pictures", _mib(form.cleaned_data["files"]))
        context["report"] = receive(collection, **form.cleaned_data)
        context["n_pictures"] = collection.n_pictures
    context["url"] = reverse("collection-pictures", args=[collection.slug])
    return render(request, "labeling/pictures.html", context)
