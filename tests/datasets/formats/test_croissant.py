import hashlib
import json
import threading
from dataclasses import replace
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from datasets.formats import open_virtual
from datasets.formats.croissant import CroissantError, Description, File, croissant
from datasets.formats.rows import classes_of
from tests.datasets.formats.making import TAXONOMY, run_apart, whole

LOAD = """
import json, sys
import mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
issues = dataset.metadata.ctx.issues
def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return list(value.size) if hasattr(value, "size") and hasattr(value, "convert") else value
print(json.dumps({
    "issues": sorted(map(str, [*issues.errors, *issues.warnings])),
    "records": {
        name: [{key: plain(x) for key, x in record.items()} for record in dataset.records(name)]
        for name in sys.argv[2:]
    },
}, default=str))
"""


def file_of(name, data, media_type, base=""):
    return File(
        name, base + name, len(data), media_type, hashlib.sha256(data).hexdigest(), "It is for a test."
    )


def contents(snapshot):
    folders = open_virtual("folders.zip", snapshot.manifest, TAXONOMY, snapshot.open_picture)
    return {
        "manifest.parquet": (snapshot.manifest.getvalue(), "application/vnd.apache.parquet"),
        "manifest.csv": (b"sha256,split\n", "text/csv; charset=utf-8"),
        "folders.zip": (whole(folders), "application/zip"),
    }


def described(snapshot, base=""):
    return Description(
        name="Animals, snapshot 3",
        text="Pictures of animals that volunteers labelled.",
        url="https://nestwork.example/collections/animals/snapshots/3/",
        version="3.0.0",
        published_on=date(2026, 11, 26),
        licences=["https://creativecommons.org/licenses/by/4.0/"],
        citation="@misc{animals3, title={Animals, snapshot 3}}",
        creators=["The volunteers of Nestwork"],
        digest="cd" * 32,
        files=[file_of(name, data, kind, base) for name, (data, kind) in contents(snapshot).items()],
        classes=classes_of(TAXONOMY),
    )


@pytest.fixture
def folder(snapshot, tmp_path):
    """A folder with the snapshot's files."""
    for name, (data, _kind) in contents(snapshot).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def load(folder, description, *record_sets):
    (folder / "croissant.json").write_text(json.dumps(croissant(description)))
    return run_apart(LOAD, folder / "croissant.json", *record_sets, folder=folder)


def check_pictures(records, snapshot):
    told = ("sha256", "split", "label", "wnid", "synset", "confidence", "n_votes", "licence", "credit")
    expected = [{f"pictures/{name}": getattr(row, name) for name in told} for row in snapshot.rows]
    found = sorted(records, key=lambda record: record["pictures/sha256"])
    assert [{key: record[key] for key in expected[0]} for record in found] == expected
    assert all(record["pictures/image"][1] == 8 for record in records)


def test_mlcroissant_finds_no_fault_and_loads_each_record(snapshot, folder):
    loaded, errors = load(folder, described(snapshot), "splits", "classes", "pictures")

    assert loaded["issues"] == []
    assert "WARNING" not in errors
    assert [each["splits/name"] for each in loaded["records"]["splits"]] == ["train", "val", "test"]
    assert [each["classes/wnid"] for each in loaded["records"]["classes"]] == TAXONOMY["classes"]
    check_pictures(loaded["records"]["pictures"], snapshot)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


def test_mlcroissant_downloads_the_files_and_checks_their_sums(snapshot, folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            base = f"http://127.0.0.1:{server.server_port}/"
            loaded, _errors = load(folder, described(snapshot, base), "pictures")
        finally:
            server.shutdown()

    check_pictures(loaded["records"]["pictures"], snapshot)


def test_files_without_a_checksum_are_said_to_be_of_a_live_dataset(snapshot, folder):
    whole_ = described(snapshot)
    unsummed = replace(whole_, files=[replace(file, sha256=None) for file in whole_.files])

    loaded, errors = load(folder, unsummed, "pictures")

    assert "isLiveDataset" not in croissant(whole_)
    assert croissant(unsummed)["isLiveDataset"] is True
    assert loaded["issues"] == []
    assert "WARNING" not in errors
    check_pictures(loaded["records"]["pictures"], snapshot)


def test_without_the_pictures_archive_labels_are_loaded_alone(snapshot, folder):
    with_pictures = described(snapshot)
    without = replace(
        with_pictures, files=[file for file in with_pictures.files if file.name != "folders.zip"]
    )

    loaded, _errors = load(folder, without, "pictures")

    assert loaded["issues"] == []
    assert [each["pictures/label"] for each in loaded["records"]["pictures"]] == [
        row.label for row in snapshot.rows
    ]
    assert "pictures/image" not in loaded["records"]["pictures"][0]


def test_it_names_the_digest_and_the_files(snapshot):
    told = croissant(described(snapshot))

    assert told["identifier"] == "sha256:" + "cd" * 32
    manifest, csv = told["distribution"][:2]
    assert csv["encodingFormat"] == "text/csv"
    data = snapshot.manifest.getvalue()
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["contentSize"] == f"{len(data)} B"


def test_a_description_without_the_manifest_is_refused(snapshot):
    with pytest.raises(
        CroissantError, match=r"Expected manifest\.parquet and a class at least; found no file"
    ):
        croissant(replace(described(snapshot), files=[]))
