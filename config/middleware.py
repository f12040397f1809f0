"""What every request meets."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest


def refuse_nul(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse addresses with a NUL character: no name has one, and PostgreSQL cannot look it up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or any(
            "\0" in value for values in request.GET.lists() for value in values[1]
        ):
            return HttpResponseBadRequest(
                "Expected an address without NUL characters.", content_type="text/plain"
            )
        return get_response(request)

    return middleware
