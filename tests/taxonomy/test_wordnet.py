import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.records import ExternalId, Lemma, SynsetFileError, SynsetRecord
from taxonomy.wordnet import choose, read_wordnet

LICENCE = "  1 This software and database is being provided to you  \n  2 WordNet 3.0 Copyright 2006  \n"
ENTITY = "00000001 03 n 01 entity 0 002 ~ 00000002 n 0000 ~ 00000003 n 0000 | that which is  \n"
ANIMAL = "00000002 05 n 02 animal 0 beast 1 001 @ 00000001 n 0000 | a living thing  \n"
CITY = "00000003 15 n 01 city 0 001 @ 00000001 n 0000 | a large town  \n"
DOG = "00000004 05 n 02 dog 0 Canis_familiaris a 002 @ 00000002 n 0000 + 00000009 v 0101 | barks; `a|b'  \n"
ROME = "00000005 15 n 01 Rome 0 001 @i 00000003 n 0000 | capital of Italy  \n"
PERSON = "00000006 18 n 01 dog(p) 1 001 @ 00000001 n 0000 | a dull person  \n"
NOUNS = ENTITY + ANIMAL + CITY + DOG + ROME + PERSON
INDEX = """\
animal n 1 1 @ 1 1 00000002
beast n 1 1 @ 1 0 00000002
canis_familiaris n 1 1 @ 1 0 00000004
city n 1 1 @ 1 1 00000003
dog n 2 2 @ + 2 1 00000004 00000006
entity n 1 0 1 1 00000001
rome n 1 1 @i 1 0 00000005
"""
# Debian's package wordnet-base; WordNet's own figures are in its page wnstats(7WN).
REAL = Path("/usr/share/wordnet")
needs_wordnet = pytest.mark.skipif(not (REAL / "data.noun").exists(), reason="WordNet is not installed")


@pytest.fixture
def read(tmp_path):
    def read_files(nouns=NOUNS, index=INDEX, licence=LICENCE, version=None):
        (tmp_path / "data.noun").write_text(licence + nouns, encoding="utf-8")
        (tmp_path / "index.noun").write_text(licence + index, encoding="utf-8")
        return read_wordnet(tmp_path, version)

    return read_files


@pytest.fixture
def nouns(read):
    return {record.wnid: record for record in read().records}


@pytest.fixture(scope="module")
def real():
    return read_wordnet(REAL)


def names(records):
    return [record.name for record in records]


def test_a_line_is_a_noun_with_its_words_hypernyms_and_gloss(nouns):
    assert nouns["n00000002"] == SynsetRecord(
        "n00000002",
        (Lemma("animal", 1, "animal%1:05:00::"), Lemma("beast", 1, "beast%1:05:01::")),
        ("n00000001",),
        "a living thing",
        external_ids=(ExternalId("wordnet", "3.0", "00000002-n"),),
    )


def test_nouns_keep_the_order_of_the_file(read):
    assert names(read().records) == ["entity", "animal", "city", "dog", "Rome", "dog"]


def test_the_licence_says_the_version(read):
    assert read().version == "3.0"


def test_underscores_are_spaces_but_in_keys(nouns):
    # lex_id is hexadecimal in data.noun and decimal in a key; a key is in lower case.
    assert nouns["n00000004"].lemmas[1] == Lemma("Canis familiaris", 1, "canis_familiaris%1:05:10::")


def test_a_sense_is_the_rank_in_the_index(nouns):
    assert [nouns[wnid].lemmas[0].sense for wnid in ("n00000004", "n00000006")] == [1, 2]


def test_a_syntactic_marker_is_no_part_of_the_word(nouns):
    assert nouns["n00000006"].lemmas == (Lemma("dog", 2, "dog%1:18:01::"),)


def test_an_instance_has_no_hypernym(nouns):
    assert (nouns["n00000005"].hypernyms, nouns["n00000005"].instance_of) == ((), ("n00000003",))


def test_a_pointer_to_a_verb_is_no_hypernym(nouns):
    assert nouns["n00000004"].hypernyms == ("n00000002",)


def test_a_gloss_may_have_a_bar(nouns):
    assert nouns["n00000004"].gloss == "barks; `a|b'"


