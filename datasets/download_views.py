"""The files of a snapshot, for anybody."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from config.retelling import told
from config.storage import private_storage
from datasets import downloads
from datasets.models import Snapshot
from datasets.publishing import AtWorkError, current_edition
from datasets.ranges import ranged_response

RETRY_AFTER_S = 30


@require_safe
def file(request: HttpRequest, slug: str, number: int, name: str) -> HttpResponseBase:
    """A file of a snapshot, or any range of it. Where the store of files can send it itself, its address there."""
    snapshots = Snapshot.objects.select_related("collection")
    snapshot = get_object_or_404(snapshots, collection__slug=slug, number=number)

    def url_of(other: str) -> str:
        path = reverse("datasets:file", args=[slug, number, other]) if other else snapshot.get_absolute_url()
        return request.build_absolute_uri(path)

    try:
        body = downloads.body(current_edition(snapshot), name, url_of)
    except downloads.NoSuchFileError as error:
        raise Http404(told(error)) from error
    except AtWorkError:
        return _come_back()
    filename = f"{slug}-{number}-{name.rpartition('/')[2]}"
    if body.stored_as and settings.SIGNED_DOWNLOADS:
        body.close()
        return redirect(_signed(body, filename))
    return ranged_response(
        request,
        body,
        content_type=body.media_type,
        etag=f'"{body.etag}"',
        filename=filename,
        close=body.close,
    )


def _come_back() -> HttpResponse:
    text = gettext(
        "A picture was withdrawn a moment ago; the files without it are being made. Try again in a minute."
    )
    return HttpResponse(
        text, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": RETRY_AFTER_S}
    )


def _signed(body: downloads.Body, filename: str) -> str:
    """Return where the store of files sends a file itself, to whoever has this address within the hour."""
    how = {
        "ResponseContentType": body.media_type,
        "ResponseContentDisposition": content_disposition_header(as_attachment=True, filename=filename),
    }
    return str(private_storage().url(body.stored_as, parameters=how))  # type: ignore[call-arg]  # S3 alone has it
