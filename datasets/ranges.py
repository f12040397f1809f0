"""Any range of a file over HTTP, so that a download that broke off goes on. Source: RFC 9110, sections 13 and 14."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date

logger = logging.getLogger(__name__)
_ONE_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))[ \t]*", re.IGNORECASE)


class UnsatisfiableRangeError(ValueError):
    """The range that is asked for has no byte of the file."""


class Body(Protocol):
    @property
    def n_bytes(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class _Sending:
    """The bytes of an answer; a transfer that has to stop is logged, and the connection breaks off."""

    chunks: Iterator[bytes]
    filename: str
    close: Callable[[], object]

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.chunks
        except Exception:
            logger.exception("The download of %s stopped.", self.filename)
            raise


def byte_range(header: str, n_bytes: int) -> tuple[int, int]:
    """Return the start and the stop that a Range header asks for of a file of `n_bytes`.

    What is no range of bytes, or several ranges, asks for the whole file: RFC 9110 lets a server answer so.
    Raises UnsatisfiableRangeError.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if not match:
        return 0, n_bytes
    first, last, suffix = match.groups()
    start = max(0, n_bytes - int(suffix)) if suffix else int(first)
    stop = min(n_bytes, int(last) + 1) if last else n_bytes
    if last and int(last) < start:
        return 0, n_bytes
    if start >= n_bytes:
        raise UnsatisfiableRangeError(f"Expected a range within {n_bytes} bytes; found {header}.")
    return start, stop


def ranged_response(
    request: HttpRequest,
    body: Body,
    *,
    content_type: str,
    etag: str,
    filename: str,
    last_modified: datetime | None = None,
    close: Callable[[], object] = lambda: None,
) -> HttpResponseBase:
    """Answer GET or HEAD with `body`, or with that part of it that is asked for.

    etag: quoted and strong, so another one whenever a byte differs; close: called when the answer has been sent.
    """
    response = HttpResponse(content_type=content_type)
    response["ETag"], response["Accept-Ranges"] = etag, "bytes"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or ""
    if last_modified:
        response["Last-Modified"] = http_date(last_modified.timestamp())
    seconds = int(last_modified.timestamp()) if last_modified else None
    unsent = get_conditional_response(request, etag, seconds, response)
    if unsent is not None and unsent is not response:  # 304 or 412
        close()
        return unsent
    try:
        start, stop = _asked_for(request, response, body.n_bytes)
    except UnsatisfiableRangeError:
        close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{body.n_bytes}"})
    response["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        close()
        return response
    streamed = StreamingHttpResponse(
        _Sending(body.read(start, stop), filename, close), headers=dict(response.items())
    )
    if stop - start < body.n_bytes:
        streamed.status_code = 206
        streamed["Content-Range"] = f"bytes {start}-{stop - 1}/{body.n_bytes}"
    return streamed


def _asked_for(request: HttpRequest, response: HttpResponse, n_bytes: int) -> tuple[int, int]:
    """Return which bytes to send: a range is heeded by GET alone, and with If-Range only where that still holds."""
    header, if_range = request.headers.get("Range"), request.headers.get("If-Range")
    still_holds = if_range in (None, response["ETag"], response.get("Last-Modified"))
    if request.method != "GET" or header is None or not still_holds:
        return 0, n_bytes
    return byte_range(header, n_bytes)
