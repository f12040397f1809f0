"""What every request meets."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.cache import patch_vary_headers
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from accounts.flood import FloodError

Respond = Callable[[HttpRequest], HttpResponse]


def refuse_nul(get_response: Respond) -> Respond:
    """Refuse addresses with a NUL character: no name has one, and PostgreSQL cannot look it up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or any(
            "\0" in value for values in request.GET.lists() for value in values[1]
        ):
            return JsonResponse({"detail": _("Expected an address without NUL characters.")}, status=400)
        return get_response(request)

    return middleware


class CompressPages(GZipMiddleware):
    """Send pages and their parts compressed to whoever takes that. What else there is, is compressed already or says
    how long it is, so that a download can go on where it broke off.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or response.get("Content-Type", "").partition(";")[0] != "text/html":
            return response
        return super().process_response(request, response)


def vary_by_language(get_response: Respond) -> Respond:
    """Tell caches that an answer depends on the language, which a cookie chooses or else the browser. What is public
    to every cache, as pictures are, holds no words of ours and is the same in all of them.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if "public" in response.get("Cache-Control", ""):
            del response["Content-Language"]
            others = [each for each in response.get("Vary", "").split(", ") if each != "Accept-Language"]
            del response["Vary"]
            if others:
                response["Vary"] = ", ".join(others)
        else:
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return middleware


class RefuseLarge:
    """Refuse a request that says it is too large before anything reads it: the check against forgeries would. No
    server reads more of a request than it says there is.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._refusal(request, settings.UPLOAD_MAX_MIB) or self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Some addresses take less."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        return self._refusal(request, settings.UPLOAD_MAX_MIB_OF.get(name, settings.UPLOAD_MAX_MIB))

    def _refusal(self, request: HttpRequest, most_mib: int) -> HttpResponse | None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) <= most_mib * 2**20:
            return None
        why = _("Expected at most %(most)s MiB; found %(found)s MiB.") % {
            "most": number_format(most_mib, force_grouping=True),
            "found": number_format(int(length) / 2**20, 1, force_grouping=True),
        }
        return JsonResponse({"detail": why}, status=413)


def sign_in_on_a_whole_page(get_response: Respond) -> Respond:
    """Where a part of a page asks for something after the sign-in ran out, lead the whole page to the sign-in and
    back; otherwise the sign-in form would appear inside the part.
    """
    sign_in = reverse_lazy(settings.LOGIN_URL)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
        if not htmx or not response.get("Location", "").startswith(f"{sign_in}?"):
            return response
        return HttpResponseClientRedirect(
            f"{sign_in}?{urlencode({'next': htmx.current_url_abs_path or '/'})}"
        )

    return middleware


class RefuseFloods:
    """Say on a page of its own when to come back, where a view finds that somebody does too much."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, FloodError):
            return None
        response = render(request, "429.html", {"error": error}, status=error.status_code)
        response["Retry-After"] = str(error.wait)
        return response
