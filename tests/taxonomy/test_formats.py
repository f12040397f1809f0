import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rdflib import OWL, RDF, SKOS, Graph, Literal, URIRef

from taxonomy import formats
from taxonomy.formats import FORMATS, format_of, parse_records, read_records, write_records
from taxonomy.formats.csv_file import HEADER, MORE
from taxonomy.formats.rdf import NOT_IN_XML
from taxonomy.formats.skos import hashed_wnid
from taxonomy.records import ExternalId, Lemma, SynsetFileError, SynsetRecord

NOUNS = Path(__file__).resolve().parent.parent.parent / "taxonomy" / "data" / "nouns.csv"
DOG = SynsetRecord(
    "n02084071",
    (Lemma("dog", 1, "dog%1:05:00::"), Lemma("domestic dog", 1)),
    ("n02083346", "n01317541"),
    "a member of the genus Canis",
    external_ids=(ExternalId("wordnet", "3.0", "02084071-n"), ExternalId("skos", "", "http://a.example/dog")),
)
ROME = SynsetRecord(
    "n08799123",
    (Lemma("Rome", 1),),
    (),
    "",
    instance_of=("n08524735",),
    is_imageable=False,
    sensitive_reason='contested, "so they say"',
    is_retired=True,
    becomes="n08524735",
)
ODD = SynsetRecord(
    "n00000001",
    (Lemma("a|b\\", 2, " x|y "), Lemma(' \r\n\u2028\x85\'""" ', 1), Lemma("dog.1", 1), Lemma("a|b\\", 1)),
    ("n00000002", "n00000001", "n00000002"),
    '\t"<&>]]>,; \U0001f415\ufdd0\x7f\n',
    instance_of=("n00000002",),
    sensitive_reason="\\n\\&\n",
    external_ids=(ExternalId("a:b", "\\", "c|d:e"), ExternalId("", "", ""), ExternalId("skos", "", "no URI")),
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
AWKWARD = st.text(st.sampled_from(" |\\.:&nr\n\r\t\",;'<>é1"))
ANY = TEXTS | AWKWARD
XML = ANY.map(lambda text: NOT_IN_XML.sub("", text))
WNIDS = st.builds("{}{:08}".format, st.sampled_from("nsv"), st.integers(0, 12) | st.integers(0, 99_999_999))
URIS = st.builds(
    "{}:{}".format, st.sampled_from(["http", "file", "urn", "a"]), st.text("/#?&a.é%:~@", max_size=8)
)


def records(texts):
    words = texts.filter(bool)
    return st.lists(
        st.builds(
            SynsetRecord,
            wnid=WNIDS,
            lemmas=st.lists(
                st.builds(Lemma, words, st.integers(1, 32_767), texts), min_size=1, max_size=3
            ).map(tuple),
            hypernyms=st.lists(WNIDS, max_size=3).map(tuple),
            gloss=texts,
            instance_of=st.lists(WNIDS, max_size=2).map(tuple),
            is_imageable=st.booleans(),
            sensitive_reason=texts,
            is_retired=st.booleans(),
            becomes=st.just("") | WNIDS,
            external_ids=st.lists(
                st.builds(ExternalId, texts, texts, texts)
                | st.builds(ExternalId, st.just("skos"), st.just(""), URIS | texts),
                max_size=3,
            ).map(tuple),
        ),
        max_size=4,
        unique_by=lambda record: record.wnid,
    )


def write(nouns, name):
    file = io.BytesIO()
    write_records(nouns, file, name)
    return file.getvalue()


def turtle(text):
    """Read Turtle of others."""
    return parse_records(f"@prefix skos: <{SKOS}> . @prefix : <http://a.example/> . {text}".encode(), "ttl")


def csv(*rows, more=""):
    return parse_records("\n".join([",".join(HEADER) + more, *rows]).encode(), "csv")


# Every format


@pytest.mark.parametrize("name", ["csv", "json", "ttl"])
@given(nouns=records(ANY))
@example(nouns=[])
@example(nouns=[DOG, ROME, ODD])
@settings(deadline=None)
def test_what_is_written_is_read_back_exactly(name, nouns):
    assert parse_records(write(nouns, name), name) == nouns


@given(records(XML))
@example([])
@example([DOG, ROME])
@settings(deadline=None)
def test_what_xml_can_hold_is_read_back_from_rdf_exactly(nouns):
    assert parse_records(write(nouns, "rdf"), "rdf") == nouns


def test_xml_cannot_hold_every_character_and_turtle_can():
    bell = SynsetRecord("n00000001", (Lemma("bell", 1),), (), "\a")
    assert parse_records(write([bell], "ttl"), "ttl") == [bell]

    with pytest.raises(
        SynsetFileError, match=r"n00000001: expected characters that XML can hold.* found '\\x07'"
    ):
        write([bell], "rdf")


@pytest.mark.parametrize("name", [*FORMATS, *(f"{name}.gz" for name in FORMATS)])
def test_a_file_is_read_by_the_ending_of_its_name(tmp_path, name):
    path = tmp_path / f"my.nouns.{name.upper()}"
    write_records(iter([DOG, ROME]), path, name)

    assert format_of(path) == name
    assert read_records(path) == [DOG, ROME]


@pytest.mark.parametrize("name", ["nouns.txt", "nouns", "nouns.gz", "csv", "nouns.csv.zip"])
def test_another_ending_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(write([DOG], "csv"))

    with pytest.raises(
        SynsetFileError, match=rf"ends in \.csv, \.json, \.ttl, \.rdf, .* and \.gz; found '{name}'"
    ):
        read_records(path)


def test_another_format_is_refused():
    with pytest.raises(SynsetFileError, match="found 'xml'"):
        write([DOG], "xml")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SynsetFileError, match=r"nouns\.csv: expected a file; found none"):
        read_records(tmp_path / "nouns.csv")


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_nouns_are_the_same_bytes(name):
    assert write([DOG, ROME], f"{name}.gz") == write([DOG, ROME], f"{name}.gz")


