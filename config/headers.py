"""What every answer tells the browser about itself: what it may load, run and use, and who may show it.

See docs/decisions/0028-what-browsers-may-do.md. No view has to remember any of it: what is no page is a file, and a
file may do nothing. A view that needs something else sets the header itself.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Respond = Callable[[HttpRequest], HttpResponse]


def policy(**directives: str) -> str:
    """Write a Content-Security-Policy down: policy(img_src="'self'") is "img-src 'self'"."""
    return "; ".join(f"{name.replace('_', '-')} {sources}".strip() for name, sources in directives.items())


# Nothing is loaded from anywhere that no directive names, and nothing inline is run or painted. A download that goes
# on to the store of files is a navigation, which no directive forbids; pictures are sent by the site itself.
PAGE = policy(
    default_src="'none'",
    script_src="'self'",
    style_src="'self'",
    img_src="'self' data: blob:",  # drawings that have no address, and a picture before it is sent
    connect_src="'self'",
    form_action="'self'",
    base_uri="'none'",
    frame_ancestors="'none'",
)
# Pictures, tables, archives, answers to programs: opened by themselves, they are shown without a script, a form or
# the site's cookies.
FILE = policy(default_src="'none'", frame_ancestors="'none'", sandbox="")
# Where a phone takes the picture to try, its own camera application does, which asks nobody.
UNUSED = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock",
    "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{feature}=()" for feature in UNUSED)


def guard(get_response: Respond) -> Respond:
    """Put these headers on every answer that has none of its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        media_type = response.get("Content-Type", "").partition(";")[0]
        response.setdefault("Content-Security-Policy", PAGE if media_type == "text/html" else FILE)
        response.setdefault("Permissions-Policy", PERMISSIONS)
        # Pictures are for everybody, notebooks and forums included; the rest is read by pages of this site alone.
        shown_by = "cross-origin" if media_type.startswith("image/") else "same-origin"
        response.setdefault("Cross-Origin-Resource-Policy", shown_by)
        return response

    return middleware
