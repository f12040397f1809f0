"""Trying a network: anybody shows it a picture. Nothing is stored unless its sender wants that."""

import base64
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import flood
from accounts.models import Scope, User
from config.retelling import told
from labeling.intake import Status
from labeling.models import Collection
from labeling.uploading import may_add_pictures, receive
from training import trying
from training.asking import Bytes, NoNetworkError, network_of
from training.drawing import png
from training.models import Run
from training.packing import PackError, square
from training.try_forms import PictureForm, checked
from training.try_serializers import HeardSerializer, PictureSerializer

MOST_NETWORKS = 12
# Pictures that are given away from here may be used by anybody who names who gave them.
LICENCE = "CC BY 4.0"


@require_safe
def try_a_network(request: HttpRequest) -> HttpResponse:
    """The network that was trained last; where there is none, what will be here."""
    run = Run.objects.exclude(onnx="").order_by("-finished_at", "-pk").first()
    return redirect("training:try", run.pk) if run else render(request, "training/try_nothing.html")


# The check against forgeries reads the request, and would write large files to a disk: it has to wait until they are
# kept in memory.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def try_it(request: HttpRequest, pk: int) -> HttpResponse:
    """A place to show a picture to one network, and what that says of it."""
    if not trying.is_small_enough(request):
        return _page(request, _run(pk), error=_too_large(), status=413)
    trying.keep_in_memory(request)
    return _try_it(request, pk)


@csrf_protect
def _try_it(request: HttpRequest, pk: int) -> HttpResponse:
    run = _run(pk)
    if request.method == "POST":
        flood.spend(request, "tries")
        form = PictureForm(request.POST, request.FILES)
        if not form.is_valid():
            return _page(request, run, form=form, status=400)
        if form.cleaned_data["keep"]:
            _keep(request, run.snapshot.collection, form.cleaned_data["file"])
        return _page(request, run, pixels=square(form.cleaned_data["checked"].data, run.options.size_px))
    sha256 = request.GET.get("picture", "")
    return _page(request, run, sha256=sha256, pixels=_example(run, sha256) if sha256 else None)


def _run(pk: int) -> Run:
    return get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)


def _example(run: Run, sha256: str) -> Bytes:
    image = trying.example(run, sha256)
    if image is None:
        raise Http404(_("There is no such picture to try it on."))
    try:
        return trying.pixels_of(image, run.options.size_px)
    except (FileNotFoundError, PackError) as error:
        raise Http404(told(error)) from error


def _page(
    request: HttpRequest,
    run: Run,
    form: PictureForm | None = None,
    pixels: Bytes | None = None,
    sha256: str = "",
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "run": run,
        "form": form or PictureForm(),
        "error": error,
        "examples": trying.examples(run)[: trying.N_EXAMPLES],
        "others": _others(run),
        "sha256": sha256,
        "may_keep": _may_keep(request, run.snapshot.collection),
        "licence": LICENCE,
        "most_mib": trying.MOST_MIB,
    }
    try:
        asked = network_of(run)
    except NoNetworkError:
        return render(request, "training/try.html", {**context, "is_missing": True}, status=status)
    if pixels is not None:
        seen = base64.b64encode(png(pixels)).decode()
        context |= {"heard": trying.ask(run, asked, pixels), "seen": seen}
    return render(request, "training/try.html", context, status=status)


def _others(run: Run) -> Any:
    """Return other networks that can be asked, those of the same snapshot first."""
    there = Run.objects.exclude(onnx="").exclude(pk=run.pk).filter(snapshot=run.snapshot_id)
    return there.select_related("snapshot__collection")[:MOST_NETWORKS]


def _too_large() -> str:
    return _("Expected a picture of at most %(most)d MiB.") % {"most": trying.MOST_MIB}


def _may_keep(request: HttpRequest, collection: Collection) -> bool:
    user = request.user
    return isinstance(user, User) and not collection.is_verifying and may_add_pictures(user, collection)


def _keep(request: HttpRequest, collection: Collection, file: Any) -> None:
    """Add the picture to the collection, as its sender wishes, and say what became of it."""
    if not _may_keep(request, collection):
        messages.warning(request, _("This collection takes no pictures from you; it was not kept."))
        return
    flood.spend(request, "pictures")
    file.seek(0)
    with override(settings.LANGUAGE_CODE):  # it stays with the picture, for readers of every language
        credit = request.user.display_name  # type: ignore[union-attr]
    found = receive(
        collection,
        request.user,  # type: ignore[arg-type]  # _may_keep has looked
        [file],
        source="shown to a network",
        licence=LICENCE,
        credit=credit,
    )
    [outcome] = found["files"]  # type: ignore[index]  # one picture is taken in at once
    said = {
        Status.ADDED: _("The collection has it now, and people will be asked about it."),
        Status.THERE: _("The collection had this picture already."),
    }
    messages.info(request, said.get(outcome.status, outcome.why))


class TryView(APIView):
    """What a network says of a picture."""

    token_scope = Scope.READ
    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        trying.keep_in_memory(request)
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(request=PictureSerializer, responses=HeardSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Ask the network of a finished run about one picture, sent as `picture` of a multipart form. The picture is
        not stored. `tree` goes from nouns above most classes down to the likeliest class; `certain` is the noun of
        it that says most and is yet at least 95 % likely, null where there is none; `is_unfamiliar` says that the
        picture is unlike anything that the network was trained on, so that nothing else here means much.
        """
        if not trying.is_small_enough(request._request):
            return Response({"detail": _too_large()}, status=413)
        flood.spend(request, "tries")
        run = _run(pk)
        sent = PictureSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            picture = checked(sent.validated_data["picture"].read())
        except ValidationError as error:
            raise serializers.ValidationError({"picture": error.messages}, code="bad_picture") from error
        try:
            heard = trying.ask(run, network_of(run), square(picture.data, run.options.size_px))
        except NoNetworkError as error:
            raise NotFound(str(error)) from error
        return Response(HeardSerializer(heard, context={"run": run}).data)