@pytest.mark.parametrize("data", [b"wnid", gzip.compress(b"wnid" * 9)[:-9]])
def test_what_is_not_packed_is_refused(data):
    with pytest.raises(SynsetFileError, match=r"Expected a file that gzip can unpack; found that .+\."):
        parse_records(data, "csv.gz")


@pytest.mark.parametrize(("most", "is_read"), [(43, True), (42, False)])
def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch, most, is_read):
    monkeypatch.setattr(formats, "MOST_BYTES", most)
    data = gzip.compress(b"wnid,lemmas,hypernyms,gloss\nn00000001,a.1,,")  # 43 bytes

    if is_read:
        assert parse_records(data, "csv.gz")
    else:
        with pytest.raises(SynsetFileError, match="Expected at most 42 bytes once unpacked; found more"):
            parse_records(data, "csv.gz")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"wnid": "dog"}, "expected a wnid such as n02084071; found 'dog'"),
        ({"hypernyms": ("n1",)}, "expected a wnid such as n02084071; found 'n1'"),
        ({"instance_of": ("",)}, "expected a wnid"),
        ({"becomes": "n٠٠٠٠٠٠٠١"}, "expected a wnid"),
        ({"lemmas": ()}, "expected at least one lemma; found none"),
        (
            {"lemmas": (Lemma("", 1),)},
            "expected a lemma with a text and a sense from 1 to 32,767; found '' with",
        ),
        ({"lemmas": (Lemma("dog", 0),)}, "expected a lemma .*; found 'dog' with sense 0"),
        ({"lemmas": (Lemma("dog", 32_768),)}, "expected a lemma"),
        ({"gloss": "\ud800"}, r"expected characters that UTF-8 and a database can hold; found '\\ud800'"),
        ({"sensitive_reason": "a\0"}, r"expected characters .*; found '\\x00'"),
    ],
)
def test_a_record_that_no_file_can_hold_is_not_written(name, change, why):
    fields = {"wnid": "n00000001", "lemmas": (Lemma("dog", 1),), "hypernyms": (), "gloss": ""}
    assert write([SynsetRecord(**fields)], name)

    with pytest.raises(SynsetFileError, match=f"{change.get('wnid', 'n00000001')}: {why}"):
        write([SynsetRecord(**fields | change)], name)


