import csv
import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.wordnet import HEADER, Lemma, SynsetFileError, SynsetRecord, parse_synsets, read_synsets

DOG = "n02084071,dog.1|domestic dog.1,n02083346 n01317541,a member of the genus Canis"
WORDS = st.text(string.ascii_letters + string.digits + "éß'-.,\" ", min_size=1).map(str.strip).filter(bool)
WNIDS = st.builds("{}{:08}".format, st.sampled_from("nvt"), st.integers(0, 99_999_999))
RECORDS = st.builds(
    SynsetRecord,
    WNIDS,
    st.lists(st.builds(Lemma, WORDS, st.integers(1, 99)), min_size=1, max_size=3).map(tuple),
    st.lists(WNIDS, max_size=3).map(tuple),
    WORDS,
)


def parse(*rows):
    return list(parse_synsets([",".join(HEADER), *rows]))


def write(records):
    """Write records as the file that the module describes."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(HEADER)
    for record in records:
        lemmas = "|".join(f"{lemma.text}.{lemma.sense}" for lemma in record.lemmas)
        rows.writerow([record.wnid, lemmas, " ".join(record.hypernyms), record.gloss])
    return file.getvalue().splitlines(keepends=True)


def test_a_row_is_a_noun_with_its_words_and_hypernyms():
    assert parse(DOG) == [
        SynsetRecord(
            "n02084071",
            (Lemma("dog", 1), Lemma("domestic dog", 1)),
            ("n02083346", "n01317541"),
            "a member of the genus Canis",
        )
    ]


def test_a_root_has_no_hypernyms():
    assert parse("n00001740,entity.1,,that which is")[0].hypernyms == ()


def test_a_file_of_a_header_alone_has_no_nouns():
    assert parse() == []


def test_a_word_may_have_dots_of_its_own():
    assert parse("n00000001,St. Bernard.2,,a dog")[0].lemmas == (Lemma("St. Bernard", 2),)


def test_spaces_around_a_cell_do_not_count():
    assert parse(" n00000001 , dog.1 | hound.1 , n00000002 , a dog ") == [
        SynsetRecord("n00000001", (Lemma("dog", 1), Lemma("hound", 1)), ("n00000002",), "a dog")
    ]


def test_a_file_is_read_as_utf_8(tmp_path):
    path = tmp_path / "nouns.csv"
    path.write_text(f"{','.join(HEADER)}\nn00000001,Bärenhund.1,,für Bären\n", encoding="utf-8")

    [record] = read_synsets(path)

    assert (record.lemmas[0].text, record.gloss) == ("Bärenhund", "für Bären")


@pytest.mark.parametrize("header", ["", "wnid,lemmas,gloss", "WNID,lemmas,hypernyms,gloss"])
def test_another_header_is_refused(header):
    with pytest.raises(SynsetFileError, match="Line 1: expected the header wnid,lemmas,hypernyms,gloss"):
        list(parse_synsets([header, DOG]))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("n00000001,dog.1,", "expected 4 columns; found 3"),
        ("n00000001,dog.1,,a dog,", "expected 4 columns; found 5"),
        ("", "expected 4 columns; found 0"),
        ("n0000001,dog.1,,a dog", "expected a wnid such as n02084071; found 'n0000001'"),
        ("n00000001,dog.1,animal,a dog", "expected a wnid such as n02084071; found 'animal'"),
        ("n00000001,dog,,a dog", "expected a lemma with its sense, such as dog.1; found 'dog'"),
        ("n00000001,dog.0,,a dog", "found 'dog.0'"),
        ("n00000001,dog.1|,,a dog", "found ''"),
        ("n00000001,.1,,a dog", "found '.1'"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row, why):
    assert parse(DOG, "n00000001,dog.1,,a dog")

    with pytest.raises(SynsetFileError, match=f"Line 3: .*{why}"):
        parse(DOG, row)


@given(st.lists(RECORDS, max_size=4))
def test_what_is_written_is_read_back(records):
    assert list(parse_synsets(write(records))) == records
