import pytest

from labeling.metadata import Known, MetadataError, read_metadata


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes) -> dict[str, Known]:
        path = tmp_path / "known.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_metadata(path)

    return read


def test_each_file_has_its_row_whatever_the_order_of_the_columns(read):
    known = read("label,file,licence,credit,source\ncat.n.01,a/b.jpg,CC0,Ada,a trip\n,c.jpg,,,\n")

    assert known == {
        "a/b.jpg": Known(2, "a trip", "CC0", "Ada", "cat.n.01"),
        "c.jpg": Known(3),
    }


def test_columns_beside_the_file_may_be_lacking(read):
    assert read("\ufefffile,credit\n./a.jpg, Ada \n\n") == {"a.jpg": Known(2, credit="Ada")}


def test_a_table_without_rows_knows_nothing(read):
    assert read("file\n") == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "known.csv line 1: expected a column file; found nothing."),
        ("licence,credit\n", "known.csv line 1: expected a column file; found licence,credit."),
        (
            "file,author\n",
            "known.csv line 1: expected the columns file, source, licence, credit, label, about; found 'author'.",
        ),
        ("file,credit,credit\n", "known.csv line 1: expected each column once; found credit twice."),
        ("file,credit\na.jpg\n", "known.csv line 2: expected 2 columns; found 1."),
        ("file,credit\n,Ada\n", "known.csv line 2: expected the path of a file; found an empty cell."),
        (
            "file\na.jpg\nb.jpg\na.jpg\n",
            "known.csv line 4: expected one row for each file; found a.jpg again, as in line 2.",
        ),
        (
            f"file,licence\na.jpg,{'x' * 101}\n",
            "known.csv line 2: expected a licence of at most 100 characters; found 101.",
        ),
        (
            "file,credit\na.jpg,A\0da\n",
            "known.csv line 2: expected a credit in words; found a NUL character.",
        ),
    ],
)
def test_a_bad_line_is_named(read, content, why):
    with pytest.raises(MetadataError) as refusal:
        read(content)

    assert str(refusal.value) == why


def test_what_is_no_text_is_refused(read):
    with pytest.raises(MetadataError, match="expected UTF-8 CSV to the end; found"):
        read(b"file\n\xff\xfe\n")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MetadataError, match=r"nowhere\.csv: expected a CSV file; found No such file"):
        read_metadata(tmp_path / "nowhere.csv")