@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_noun_that_comes_twice_is_refused(name):
    twice = write([DOG, ROME], name).replace(ROME.wnid.encode(), DOG.wnid.encode())

    with pytest.raises(SynsetFileError, match=r"Expected each noun once; found n02084071 \(Rome\) again"):
        parse_records(twice, name)
    with pytest.raises(SynsetFileError, match=r"Expected each noun once; found n02084071 \(dog\) again"):
        write([DOG, DOG], name)


@pytest.mark.parametrize("name", ["csv", "json", "ttl"])
def test_bytes_that_are_no_text_are_refused_with_their_line(name):
    data = write([DOG], name)
    line = data[: data.index(b"a member")].count(b"\n") + 1

    with pytest.raises(SynsetFileError, match=rf"Line {line}: expected UTF-8 text; found b'\\xff member o'"):
        parse_records(data.replace(b"a member", b"\xff member"), name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_byte_order_mark_does_not_count(name):
    assert parse_records(b"\xef\xbb\xbf" + write([DOG], name), name) == [DOG]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("ignore:Parsing weird boolean")  # rdflib's word for it, before ours
@given(data=st.data())
@settings(deadline=None)
def test_a_damaged_file_is_read_or_refused_in_one_line_and_never_a_crash(name, data):
    good = write([DOG, ROME, SynsetRecord("n00000001", (Lemma('a"|', 1),), (), "")], name)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    noise = data.draw(
        st.sampled_from([b"", b'"', b"\\", b"<", b">", b"[", b"]", b"(", b"?a ", b"\\u", b"&x;", b"\xff"])
    )

    try:
        parse_records(good[:start] + noise + good[end:], name)
    except SynsetFileError as error:
        refusal = str(error)
    else:
        refusal = ""

    assert "\n" not in refusal


# CSV


def test_a_row_is_a_noun_with_its_words_and_hypernyms():
    row = "n02084071,dog.1|domestic dog.1,n02083346 n01317541,a member of the genus Canis"

    assert csv(row) == [
        SynsetRecord(
            "n02084071",
            (Lemma("dog", 1), Lemma("domestic dog", 1)),
            ("n02083346", "n01317541"),
            "a member of the genus Canis",
        )
    ]


def test_the_nouns_that_come_with_nestwork_are_read():
    nouns = read_records(NOUNS)

    assert len(nouns) == 60
    assert (nouns[0].wnid, nouns[0].name, nouns[0].hypernyms) == ("n00001740", "entity", ())


def test_a_root_has_no_hypernyms():
    assert csv("n00001740,entity.1,,that which is")[0].hypernyms == ()


def test_a_file_of_a_header_alone_has_no_nouns():
    assert csv() == []


def test_a_word_may_have_dots_of_its_own():
    assert csv("n00000001,St. Bernard.2,,a dog")[0].lemmas == (Lemma("St. Bernard", 2),)


def test_spaces_around_a_cell_do_not_count():
    assert csv(" n00000001 , dog.1 | hound.1 , n00000002 , a dog ") == [
        SynsetRecord("n00000001", (Lemma("dog", 1), Lemma("hound", 1)), ("n00000002",), "a dog")
    ]


def test_a_gloss_may_have_lines_of_its_own():
    assert csv('n00000001,dog.1,,"a dog,', 'or ""not"""')[0].gloss == 'a dog,\nor "not"'


def test_a_file_is_read_as_utf_8(tmp_path):
    path = tmp_path / "nouns.csv"
    path.write_text(f"{','.join(HEADER)}\nn00000001,Bärenhund.1,,für Bären\n", encoding="utf-8")

    [record] = read_records(path)

    assert (record.lemmas[0].text, record.gloss) == ("Bärenhund", "für Bären")


def test_more_columns_may_come_in_any_order():
    [record] = csv("n00000001,dog.1,,a dog, No ,x:y:z,YES", more=",imageable,external_ids,retired")

    assert (record.is_imageable, record.is_retired) == (False, True)
    assert csv("n00000001,dog.1,,a dog,,", more=",imageable,retired") == csv("n00000001,dog.1,,a dog")


def test_each_column_has_its_cell():
    [header, line] = write([DOG], "csv").decode().splitlines()

    assert header.split(",") == HEADER + MORE
    assert line == (
        "n02084071,dog.1|domestic dog.1,n02083346 n01317541,a member of the genus Canis,,yes,,no,,"
        "wordnet:3.0:02084071-n|skos::http://a.example/dog,dog%1:05:00::|"
    )


def test_a_noun_is_one_line_whatever_its_texts():
    assert len(write([ODD], "csv").split(b"\n")) == 3  # the header, the noun and the end


@pytest.mark.parametrize(
    "header", ["", "wnid,lemmas,gloss", "WNID,lemmas,hypernyms,gloss", "wnid,lemmas,hypernyms,gloss,x"]
)
def test_another_header_is_refused(header):
    with pytest.raises(
        SynsetFileError, match="Line 1: expected the header wnid,lemmas,hypernyms,gloss, then any of"
    ):
        parse_records(f"{header}\nn00000001,dog.1,,a dog".encode(), "csv")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("n00000002,dog.1,", "expected 4 columns; found 3"),
        ("n00000002,dog.1,,a dog,", "expected 4 columns; found 5"),
        ("\n", "expected 4 columns; found 0"),
        ("n0000002,dog.1,,a dog", "expected a wnid such as n02084071; found 'n0000002'"),
        ("n00000002,dog.1,animal,a dog", "expected a wnid such as n02084071; found 'animal'"),
        ("n00000002,dog,,a dog", "expected a lemma with its sense, such as dog.1; found 'dog'"),
        ("n00000002,dog.0,,a dog", "found 'dog.0'"),
        ("n00000002,dog.1|,,a dog", "found ''"),
        ("n00000002,.1,,a dog", "found '.1'"),
        ("n00000002,\\&.1,,a dog", "expected a lemma with a text .*; found '' with sense 1"),
        ("n00000002,dog.1,,\\x", r"expected one of .* at a backslash; found '\\\\x'"),
        ("n00000002,dog\\.1,,a dog", r"expected one of .* at a backslash; found '\\\\'"),
        ("n00000002,dog.1\\,,a dog", "expected a lemma with its sense"),
        ('n00000002,dog.1,,"a" dog', "expected CSV; found that"),
        ('n00000002,dog.1,,"a dog', "expected CSV; found that unexpected end of data"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(row, why):
    assert csv("n00000001,dog.1,,a dog", "n00000002,dog.1,,a dog")

    with pytest.raises(SynsetFileError, match=f"Line 3: {why}|Line 3: .*{why}"):
        csv("n00000001,dog.1,,a dog", row)


@pytest.mark.parametrize(
    ("column", "good", "bad", "why"),
    [
        ("imageable", "yes", "true", "expected yes or no; found 'true'"),
        ("instance_of", "n00000002", "Rome", "expected a wnid .*; found 'Rome'"),
        ("becomes", "n00000002", "n00000002 n00000003", "expected a wnid"),
        ("external_ids", "a:b:c", "a:b", "expected an id such as wordnet:3.0:02084071-n; found 'a:b'"),
        ("keys", "a|b", "a", "expected a key for each of 2 lemmas; found 1 in 'a'"),
    ],
)
def test_a_bad_cell_of_another_column_is_refused(column, good, bad, why):
    assert csv(f"n00000001,dog.1|hound.1,,a dog,{good}", more=f",{column}")

    with pytest.raises(SynsetFileError, match=f"Line 2: {why}"):
        csv(f"n00000001,dog.1|hound.1,,a dog,{bad}", more=f",{column}")


# JSON


def test_json_has_a_noun_a_line_with_what_is_not_as_usual():
    lines = write([DOG, ROME], "json").decode().splitlines()

    assert lines[0] == '{"format": "nestwork-taxonomy", "version": 1, "nouns": ['
    assert json.loads(lines[2]) == {
        "wnid": "n08799123",
        "lemmas": [{"text": "Rome", "sense": 1}],
        "hypernyms": [],
        "gloss": "",
        "instance_of": ["n08524735"],
        "is_imageable": False,
        "sensitive_reason": 'contested, "so they say"',
        "is_retired": True,
        "becomes": "n08524735",
    }
    assert lines[3:] == ["]}"]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("", "Expected JSON; found that Expecting value: line 1 column 1"),
        ('{"format": ,', "Expected JSON; found that Expecting value: line 1 column 12"),
        ("[" * 200_000, "Expected a list of nouns; found lists nested too deep to read"),
        ("[1]", r'Expected an object with "format": "nestwork-taxonomy" and a list "nouns"; found \[1\]'),
        ('{"format": "x", "version": 1, "nouns": []}', "Expected an object with"),
        ('{"format": "nestwork-taxonomy", "version": 1}', "Expected an object with"),
        ('{"format": "nestwork-taxonomy", "version": 2, "nouns": []}', 'Expected "version": 1; found 2'),
        ('{"format": "nestwork-taxonomy", "nouns": []}', 'Expected "version": 1; found null'),
    ],
)
def test_another_json_file_is_refused(file, why):
    assert parse_records(b'{"format": "nestwork-taxonomy", "version": 1, "nouns": []}', "json") == []

    with pytest.raises(SynsetFileError, match=why):
        parse_records(file.encode(), "json")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"gloss": 3}, r"nouns\[0\].gloss: expected a text; found 3"),
        ({"is_retired": "no"}, r'nouns\[0\].is_retired: expected true or false; found "no"'),
        ({"hypernyms": "n00000002"}, r'nouns\[0\].hypernyms: expected a list; found "n00000002"'),
        ({"hypernyms": ["n2"]}, r"nouns\[0\]: expected a wnid .*; found 'n2'"),
        (
            {"lemmas": [{"text": "dog"}]},
            r"nouns\[0\].lemmas\[0\]: expected an object with text, sense and any of key",
        ),
        (
            {"lemmas": [{"text": "dog", "sense": True}]},
            r"lemmas\[0\].sense: expected a whole number; found true",
        ),
        ({"lemmas": [{"text": "dog", "sense": 0}]}, r"nouns\[0\]: expected a lemma"),
        (
            {"external_ids": [{"scheme": "a"}]},
            r"external_ids\[0\]: expected an object with scheme, version, id; found",
        ),
        ({"name": "dog"}, r"nouns\[0\]: expected an object with wnid, lemmas, hypernyms, gloss and any of"),
    ],
)
def test_a_bad_noun_is_refused_with_its_place(change, why):
    noun = {"wnid": "n00000001", "lemmas": [{"text": "dog", "sense": 1}], "hypernyms": [], "gloss": ""}
    file = {"format": "nestwork-taxonomy", "version": 1}
    assert parse_records(json.dumps(file | {"nouns": [noun]}).encode(), "json")

    with pytest.raises(SynsetFileError, match=why):
        parse_records(json.dumps(file | {"nouns": [noun | change]}).encode(), "json")


