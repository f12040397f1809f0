import csv
import io
import shutil
import subprocess
import zipfile

import pytest

from datasets.formats import open_virtual
from datasets.formats.rows import Class
from tests.datasets.formats.making import CAT, TAXONOMY, Snapshot, jpeg, some_pictures, whole


def archive_of(snapshot, about=""):
    return open_virtual("folders.zip", snapshot.manifest, TAXONOMY, snapshot.open_picture, about)


def unzipped(snapshot, about=""):
    return zipfile.ZipFile(io.BytesIO(whole(archive_of(snapshot, about))))


def lines_of(archive, name):
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_each_picture_lies_in_the_folder_of_its_part_and_class(snapshot):
    archive = unzipped(snapshot)

    folders = {"n02121808": "n02121808-domestic-cat/", "n02084071": "n02084071-dog/", None: ""}
    for row in snapshot.rows:
        path = f"{row.split}/{folders[row.wnid]}{row.sha256}.jpg"
        assert archive.read(path) == snapshot.data[row.sha256]
    assert archive.testzip() is None


def test_the_manifest_inside_tells_of_each_picture_and_of_no_test_label(snapshot):
    archive = unzipped(snapshot)

    lines = lines_of(archive, "manifest.csv")

    told = {"label": "1", "wnid": "n02084071", "synset": "dog", "confidence": "0.98", "n_votes": "3"}
    dog = next(line for line in lines if line["synset"] == "dog")
    assert dog.items() >= told.items()
    assert [line["sha256"] for line in lines] == [row.sha256 for row in snapshot.rows]
    assert {line["path"] for line in lines} <= set(archive.namelist())
    tests = [line for line in lines if line["split"] == "test"]
    assert len(tests) == 3
    assert {line[name] for line in tests for name in told} == {""}


def test_it_says_the_classes_the_licences_and_what_it_is(snapshot):
    archive = unzipped(snapshot, about="Animals, snapshot 3")

    assert [line["wnid"] for line in lines_of(archive, "classes.csv")] == TAXONOMY["classes"]
    assert lines_of(archive, "classes.csv")[1]["gloss"] == TAXONOMY["nouns"]["n02084071"]["gloss"]
    assert lines_of(archive, "licences.csv") == [{"licence": "CC BY 4.0", "n_pictures": "12"}]
    assert archive.read("README.txt").startswith(b"Animals, snapshot 3\n\nWhat is in this archive\n")


def test_the_same_manifest_is_the_same_bytes(snapshot):
    assert whole(archive_of(snapshot)) == whole(archive_of(Snapshot(some_pictures())))


def test_groups_of_rows_make_no_difference(snapshot):
    assert whole(archive_of(snapshot)) == whole(archive_of(Snapshot(some_pictures(), rows_a_group=100)))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_range_is_that_slice_of_the_archive(snapshot, share):
    file = archive_of(snapshot)
    start = int(share * file.n_bytes)

    assert b"".join(file.read(start, start + 999)) == whole(file)[start : start + 999]


def test_a_range_within_one_picture_opens_that_one_alone(snapshot):
    file = archive_of(snapshot)
    data = snapshot.data[snapshot.rows[5].sha256]
    at = whole(file).index(data)
    snapshot.opened.clear()

    assert b"".join(file.read(at + 3, at + 9)) == data[3:9]
    assert snapshot.opened == [snapshot.rows[5].file_name]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_finds_no_fault(snapshot, tmp_path):
    path = tmp_path / "folders.zip"
    path.write_bytes(whole(archive_of(snapshot)))

    done = subprocess.run(["unzip", "-tq", path], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_snapshot_without_test_pictures_has_no_folder_for_them():
    archive = unzipped(Snapshot([(jpeg(1), "train", CAT)]))

    assert not [name for name in archive.namelist() if name.startswith(("test/", "val/"))]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("domestic cat", "n02121808-domestic-cat"),
        ("Chow/Chow: ../../etc", "n02121808-chow-chow-etc"),
        ("café au lait", "n02121808-cafe-au-lait"),
        ("猫", "n02121808"),
        ("a" * 39 + " bc", "n02121808-" + "a" * 39),
    ],
)
def test_a_folders_name_is_one_that_any_file_system_takes(name, folder):
    assert Class("n02121808", name, "").folder == folder