def test_windows_line_ends_do_not_count(read, tmp_path):
    expected = read()
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert read_wordnet(tmp_path) == expected


def test_without_a_version_in_the_licence_it_has_to_be_said(read):
    assert read(licence="  1 Free \n", version="2.1").version == "2.1"

    with pytest.raises(SynsetFileError, match=r"data.noun: expected .*'WordNet 3.0 Copyright'; found none"):
        read(licence="  1 Free \n")


@pytest.mark.parametrize("name", ["data.noun", "index.noun"])
def test_a_missing_file_is_refused(read, tmp_path, name):
    read()
    (tmp_path / name).unlink()

    with pytest.raises(SynsetFileError, match=rf"{name}: expected a file of WordNet's database; found none"):
        read_wordnet(tmp_path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("3 15 n 01 city 0 000 | a large town\n", "expected an offset of 8 digits, .*; found '3 15 n"),
        ("00000003 15 v 01 city 0 000 | a large town\n", "expected an offset"),
        ("00000003 15 n 01 city 0 000 a large town\n", r"and \| gloss; found '00000003"),
        ("\n00000003", "line 6: expected an offset"),
        ("00000003 15 n 00 000 | a large town\n", "expected at least 1 words"),
        (
            "00000003 15 n 02 city 0 000 | a large town\n",
            "expected 2 words, each with .*; found 'city 0 000'",
        ),
        ("00000003 15 n 01 city g 000 | a large town\n", "expected 1 words, each with .*; found 'city g'"),
        ("00000003 15 n 01 city 0 | a large town\n", "expected a count of pointers of 3 digits .*; found ''"),
        (
            "00000003 15 n 01 city 0 1 | a large town\n",
            "expected a count of pointers of 3 digits .*; found '1'",
        ),
        (CITY.replace("001", "002"), "expected 2 pointers of 4 fields before the gloss; found 4 fields"),
        (CITY.replace("@ 00000001 n", "@ 1 n"), "expected a pointer such as .*; found '@ 1 n 0000'"),
        (CITY.replace("@ 00000001", "@ 00000007"), "expected pointers to nouns of this file; found 00000007"),
        (CITY.replace("city", "town"), "expected a sense 00000003 of 'town' in index.noun; found no sense"),
        (CITY.replace("city", "Dog"), "expected .* 'dog' in index.noun; found 00000004, 00000006"),
        (CITY + CITY, "line 6: expected each offset once; found 00000003 again"),
    ],
)
def test_a_bad_line_is_refused_with_its_file_and_number(read, line, why):
    assert read(NOUNS.replace(CITY, CITY))

    with pytest.raises(SynsetFileError, match=f"data.noun, line [56]: .*{why}|data.noun, {why}"):
        read(NOUNS.replace(CITY, line))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("city\n", "expected a word, n, its counts .*; found 'city'"),
        ("city v 1 1 @ 1 1 00000003\n", "expected a word, n, its counts"),
        ("city n 2 1 @ 1 1 00000003\n", "expected 2 offsets of 8 digits; found '00000003'"),
        ("city n 1 1 @ 1 1 3\n", "expected 1 offsets of 8 digits; found '3'"),
    ],
)
def test_a_bad_line_of_the_index_is_refused(read, line, why):
    city = "city n 1 1 @ 1 1 00000003\n"
    assert read(index=INDEX.replace(city, city))

    with pytest.raises(SynsetFileError, match=f"index.noun, line 6: {why}"):
        read(index=INDEX.replace(city, line))


def test_bytes_that_are_no_text_are_refused(read, tmp_path):
    read()
    path = tmp_path / "data.noun"
    path.write_bytes(path.read_bytes().replace(b"barks", b"b\xffrks"))

    with pytest.raises(SynsetFileError, match=r"data.noun, line 6: expected UTF-8 text; found b'\\xffrks"):
        read_wordnet(tmp_path)


@given(st.integers(0, len(LICENCE + ENTITY + ANIMAL)))
def test_a_file_that_was_cut_off_is_refused(tmp_path_factory, end):
    folder = tmp_path_factory.mktemp("cut")
    (folder / "index.noun").write_text(INDEX, encoding="utf-8")
    (folder / "data.noun").write_text((LICENCE + NOUNS)[:end], encoding="utf-8")

    with pytest.raises(SynsetFileError, match=r"data\.noun.*: expected .*; found "):
        read_wordnet(folder)