# SKOS


@pytest.mark.parametrize("name", ["ttl", "rdf"])
def test_another_program_understands_a_noun(name):
    graph = Graph().parse(data=write([DOG, ROME], name), format="turtle" if name == "ttl" else "xml")
    dog, rome = URIRef("urn:nestwork:noun:n02084071"), URIRef("urn:nestwork:noun:n08799123")

    assert graph.value(dog, RDF.type) == SKOS.Concept
    assert graph.value(dog, SKOS.prefLabel) == Literal("dog")
    assert graph.value(dog, SKOS.altLabel) == Literal("domestic dog")
    assert graph.value(dog, SKOS.definition) == Literal("a member of the genus Canis")
    assert set(graph.objects(dog, SKOS.broader)) == {URIRef(f"urn:nestwork:noun:{n}") for n in DOG.hypernyms}
    assert graph.value(dog, SKOS.exactMatch) == URIRef("http://a.example/dog")
    assert graph.value(dog, SKOS.notation).datatype == URIRef("urn:nestwork:id:wordnet:3.0")
    assert graph.value(rome, SKOS.broader) == URIRef("urn:nestwork:noun:n08524735")
    assert graph.value(rome, OWL.deprecated).toPython() is True


@pytest.mark.parametrize(("name", "syntax"), [("ttl", "turtle"), ("rdf", "xml")])
def test_nouns_that_another_program_wrote_anew_are_the_same(name, syntax):
    nouns = [DOG, ROME, ODD] if name == "ttl" else [DOG, ROME]
    graph = Graph().parse(data=write(nouns, "ttl"), format="turtle")

    again = parse_records(graph.serialize(format=syntax, encoding="utf-8"), name)

    assert {record.wnid: record for record in again} == {record.wnid: record for record in nouns}


