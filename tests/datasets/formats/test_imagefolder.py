import io
import json
import zipfile

import pytest

from datasets.formats import open_virtual
from datasets.formats.imagefolder import class_names
from datasets.formats.rows import Class
from tests.datasets.formats.making import TAXONOMY, run_apart, whole

NAMES = {"train": "train", "val": "validation", "test": "test"}
LOAD = """
import json, sys, warnings
warnings.simplefilter("error")
from datasets import load_dataset
loaded = load_dataset("imagefolder", **json.loads(sys.argv[1]))
print(json.dumps({
    "features": {name: repr(split.features) for name, split in loaded.items()},
    "names": loaded["train"].features["label"].names,
    "rows": {name: [{**row, "image": row["image"].size} for row in split] for name, split in loaded.items()},
}))
"""


@pytest.fixture
def archives(snapshot, tmp_path):
    for name in NAMES.values():
        file = open_virtual(f"imagefolder/{name}.zip", snapshot.manifest, TAXONOMY, snapshot.open_picture)
        (tmp_path / f"{name}.zip").write_bytes(whole(file))
    return tmp_path


def check(loaded, snapshot):
    assert len(set(loaded["features"].values())) == 1
    assert loaded["names"] == ["domestic cat", "dog"]
    told = ("sha256", "label", "wnid", "synset", "confidence", "n_votes", "licence", "credit")
    for split, name in NAMES.items():
        expected = [{field: getattr(row, field) for field in told} for row in snapshot.of(split)]
        assert [{field: row[field] for field in told} for row in loaded["rows"][name]] == expected
        assert all(height == 8 for row in loaded["rows"][name] for _width, height in [row["image"]])


def test_hugging_face_loads_the_archives_with_the_same_features(archives, snapshot):
    options = {"data_files": {name: f"{name}.zip" for name in NAMES.values()}}

    loaded, _errors = run_apart(LOAD, json.dumps(options), folder=archives)

    check(loaded, snapshot)


def test_hugging_face_loads_them_unpacked_too(archives, snapshot):
    for name in NAMES.values():
        zipfile.ZipFile(archives / f"{name}.zip").extractall(archives / "unpacked" / name)

    loaded, _errors = run_apart(LOAD, json.dumps({"data_dir": "unpacked"}), folder=archives)

    check(loaded, snapshot)


def test_each_archive_has_the_pictures_of_its_split_alone(archives, snapshot):
    for split, name in NAMES.items():
        archive = zipfile.ZipFile(archives / f"{name}.zip")

        assert archive.testzip() is None
        pictures = {row.file_name: snapshot.data[row.sha256] for row in snapshot.of(split)}
        assert {
            each: archive.read(each) for each in archive.namelist() if each != "metadata.parquet"
        } == pictures


def test_the_same_manifest_is_the_same_bytes(snapshot):
    once, again = (
        whole(open_virtual("imagefolder/train.zip", snapshot.manifest, TAXONOMY, snapshot.open_picture))
        for _time in range(2)
    )

    assert once == again
    assert zipfile.ZipFile(io.BytesIO(once)).testzip() is None


def test_classes_of_the_same_name_are_told_apart():
    classes = [Class("n1", "crane", "a bird"), Class("n2", "crane", "a machine"), Class("n3", "dog", "")]

    assert class_names(classes) == ["crane (n1)", "crane (n2)", "dog"]
