"""Files on S3, and a whole site whose files lie there; what can go wrong is tested with folders."""

import pytest
from django.core.files.base import ContentFile

from operations import stored_files
from operations.archive import DATABASE, Archive
from operations.backing_up import _Copying, back_up
from operations.restoring import restore
from tests.config.test_storage import KEYS, endpoint, storage
from tests.operations.test_backup import change_everything, file_digests, site, table_digests

__all__ = ["endpoint", "site", "storage"]  # fixtures


@pytest.fixture
def on_s3(storage, endpoint, settings):
    """Have the site keep its files on S3, as S3_BUCKET does."""
    where = {"bucket_name": storage.bucket_name, "endpoint_url": endpoint, **KEYS}
    settings.STORAGES = settings.STORAGES | {
        name: {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {**where, "location": what, "file_overwrite": True},
        }
        for what, name in stored_files.STORAGES.items()
    }
    for what in stored_files.STORAGES:
        for left in [*stored_files.names(what)]:  # by other tests: all of a process have one S3
            stored_files.storage(what).delete(left)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_s3", "site")
def test_a_whole_site_on_s3_comes_back_row_by_row_and_byte_by_byte(tmp_path):
    rows, files = table_digests(), file_digests()
    assert {what for what, _name in files} == {"pictures", "private"}
    back_up(tmp_path)
    change_everything()
    assert file_digests() != files

    restore(tmp_path, replace=True)

    assert table_digests() == rows
    assert file_digests() == files


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