def test_what_another_program_changed_counts():
    dog = "<urn:nestwork:noun:n02084071>"
    graph = Graph().parse(data=write([DOG], "ttl"), format="turtle")
    graph.update(
        f"""PREFIX skos: <{SKOS}> DELETE DATA {{ {dog} skos:prefLabel "dog" ;
            skos:broader <urn:nestwork:noun:n02083346> }} ; INSERT DATA {{ {dog} skos:prefLabel "hound" ;
            skos:altLabel "dog" ; skos:broader <urn:nestwork:noun:n00000009> }}"""
    )

    [record] = parse_records(graph.serialize(format="turtle", encoding="utf-8"), "ttl")

    assert record.lemmas == (Lemma("hound", 1), *DOG.lemmas)
    assert record.hypernyms == ("n01317541", "n00000009")


def test_a_concept_of_others_is_a_noun_named_after_its_uri():
    dog, animal = "http://a.example/dog", "http://a.example/animal"

    assert turtle(
        ':animal a skos:Concept ; skos:prefLabel "animal" ; skos:narrower :dog .'
        ':dog a skos:Concept ; skos:prefLabel "dog" ; skos:altLabel "hound" ; skos:definition "it barks" .'
    ) == [
        SynsetRecord(
            hashed_wnid(animal), (Lemma("animal", 1),), (), "", external_ids=(ExternalId("skos", "", animal),)
        ),
        SynsetRecord(
            hashed_wnid(dog),
            (Lemma("dog", 1), Lemma("hound", 1)),
            (hashed_wnid(animal),),
            "it barks",
            external_ids=(ExternalId("skos", "", dog),),
        ),
    ]


