import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.files.base import ContentFile

from config.folders import FolderStorage
from labeling.keeping import check_and_keep
from tests.factories import make_picture

ROOM = 64 * 1024  # bytes of one file


@contextmanager
def a_full_disk() -> Iterator[None]:
    """Take what this process writes up to ROOM bytes of a file, as a disk that becomes full in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_a_full_disk_has_no_room_for_is_not_there(tmp_path):
    storage = FolderStorage(location=tmp_path)

    with a_full_disk(), pytest.raises(OSError) as refused:  # noqa: PT011
        storage.save("runs/1/weights", ContentFile(bytes(2 * ROOM)))

    assert refused.value.errno == errno.EFBIG
    assert files_below(tmp_path) == []


def test_what_was_there_outlives_a_full_disk_and_is_replaced_once_there_is_room(tmp_path):
    storage = FolderStorage(location=tmp_path, allow_overwrite=True)
    storage.save("runs/1/weights", ContentFile(b"old"))

    with a_full_disk(), pytest.raises(OSError):  # noqa: PT011
        storage.save("runs/1/weights", ContentFile(bytes(2 * ROOM)))

    assert (tmp_path / "runs/1/weights").read_bytes() == b"old"
    storage.save("runs/1/weights", ContentFile(b"new"))
    assert (tmp_path / "runs/1/weights").read_bytes() == b"new"
    assert len(files_below(tmp_path)) == 1


def test_a_picture_is_never_kept_in_part(tmp_path):
    storage = FolderStorage(location=tmp_path, allow_overwrite=True)
    picture = make_picture(size=(256, 256))  # of noise: 192 KiB
    assert len(picture) > 2 * ROOM

    with a_full_disk(), pytest.raises(OSError):  # noqa: PT011
        check_and_keep(picture, storage)
    assert files_below(tmp_path) == []

    kept = check_and_keep(picture, storage)
    assert storage.size(kept.file) == kept.n_bytes