@pytest.mark.parametrize("name", ["animal", "beast", "animal.n.01", "Beast.n.1", "n00000002"])
def test_what_lies_under_a_noun_is_kept_with_all_above_it(read, name):
    assert names(choose(read().records, name)) == ["entity", "animal", "dog"]


def test_a_word_is_its_commonest_sense(read):
    assert [record.wnid for record in choose(read().records, "dog")][-1] == "n00000004"
    assert [record.wnid for record in choose(read().records, "dog.n.02")][-1] == "n00000006"


def test_a_name_of_two_words_may_have_an_underscore(read):
    assert choose(read().records, "canis_familiaris") == choose(read().records, "Canis familiaris.n.01")


def test_an_instance_lies_under_its_city(read):
    assert names(choose(read().records, "city")) == ["entity", "city", "Rome"]


@pytest.mark.parametrize(
    ("under", "depth", "n"),
    [("entity", 0, 1), ("entity", 1, 4), ("entity", 2, 6), (None, 1, 4), (None, None, 6)],
)
def test_depth_counts_steps_from_the_noun_or_from_the_roots(read, under, depth, n):
    assert len(choose(read().records, under, depth)) == n


def test_a_second_parent_comes_along():
    word = (Lemma("word", 1),)
    records = [
        SynsetRecord("n00000001", word, (), ""),
        SynsetRecord("n00000002", word, (), ""),
        SynsetRecord("n00000003", word, ("n00000001", "n00000002"), ""),
        SynsetRecord("n00000004", word, (), "", is_retired=True, becomes="n00000002"),
    ]

    assert choose(records, "n00000001") == records[:3]
    assert choose(records, "n00000004") == [records[1], records[3]]


@pytest.mark.parametrize("name", ["cat", "dog.n.03", "n00000009", "", "dog.v.01"])
def test_a_noun_that_is_not_there_is_refused(read, name):
    with pytest.raises(SynsetFileError, match=f"Expected the name of one of these nouns.*; found '{name}'"):
        choose(read().records, name)


def test_a_negative_depth_is_refused(read):
    with pytest.raises(SynsetFileError, match="Expected a depth of 0 or more; found -1"):
        choose(read().records, None, -1)


@needs_wordnet
def test_all_of_wordnet_is_read(real):
    instances = [record for record in real.records if record.instance_of]
    words = [lemma for record in real.records for lemma in record.lemmas]

    assert real.version == "3.0"
    assert len(real.records) == 82_115
    assert len(words) == 146_347
    assert len(instances) == 7_730
    assert sum(lemma.text.lower() == "head" for lemma in words) == 33


@needs_wordnet
def test_a_dog_of_wordnet_has_two_parents(real):
    dog = next(record for record in real.records if record.wnid == "n02084071")

    assert dog.hypernyms == ("n02083346", "n01317541")
    assert dog.lemmas == (
        Lemma("dog", 1, "dog%1:05:00::"),
        Lemma("domestic dog", 1, "domestic_dog%1:05:00::"),
        Lemma("Canis familiaris", 1, "canis_familiaris%1:05:00::"),
    )
    assert dog.external_ids == (ExternalId("wordnet", "3.0", "02084071-n"),)


@needs_wordnet
def test_a_key_of_wordnet_means_one_noun(real):
    nouns = {(lemma.key, record.wnid) for record in real.records for lemma in record.lemmas}

    assert len({key for key, _ in nouns}) == len(nouns)


@needs_wordnet
def test_what_is_chosen_of_wordnet_lacks_no_hypernym(real):
    chosen = choose(real.records, "dog.n.01", 1)
    wnids = {record.wnid for record in chosen}

    assert {"n02084071", "n00001740", "n02110341"} <= wnids  # dog, entity, dalmatian
    assert all({*record.hypernyms, *record.instance_of} <= wnids for record in chosen)


@needs_wordnet
def test_wordnet_is_read_in_seconds():
    started = time.process_time()

    read_wordnet(REAL)

    assert time.process_time() - started < 20  # about 3 on one core; the bound is for slow machines
