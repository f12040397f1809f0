"""manage.py ingest, as somebody at a terminal uses it."""

import csv
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Collection, Image, Question
from tests.factories import make_collection, make_photograph, make_picture, make_synset

pytestmark = pytest.mark.django_db


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 100) + b"IDAT"


BAD = {
    "corrupt.png": (make_picture(1)[:-30], "Expected a whole picture; found"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "found an SVG drawing"),
    "dot.png": (make_picture(1, (1, 1)), "Expected at least 4 pixels a side; found 1 x 1."),
    "huge.png": (png_header(50_000, 50_000), "Expected at most 50,000,000 pixels; found several times that."),
    "large.png": (png_header(12_000, 12_000), "Expected at most 50,000,000 pixels; found 12000 x 12000."),
    "notes.txt": (b"buy milk", "found bytes that begin b'buy milk'."),
}


@pytest.fixture
def collection() -> Collection:
    return make_collection()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two good pictures."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    (folder / "a.png").write_bytes(make_picture())
    (folder / "trip/b.jpg").write_bytes(make_picture(image_format="JPEG"))
    return folder


def ingest(path: Path, collection: Collection, *options: str, processes: int = 1) -> tuple[str, str]:
    """Run the command; return what it wrote to stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "ingest", str(path), "--collection", collection.slug, "--processes", str(processes), *options,
        stdout=out, stderr=err,
    )  # fmt: skip
    return out.getvalue(), err.getvalue()


def summary(out: str) -> str:
    return out.splitlines()[-1]


def packed_as_zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    return path


def packed_as_tar(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, ".")
    return path


def test_a_folder_goes_in_with_where_it_comes_from(folder, collection):
    out, err = ingest(folder, collection, "--source", "a trip", "--licence", "CC0", "--credit", "Ada")

    assert (
        summary(out)
        == "2 pictures added, 0 there already, 0 of the new ones near duplicates, 0 files refused."
    )
    assert err == ""
    assert set(Image.objects.values_list("source", "licence", "credit")) == {("a trip", "CC0", "Ada")}
    assert collection.questions.count() == 2


@pytest.mark.parametrize(("pack", "name"), [(packed_as_zip, "photos.zip"), (packed_as_tar, "photos.tar.gz")])
def test_an_archive_goes_in_and_gives_its_name_as_the_source(folder, collection, tmp_path, pack, name):
    out, _err = ingest(pack(folder, tmp_path / name), collection)

    assert summary(out).startswith("2 pictures added")
    assert set(Image.objects.values_list("source", flat=True)) == {name}


@pytest.mark.parametrize("processes", [1, 2])
def test_each_bad_file_is_refused_by_its_own_sentence_and_the_others_go_in(folder, collection, processes):
    for name, (data, _why) in BAD.items():
        (folder / name).write_bytes(data)
    (folder / "link.png").symlink_to("a.png")

    out, err = ingest(folder, collection, processes=processes)

    assert (
        summary(out)
        == "2 pictures added, 0 there already, 0 of the new ones near duplicates, 7 files refused."
    )
    said = dict(line.split(": ", 1) for line in err.splitlines())
    assert said.keys() == {*BAD, "link.png"}
    for name, (_data, why) in BAD.items():
        assert why in said[name]
    assert said["link.png"] == "Expected a file; found a symbolic link."


def test_running_it_again_goes_on_where_it_stopped(folder, collection):
    ingest(folder, collection)
    (folder / "c.png").write_bytes(make_picture())

    out, _err = ingest(folder, collection)

    assert summary(out).startswith("1 pictures added, 2 there already")
    assert Question.objects.count() == 3


def test_a_report_names_every_file(folder, collection, tmp_path):
    (folder / "notes.txt").write_text("buy milk")

    ingest(folder, collection, "--report", str(tmp_path / "report.csv"))

    with (tmp_path / "report.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.png": "added", "trip/b.jpg": "added", "notes.txt": "refused",
    }  # fmt: skip
    assert rows["notes.txt"]["reason"].startswith("Expected a JPEG")
    assert Image.objects.filter(sha256=rows["a.png"]["sha256"]).exists()


def test_near_duplicates_are_named(tmp_path, collection):
    (tmp_path / "1.jpg").write_bytes(make_photograph(1, (400, 300)))
    (tmp_path / "2.jpg").write_bytes(make_photograph(1, (300, 225)))

    out, _err = ingest(tmp_path, collection)

    first, second = Image.objects.order_by("pk").values_list("sha256", flat=True)
    assert f"1.jpg: looks like {second[:12]}\n2.jpg: looks like {first[:12]}\n" in out
    assert "2 of the new ones near duplicates" in summary(out)


def test_a_name_commands_no_terminal(tmp_path, collection):
    (tmp_path / "\x1b[2Jred.png").write_bytes(b"buy milk")

    _out, err = ingest(tmp_path, collection)

    assert err.startswith("?[2Jred.png: ")


class TestMetadata:
    @pytest.fixture
    def write(self, tmp_path):
        def write(content: str) -> str:
            (tmp_path / "known.csv").write_text(content)
            return str(tmp_path / "known.csv")

        return write

    def test_what_is_known_of_a_file_is_kept_and_the_rest_is_as_for_all(self, folder, collection, write):
        cat = collection.ordered_classes()[0]
        known = write(f"file,licence,label\ntrip/b.jpg,CC BY,{cat.wnid}\na.png,,\n")

        ingest(folder, collection, "--metadata", known, "--licence", "CC0")

        found = dict(Question.objects.values_list("image__licence", "truth"))
        assert found == {"CC BY": cat.pk, "CC0": None}

    def test_rows_for_files_that_are_not_there_are_counted(self, folder, collection, write):
        _out, err = ingest(folder, collection, "--metadata", write("file\na.png\nx.png\ny.png\n"))

        assert err == "2 rows of the metadata name files that are not there, the first in line 3: x.png\n"

    def test_a_label_that_is_no_noun_is_refused_with_its_line_and_nothing_goes_in(
        self, folder, collection, write
    ):
        with pytest.raises(CommandError, match="Metadata line 3: Expected the wnid, sense name or lemma"):
            ingest(folder, collection, "--metadata", write("file,label\na.png,cat\ntrip/b.jpg,unicorn\n"))

        assert not Image.objects.exists()

    def test_a_label_that_is_no_kind_of_the_root_is_refused(self, folder, collection, write):
        stone = make_synset("stone")

        with pytest.raises(CommandError, match=r"Metadata line 2: expected a kind of animal .*; found stone"):
            ingest(folder, collection, "--metadata", write(f"file,label\na.png,{stone.wnid}\n"))

    def test_an_unknown_column_is_refused(self, folder, collection, write):
        with pytest.raises(CommandError, match=r"known\.csv line 1: expected the columns file, source"):
            ingest(folder, collection, "--metadata", write("file,author\n"))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--processes", "0"), "--processes: expected 1 or more; found 0"),
        (("--licence", "x" * 101), "--licence: expected at most 100 characters; found 101"),
        (("--metadata", "nowhere.csv"), "nowhere.csv: expected a CSV file"),
    ],
)
def test_options_that_make_no_sense_are_refused(folder, collection, options, why):
    with pytest.raises(CommandError, match=why):
        ingest(folder, collection, *options)


def test_a_path_that_is_no_folder_and_no_archive_is_refused(folder, collection):
    with pytest.raises(CommandError, match="expected a folder, a ZIP or a TAR; found another kind of file"):
        ingest(folder / "a.png", collection)


def test_an_unknown_collection_is_refused(folder):
    with pytest.raises(CommandError, match="There is no collection 'nowhere'"):
        call_command("ingest", str(folder), "--collection", "nowhere")