def test_a_wnid_of_a_uri_never_changes():
    # printf http://a.example/dog | sha256sum, as a number, of which the last 8 decimal digits.
    assert hashed_wnid("http://a.example/dog") == "s35363287"


def test_concepts_of_others_are_written_and_read_back():
    nouns = turtle(':dog a skos:Concept ; skos:prefLabel "dog" ; skos:exactMatch <http://b.example/7> .')

    assert parse_records(write(nouns, "ttl"), "ttl") == nouns


def test_a_uri_relative_to_its_file_is_the_same_in_both_syntaxes():
    xml = f"""<rdf:RDF xmlns:rdf="{RDF}" xmlns:skos="{SKOS}"><skos:Concept rdf:about="#dog">
        <skos:prefLabel>dog</skos:prefLabel></skos:Concept></rdf:RDF>"""

    assert parse_records(xml.encode(), "rdf") == turtle('<#dog> a skos:Concept ; skos:prefLabel "dog" .')


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ('"chien"@fr, "dog"@en-GB, "?"', ["dog"]),
        ('"chien"@fr, "dog"@EN, "Hund"@de', ["dog"]),
        ('"chien"@fr, "canis"', ["canis"]),
        ('"chien"@fr, "Hund"@de', ["Hund", "Köter"]),
    ],
)
def test_of_several_languages_one_is_read(labels, words):
    [record] = turtle(
        f':dog a skos:Concept ; skos:prefLabel {labels} ; skos:altLabel "Köter"@de, "perro"@es .'
    )

    assert [lemma.text for lemma in record.lemmas] == words


def test_a_word_of_two_concepts_has_two_senses():
    nouns = turtle(':a a skos:Concept ; skos:prefLabel "bank" . :b a skos:Concept ; skos:prefLabel "bank" .')

    assert [record.lemmas for record in nouns] == [(Lemma("bank", 1),), (Lemma("bank", 2),)]


def test_a_concept_may_say_its_wnid():
    own = '<urn:nestwork:taxonomy:wnid> "n00000007"'
    [dog, puppy] = turtle(
        f':dog a skos:Concept ; skos:prefLabel "dog" ; {own} .'
        ':puppy a skos:Concept ; skos:prefLabel "puppy" ; skos:broader :dog .'
    )

    assert (dog.wnid, puppy.hypernyms) == ("n00000007", ("n00000007",))


