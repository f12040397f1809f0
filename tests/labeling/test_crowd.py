import csv
import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.crowd import CrowdFileError, CrowdVote, PictureArchive, TrueLabel, read_labels, read_votes

VOTES = "annotator,image,label\n7,24,cat\n8,24,dog\n"


@pytest.fixture
def write(tmp_path):
    """Write bytes or text into a file of this name and return its path."""

    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def zip_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def many_votes() -> bytes:
    return b"annotator,image,label\n" + b"".join(b"%d,%d,cat\n" % (i, i * 7919 % 1000) for i in range(5000))


# Labels and votes


def test_votes_are_read_in_their_order_with_their_lines(write):
    assert list(read_votes(write("votes.csv", VOTES))) == [
        CrowdVote(2, "7", "24", "cat"),
        CrowdVote(3, "8", "24", "dog"),
    ]


def test_labels_have_a_code_only_where_a_column_gives_one(write):
    bare, coded = write("a.csv", "image,label\n0,cat\n"), write("b.csv", "image,label,code\n0,cat,3\n")

    assert list(read_labels(bare)) == [TrueLabel(2, "0", "cat", "")]
    assert list(read_labels(coded)) == [TrueLabel(2, "0", "cat", "3")]


def test_the_columns_of_cifar_10h_are_understood(write):
    votes = write("votes.csv", "annotator_id,image_index,chosen_label,true_label\n0,24,5,6\n")
    labels = write("labels.csv", "image_index,true_label,true_name,noun\n0,3,cat,domestic_cat\n")

    assert list(read_votes(votes)) == [CrowdVote(2, "0", "24", "5")]
    assert list(read_labels(labels)) == [TrueLabel(2, "0", "cat", "3")]


def test_columns_may_come_in_any_order_and_cells_with_spaces(write):
    path = write("votes.csv", "label,annotator,image\n cat , 7 ,24\n")

    assert list(read_votes(path)) == [CrowdVote(2, "7", "24", "cat")]


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    path = write("votes.csv", b"\xef\xbb\xbf" + VOTES.encode())

    assert len(list(read_votes(path))) == 2


def test_a_compressed_file_reads_the_same(write):
    plain, packed = write("votes.csv", VOTES), write("votes.csv.gz", gzip.compress(VOTES.encode()))

    assert list(read_votes(packed)) == list(read_votes(plain))


def test_a_quoted_cell_of_two_lines_moves_the_count_of_lines(write):
    path = write("votes.csv", 'annotator,image,label\n7,24,"cat\nor dog"\n8,24,dog\n')

    assert [vote.line for vote in read_votes(path)] == [3, 4]


def test_a_file_streams(write):
    votes = read_votes(write("votes.csv", VOTES + "a broken row\n"))

    assert [next(votes).annotator, next(votes).annotator] == ["7", "8"]


@pytest.mark.parametrize(
    ("header", "found"), [("annotator,picture,label\n7,24,cat\n", "annotator,picture,label"), ("", "nothing")]
)
def test_a_wrong_header_is_refused_with_what_was_expected(write, header, found):
    path = write("votes.csv", header)

    with pytest.raises(CrowdFileError) as refusal:
        list(read_votes(path))

    assert "expected a column" in str(refusal.value)
    assert str(refusal.value).startswith("votes.csv line 1:")
    assert str(refusal.value).endswith(f"; found {found}.")


@pytest.mark.parametrize(("row", "n_columns"), [("8,24", 2), ("8,24,dog,really", 4), ("", 0)])
def test_a_row_of_another_length_is_refused_with_its_line(write, row, n_columns):
    path = write("votes.csv", f"annotator,image,label\n7,24,cat\n{row}\n")

    with pytest.raises(CrowdFileError, match=f"votes.csv line 3: expected 3 columns; found {n_columns}"):
        list(read_votes(path))


