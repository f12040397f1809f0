"""The storage that only code reads: manifests, weights and submissions. Pictures have the default one. And that of
the site's own files, which are named by what is in them.
"""

from django.conf import settings
from django.core.files.storage import Storage, storages
from whitenoise.storage import CompressedManifestStaticFilesStorage


def private_storage() -> Storage:
    """Return it. A function, so that migrations name it and not where its files lie."""
    return storages["private"]


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Names each file by a digest of it, also where one of our modules imports another: all may be kept for ever."""

    # Django can do so for every script there is; but some that others wrote import what they do not bring.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        *(
            (path.name, ((r"""(?P<matched>from "(?P<url>\./[^"]+)";)""", 'from "%(url)s";'),))
            for path in sorted(settings.BASE_DIR.glob("static/*.js"))
        ),
    )