def test_two_concepts_of_one_wnid_are_refused():
    own = '<urn:nestwork:taxonomy:wnid> "n00000007"'

    with pytest.raises(SynsetFileError, match=r"'http://a.example/b': expected a wnid that no other .*/a'"):
        turtle(
            f':a a skos:Concept ; skos:prefLabel "a" ; {own} . :b a skos:Concept ; skos:prefLabel "b" ; {own} .'
        )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "'http://a.example/dog': expected a skos:prefLabel; found none"),
        ('; skos:prefLabel "dog" ; skos:broader []', "expected a concept with a URI; found"),
        ('; skos:prefLabel "dog" ; skos:broader "animal"', "expected a concept with a URI; found 'animal'"),
        ('; skos:prefLabel ""', "expected a lemma with a text"),
        (
            '; skos:prefLabel "dog" ; <urn:nestwork:taxonomy:wnid> "7"',
            "expected a wnid such as .*; found '7'",
        ),
        ('; skos:prefLabel "dog" ; <urn:nestwork:taxonomy:lemmas> "x"', "expected a lemma with its sense"),
        (
            '; skos:prefLabel "dog" ; <urn:nestwork:taxonomy:isImageable> 3',
            "expected true or false; found '3'",
        ),
    ],
)
def test_a_bad_concept_is_refused_with_its_uri(bad, why):
    assert turtle(':dog a skos:Concept ; skos:prefLabel "dog" .')

    with pytest.raises(SynsetFileError, match=f"'http://a.example/dog': .*{why}|{why}"):
        turtle(f":dog a skos:Concept {bad} .")


def test_a_file_without_concepts_is_refused():
    with pytest.raises(SynsetFileError, match="Expected at least one skos:Concept; found none"):
        turtle(':dog skos:prefLabel "dog" .')


XML_OF_OTHERS = f"""<!DOCTYPE rdf:RDF [<!ENTITY d "dog">ENTITIES]><rdf:RDF xmlns:rdf="{RDF}" xmlns:skos="{SKOS}">
    <skos:Concept rdf:about="http://a.example/dog"><skos:prefLabel>LABEL</skos:prefLabel></skos:Concept></rdf:RDF>"""


def test_xml_may_name_its_own_entities_but_no_other_file():
    own = XML_OF_OTHERS.replace("LABEL", "hot &d;").replace("ENTITIES", "")
    foreign = XML_OF_OTHERS.replace("LABEL", "dog&f;").replace(
        "ENTITIES", f'<!ENTITY f SYSTEM "{NOUNS.as_uri()}">'
    )

    assert parse_records(own.encode(), "rdf")[0].name == "hot dog"
    assert parse_records(foreign.encode(), "rdf")[0].name == "dog"


def test_entities_of_entities_cannot_keep_a_reader_busy():
    bomb = "".join(f'<!ENTITY d{i + 1} "{f"&d{i};" * 10}">' for i in range(12)) + '<!ENTITY d0 "dog">'

    with pytest.raises(SynsetFileError, match="expected RDF/XML; found limit on input amplification factor"):
        parse_records(XML_OF_OTHERS.replace("LABEL", "&d12;").replace("ENTITIES", bomb).encode(), "rdf")


def test_a_text_of_very_many_lines_is_read_in_a_moment():
    lines = "dog\n" * 300_000  # minutes, if each line were added to a copy of those before it

    assert (
        parse_records(XML_OF_OTHERS.replace("LABEL", lines).replace("ENTITIES", "").encode(), "rdf")[0].name
        == lines
    )


@pytest.mark.parametrize(
    ("name", "file", "why"),
    [
        (
            "ttl",
            "[" * 10_000,
            "Expected RDF; found what cannot be read as such: maximum recursion depth exceeded",
        ),
        ("ttl", "\n\n<a> <b> ; .", "Line 3: expected Turtle; found "),
        ("ttl", "@prefix : <a:> . :b :c :d\\\n .", r"Line 1: expected Turtle; found illegal escape\.$"),
        ("ttl", "?a <b> <c> .", "Expected RDF; found what cannot be read as such: "),
        ("rdf", "<rdf>\n</rdx>", "Line 2: expected RDF/XML; found mismatched tag"),
        ("rdf", "", "Line 1: expected RDF/XML; found no element found"),
    ],
)
def test_what_is_no_rdf_is_refused(name, file, why):
    with pytest.raises(SynsetFileError, match=why):
        parse_records(file.encode(), name)