def test_bytes_that_are_no_text_are_refused(write):
    path = write("votes.csv", VOTES.encode() + b"9,\xff\xfe,cat\n")

    with pytest.raises(CrowdFileError, match="expected UTF-8 CSV to the end; found 'utf-8' codec"):
        list(read_votes(path))


def test_a_truncated_gzip_is_refused_after_the_rows_it_still_has(write):
    packed = gzip.compress(many_votes())
    votes = read_votes(write("votes.csv.gz", packed[: len(packed) // 2]))

    with pytest.raises(
        CrowdFileError, match=r"votes.csv.gz after line \d{3,}: expected UTF-8 CSV to the end"
    ):
        list(votes)


def test_a_file_that_only_says_it_is_gzip_is_refused(write):
    with pytest.raises(CrowdFileError, match="Not a gzipped file"):
        list(read_votes(write("votes.csv.gz", VOTES)))


def test_a_gzip_with_damage_inside_is_refused(write):
    packed = bytearray(gzip.compress(VOTES.encode()))
    packed[10] = 0xFF  # the first block says that it is of a kind that does not exist

    with pytest.raises(CrowdFileError, match=r"votes\.csv\.gz after line 0"):
        list(read_votes(write("votes.csv.gz", bytes(packed))))


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(*[st.text("ab,\"'\n é", min_size=1).filter(str.strip)] * 3), max_size=5))
def test_what_a_csv_writer_writes_is_read_back(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("annotator", "image", "label"), *rows])

    found = [(vote.annotator, vote.image, vote.label) for vote in read_votes(path)]

    assert found == [tuple(cell.strip() for cell in row) for row in rows]


# Pictures


@pytest.mark.parametrize("name", ["images/00024.jpg", "00024.jpg", "00024", "24"])
def test_a_picture_is_found_by_any_of_its_names(write, name):
    archive = PictureArchive(write("pictures.zip", zip_of(**{"images/00024.jpg": b"twenty-four"})))

    assert archive.read(name) == b"twenty-four"


def test_a_picture_that_is_not_there_is_a_key_error(write):
    archive = PictureArchive(write("pictures.zip", zip_of(**{"images/00024.jpg": b"twenty-four"})))

    with pytest.raises(KeyError):
        archive.read("25")


def test_a_folder_is_no_picture(write):
    archive = PictureArchive(write("pictures.zip", zip_of(**{"24/": b"", "images/00024.jpg": b"a picture"})))

    assert archive.read("24") == b"a picture"


def test_a_truncated_zip_is_refused(write):
    whole = zip_of(**{"a.jpg": bytes(range(256)) * 20})

    with pytest.raises(
        CrowdFileError, match=r"pictures\.zip: expected a whole zip archive; found File is not"
    ):
        PictureArchive(write("pictures.zip", whole[: len(whole) // 2]))


def damage(content: bytes) -> bytes:
    """Overwrite the middle of the first member."""
    return content[:50] + b"\xff" * 60 + content[110:]


def claim_encryption(content: bytes) -> bytes:
    directory = content.index(b"PK\x01\x02")
    return content[:6] + b"\x01" + content[7 : directory + 8] + b"\x01" + content[directory + 9 :]


def claim_an_unknown_compression(content: bytes) -> bytes:
    directory = content.index(b"PK\x01\x02")
    return content[:8] + b"\x61" + content[9 : directory + 10] + b"\x61" + content[directory + 11 :]


@pytest.mark.parametrize("spoil", [damage, claim_encryption, claim_an_unknown_compression])
def test_a_member_that_cannot_be_read_is_refused_by_its_name(write, spoil):
    whole = zip_of(**{"a.jpg": bytes(range(256)) * 20, "b.jpg": b"another"})
    archive = PictureArchive(write("pictures.zip", spoil(whole)))
    assert archive.read("b") == b"another"

    with pytest.raises(CrowdFileError, match=r"pictures.zip, a.jpg: expected a whole file; found"):
        archive.read("a")
