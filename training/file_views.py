"""The files of a trained network, for anybody."""

import re
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.storage import private_storage
from datasets.formats.virtual import Stored
from datasets.ranges import ranged_response
from training.models import Run

MEDIA_TYPE = "application/octet-stream"


@require_safe
def weights(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The weights as safetensors; its metadata say of which network, classes and snapshot."""
    run = get_object_or_404(Run, pk=pk)
    return _send(request, run, run.weights, "safetensors")


@require_safe
def onnx(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The whole network as ONNX: pictures (batch, 3, size, size) from 0 to 1 in, logits and features out."""
    run = get_object_or_404(Run, pk=pk)
    return _send(request, run, run.onnx, "onnx")


def _send(request: HttpRequest, run: Run, kept: Any, ending: str) -> HttpResponseBase:
    if not kept:
        raise Http404(_("This run has no such file."))
    filename = f"{run.network}-run-{run.pk}.{ending}"
    if settings.SIGNED_DOWNLOADS:
        how = {
            "ResponseContentType": MEDIA_TYPE,
            "ResponseContentDisposition": content_disposition_header(as_attachment=True, filename=filename),
        }
        address = private_storage().url(kept.name, parameters=how)  # type: ignore[call-arg]  # S3 alone has it
        return redirect(str(address))
    try:
        file = private_storage().open(kept.name, "rb")
    except FileNotFoundError as error:
        raise Http404(_("This run has no such file.")) from error
    # Each training writes its file anew, under another name where the storage says so, and at another moment.
    etag = re.sub(
        r"[^\w.-]", "-", f"{kept.name}-{run.finished_at:%Y%m%dT%H%M%S%f}" if run.finished_at else kept.name
    )
    return ranged_response(
        request,
        Stored(file, file.size),  # type: ignore[arg-type]  # Django's File reads as a BinaryIO does
        content_type=MEDIA_TYPE,
        etag=f'"{etag}"',
        filename=filename,
        close=file.close,
    )
