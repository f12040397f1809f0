"""A contest's starter kit, for anybody."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from competition.kit import current_kit
from competition.models import Contest
from config.storage import private_storage
from datasets.formats.virtual import Stored
from datasets.publishing import AtWorkError
from datasets.ranges import ranged_response

ZIP, RETRY_AFTER_S = "application/zip", 30


@require_safe
def starter_kit(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The kit, or any range of it. Where the store of files can send it itself, its address there."""
    contest = get_object_or_404(Contest.objects.select_related("snapshot__collection"), slug=slug)
    try:
        kit = current_kit(contest)
    except AtWorkError:
        text = gettext("The files of its snapshot are being made. Try again in a minute.")
        headers = {"Retry-After": RETRY_AFTER_S}
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8", headers=headers)
    filename = f"{slug}-kit.zip"
    if settings.SIGNED_DOWNLOADS:
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        how = {"ResponseContentType": ZIP, "ResponseContentDisposition": disposition}
        return redirect(private_storage().url(kit.name, parameters=how))  # type: ignore[call-arg]  # S3 alone has it
    file = kit.open()
    return ranged_response(
        request,
        Stored(file, kit.n_bytes),
        content_type=ZIP,
        etag=f'"{kit.digest[:32]}"',
        filename=filename,
        close=file.close,
    )
