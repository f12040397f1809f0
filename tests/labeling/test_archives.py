"""What is taken from a folder, a ZIP and a TAR, and beside it what is refused."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from labeling import archives
from labeling.archives import ArchiveError, Entry, is_archive, read_entries, unpack

PICTURE = b"a picture, as far as an archive knows"


def zipped(members: dict[str, bytes], mode: int = 0, **options) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data, options.get("compression"))
    return file.getvalue()


def tarred(members: dict[str, bytes], packing: str = "", **fields) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{packing}") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def read(data: bytes) -> list[Entry]:
    return list(unpack(io.BytesIO(data)))


def refusals(entries: list[Entry]) -> dict[str, str]:
    return {entry.name: entry.why for entry in entries if entry.data is None}


def taken(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries if entry.data is not None]


ARCHIVES = [
    zipped,
    tarred,
    pytest.param(lambda members: tarred(members, "gz"), id="tar.gz"),
    pytest.param(lambda members: tarred(members, "bz2"), id="tar.bz2"),
    pytest.param(lambda members: tarred(members, "xz"), id="tar.xz"),
]


# What is taken


@pytest.mark.parametrize("pack", ARCHIVES)
def test_files_are_given_in_the_order_of_the_archive(pack):
    data = pack({"b/2.jpg": PICTURE, "a.jpg": PICTURE + b"!"})

    assert read(data) == [Entry("b/2.jpg", PICTURE), Entry("a.jpg", PICTURE + b"!")]


def test_a_folders_files_come_by_name_and_before_those_of_folders_in_it(tmp_path):
    for name in ("a/z.jpg", "a/b/1.jpg", "c.jpg", "b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PICTURE)

    assert taken(list(read_entries(tmp_path))) == ["b.jpg", "c.jpg", "a/z.jpg", "a/b/1.jpg"]


def test_an_archive_is_known_by_how_it_begins_and_not_by_its_name(tmp_path):
    (tmp_path / "photos").write_bytes(tarred({"a.jpg": PICTURE}, "gz"))

    assert taken(list(read_entries(tmp_path / "photos"))) == ["a.jpg"]


@pytest.mark.parametrize("pack", ARCHIVES)
def test_what_systems_leave_behind_is_passed_over(pack):
    junk = dict.fromkeys(("__MACOSX/a.jpg", "x/.DS_Store", "Thumbs.db", "x/._a.jpg"), PICTURE)

    assert [entry.name for entry in read(pack({**junk, "x/a.jpg": PICTURE}))] == ["x/a.jpg"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_empty_archive_has_no_files(pack):
    assert read(pack({})) == []


def test_a_picture_is_no_archive():
    assert not is_archive(io.BytesIO(PICTURE))
    assert is_archive(io.BytesIO(zipped({"a.jpg": PICTURE})))


# What is refused


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "..\\a.jpg"])
def test_a_path_that_climbs_is_refused_and_the_others_are_given(pack, name):
    entries = read(pack({name: PICTURE, "a..jpg": PICTURE}))

    assert refusals(entries) == {name: "Expected a path within the archive; found one that climbs out of it."}
    assert taken(entries) == ["a..jpg"]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("name", ["/etc/a.jpg", "C:\\a.jpg", "\\\\server\\a.jpg"])
def test_a_path_from_the_root_is_refused(pack, name):
    assert refusals(read(pack({name: PICTURE}))) == {
        name: "Expected a path within the archive; found one from the root of a disk."
    }


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device, a pipe or a file with holes"),
        (tarfile.FIFOTYPE, "a device, a pipe or a file with holes"),
    ],
)
def test_a_link_or_a_device_in_a_tar_is_refused(kind, found):
    assert refusals(read(tarred({"a.jpg": b""}, type=kind, linkname="/etc/passwd"))) == {
        "a.jpg": f"Expected a file; found {found}."
    }


@pytest.mark.parametrize(
    ("kind", "found"), [(stat.S_IFLNK, "a symbolic link"), (stat.S_IFIFO, "a device or a pipe")]
)
def test_a_link_or_a_pipe_in_a_zip_is_refused_and_a_file_is_not(kind, found):
    assert taken(read(zipped({"a.jpg": b"/etc/passwd"}, mode=stat.S_IFREG | 0o644))) == ["a.jpg"]
    assert refusals(read(zipped({"a.jpg": b"/etc/passwd"}, mode=kind | 0o777))) == {
        "a.jpg": f"Expected a file; found {found}."
    }


def test_links_and_pipes_in_a_folder_are_refused_and_never_followed(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")

    entries = list(read_entries(tmp_path))

    assert taken(entries) == ["a.jpg"]
    assert refusals(entries) == {
        "b.jpg": "Expected a file; found a symbolic link.",
        "loop": "Expected a file; found a symbolic link.",
        "pipe.jpg": "Expected a file; found a device or a pipe.",
    }


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(PICTURE)

    def forbid(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbid)

    [why] = refusals(list(read_entries(tmp_path))).values()
    assert why.startswith("Expected a whole file; found one that cannot be read (")


@pytest.mark.parametrize("pack", ARCHIVES)
def test_a_member_one_byte_too_large_is_refused_unread(pack, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)

    entries = read(pack({"a.jpg": b"a" * 1001, "b.jpg": b"b" * 1000}))

    assert refusals(entries) == {"a.jpg": "Expected at most 0 MiB; found 0.0 MiB."}
    assert taken(entries) == ["b.jpg"]


def test_a_file_one_byte_too_large_is_refused_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    (tmp_path / "a.jpg").write_bytes(b"a" * 1001)
    (tmp_path / "b.jpg").write_bytes(b"b" * 1000)

    assert taken(list(read_entries(tmp_path))) == ["b.jpg"]


def test_a_zip_bomb_is_refused_unread_and_its_neighbour_is_given():
    data = zipped({"bomb.png": bytes(3 * 2**20), "a.jpg": PICTURE}, compression=zipfile.ZIP_DEFLATED)

    entries = read(data)

    assert taken(entries) == ["a.jpg"]
    assert "found a file that unpacks to 1," in refusals(entries)["bomb.png"]


def test_what_is_small_may_be_packed_as_well_as_it_can():
    data = zipped({"a.png": bytes(2**20)}, compression=zipfile.ZIP_DEFLATED)

    assert taken(read(data)) == ["a.png"]


def test_a_member_that_is_longer_than_it_declares_is_refused():
    declared, true = (len(PICTURE)).to_bytes(4, "little"), (9).to_bytes(4, "little")
    data = zipped({"a.jpg": PICTURE}).replace(declared + declared, declared + true)
    assert declared + true in data

    [why] = refusals(read(data)).values()

    assert why.startswith("Expected a whole file; found one that cannot be read")


def test_a_packed_tar_that_never_ends_is_left_when_it_has_become_too_much(monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)

    entries = read(tarred({"a.jpg": PICTURE, "bomb.png": bytes(30 * 2**20), "b.jpg": PICTURE}, "gz"))

    assert taken(entries) == ["a.jpg"]
    assert entries[-1].why == "Expected pictures; found what unpacks to over 100 times its size."


def test_a_note_of_a_tar_is_not_read_whole_whatever_it_declares():
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3 * 2**20
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(3 * 2**20)

    [entry] = read(data)

    assert "a name or note of many megabytes" in entry.why
    long_name = "a" * 300 + ".jpg"
    assert taken(read(tarred({long_name: PICTURE}))) == [long_name]


def test_an_encrypted_member_is_refused():
    data = bytearray(zipped({"a.jpg": PICTURE}))
    data[6] |= 1  # in the member's header,
    data[data.index(b"PK\1\2") + 8] |= 1  # and in the directory

    assert refusals(read(bytes(data))) == {
        "a.jpg": "Expected a file that anybody can read; found an encrypted one."
    }


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_damage_anywhere_is_a_refusal_and_never_another_error(pack):
    data = pack({"a.jpg": PICTURE, "b.jpg": PICTURE + b"!"})
    for place in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF

        with suppress(ArchiveError):
            assert all(entry.data is not None or entry.why for entry in read(bytes(damaged)))


@pytest.mark.parametrize("packing", ["", "gz"])
def test_of_half_a_tar_what_is_whole_is_given(packing):
    data = tarred({f"{i}.jpg": os.urandom(5000) for i in range(4)}, packing)

    entries = read(data[: len(data) // 2])

    assert taken(entries)[:1] == ["0.jpg"]
    assert len(refusals(entries)) == 1


def test_half_a_zip_is_refused():
    data = zipped({"a.jpg": PICTURE})

    with pytest.raises(ArchiveError, match="Expected a whole ZIP archive; found"):
        read(data[: len(data) // 2])


@pytest.mark.parametrize(
    "inner", [zipped({"b": b""}), tarred({"b": b""}), gzip.compress(b"b"), b"Rar!\x1a\x07\1\0"]
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_within_an_archive_is_not_opened(pack, inner):
    assert refusals(read(pack({"inner": inner}))) == {
        "inner": "Expected a picture; found an archive within. Unpack it, or take it in by itself."
    }


@pytest.mark.parametrize("name", ["nothing-here", "notes.txt"])
def test_what_is_neither_folder_nor_archive_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").write_text("buy milk")

    with pytest.raises(ArchiveError, match=f"{name}: expected a folder"):
        list(read_entries(Path(tmp_path / name)))
