"""The site's server with its own files as a deployed one has them: collected, named by their content, compressed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

# What others bring for pages of theirs, and is large.
LEFT_OUT = ["admin", "drf_spectacular_sidecar", "rest_framework", "ext"]


@contextmanager
def deployed(folder: Path) -> Iterator[LiveServer]:
    """Run the site with its files collected into this folder, of which WhiteNoise alone sends them."""
    files = {"staticfiles": {"BACKEND": "config.storage.StaticStorage"}}
    with override_settings(
        STATIC_ROOT=folder,
        STORAGES=settings.STORAGES | files,
        WHITENOISE_AUTOREFRESH=False,
        WHITENOISE_USE_FINDERS=False,
    ):
        call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=LEFT_OUT)
        server = LiveServer("localhost", start=False)
        # Django's own handler would send them as they lie in the code.
        server.thread.static_handler = lambda site: site
        server.start()
        yield server
        server.stop()
