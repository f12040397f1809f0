"""Files as a browser or a program sends them."""

import io
import tarfile
import zipfile

from django.core.files.uploadedfile import SimpleUploadedFile

from labeling.models import Collection


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def send(client, collection: Collection, *files: SimpleUploadedFile, **about: str):
    """Send files to a collection through the API; return the response."""
    return client.post(f"/api/collections/{collection.slug}/pictures/", {"files": files, **about})


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()
