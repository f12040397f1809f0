"""Files on S3; those in folders are tested with the whole backup."""

from django.core.files.base import ContentFile

from operations import stored_files
from operations.archive import DATABASE, Archive
from operations.backing_up import _Copying
from tests.config.test_storage import endpoint, storage

__all__ = ["endpoint", "storage"]  # fixtures


def test_files_on_s3_are_copied_where_they_are_new_or_have_changed(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_files, "STORAGES", {"private": "private"})
    monkeypatch.setattr(stored_files, "storage", lambda _what: storage)
    for left in [*stored_files.names("private")]:  # by other tests: all of a process have one S3
        storage.delete(left)
    storage.save("runs/1/weights", ContentFile(b"old"))
    storage.save("entry.csv", ContentFile(b"guesses"))
    archive = Archive(tmp_path)
    assert {*stored_files.names("private")} == {"runs/1/weights", "entry.csv"}

    assert back_up_files(archive) == 2
    assert back_up_files(archive) == 0
    stored_files.write("private", "runs/1/weights", ContentFile(b"new and longer"))
    assert back_up_files(archive) == 1

    kept = {file.name: file.sha256 for file in archive.backup().files()}
    assert archive.object(kept["runs/1/weights"]).read_bytes() == b"new and longer"


def back_up_files(archive):
    """Keep the files in another backup; return how many were copied."""
    copying = _Copying(archive)
    with archive.alone():
        folder = archive.begin()
        (folder / DATABASE).touch()
        archive.finish(folder, copying.copy().values())
    return copying.n_copied
