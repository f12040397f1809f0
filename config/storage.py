"""The storage that only code reads: manifests, weights and submissions. Pictures have the default one."""

from django.core.files.storage import Storage, storages


def private_storage() -> Storage:
    """Return it. A function, so that migrations name it and not where its files lie."""
    return storages["private"]
