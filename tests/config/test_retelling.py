"""English sentences of code, told in the reader's language: found again, put together, and English where unknown."""

import re

import pytest
from django.template import Context, Template
from django.utils import translation

from competition.sandbox.bounds import RefusedError
from competition.sandbox.heads import refuse_by_head
from competition.sheet import PredictionsError, Sheet
from config.retelling import GAP, LEAST_LETTERS, MOST_LETTERS, Pattern, _line, retold, told
from config.sentences import SENTENCES
from docs_tools import sentences
from labeling.pictures import PictureError, check_picture
from training.config import Config, ConfigError


@pytest.fixture
def german():
    _line.cache_clear()
    with translation.override("de"):
        yield


def test_the_patterns_are_those_of_the_code():
    assert sentences.WRITTEN.read_text() == sentences.written(), "make messages has not been run since."


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ('raise Error(f"Expected {most // 2}; found {len(data):,}.")', "Expected {most}; found {n_data}."),
        ('say(f"{a.b}: expected {a.b} of {names[\'x\']}.")', "{b}: expected {b2} of {x}."),
        ("say(f\"{', '.join(found)} are missing.\")", "{found} are missing."),
        ('_expect(name, value, good, f"a number from {low:g} to {high:g}")', "a number from {low} to {high}"),
        ('advice = "look at the disk"', "look at the disk"),
        ('say("It is gone.")', "It is gone."),
        ('say(f"{_version()} answers.")', "{version} answers."),
    ],
)  # fmt: skip
def test_sentences_are_read_from_code_with_their_gaps_named(code, pattern, tmp_path, monkeypatch):
    (tmp_path / "module.py").write_text(code)
    monkeypatch.setattr(sentences, "ROOT", tmp_path)
    monkeypatch.setattr(sentences, "SOURCES", {"module.py": ()})

    assert sentences.sentences() == [pattern, *sentences.PLACES]


@pytest.mark.parametrize(
    "code",
    [
        '"""What a module is for."""',
        'raise Error(_("It is gone."))',
        'raise Error(ngettext("It is gone.", "They are gone.", n))',
        'logger.info("said to nobody")',
        'x = "word."',
    ],
)
def test_documentation_and_what_is_translated_already_are_no_such_sentences(code, tmp_path, monkeypatch):
    (tmp_path / "module.py").write_text(code)
    monkeypatch.setattr(sentences, "ROOT", tmp_path)
    monkeypatch.setattr(sentences, "SOURCES", {"module.py": ()})

    assert sentences.sentences() == [*sentences.PLACES]


def test_every_sentence_is_found_again_with_what_stood_in_its_gaps(german):
    untold = []
    for sentence in SENTENCES:
        gaps = GAP.findall(sentence)
        text = GAP.sub(lambda gap: f"<{gap[1]}>", sentence)
        said = retold(text)
        if Pattern.of(sentence).n_letters < LEAST_LETTERS:
            continue
        if said is None or said == text or not all(f"<{gap}>" in said for gap in gaps):
            untold.append((sentence, said))

    assert untold == []


def test_a_reader_of_english_reads_what_was_written():
    with translation.override("en"):
        assert retold("Expected a file; found a hard link.") == "Expected a file; found a hard link."
        assert retold("anything at all") == "anything at all"


def test_what_nobody_translated_stays_as_it_is(german):
    assert retold("Something that no module says.") is None
    assert told(ValueError("Something that no module says.")) == "Something that no module says."
    assert retold("") is None


def test_a_picture_that_is_none_is_refused_in_the_readers_language(german):
    with pytest.raises(PictureError) as refused:
        check_picture(b"GIF89a" + bytes(100))

    assert str(refused.value).startswith("Expected a JPEG, PNG or WebP picture; found bytes that begin ")
    assert told(refused.value).startswith(
        "Erwartet: ein Bild als JPEG, PNG oder WebP; gefunden: Bytes, die mit "
    )


def test_halves_of_a_sentence_are_told_too(german):
    with pytest.raises(ConfigError) as refused:
        Config("mlp", 32, 1, 64, 0.1, hidden=(0,))
    with pytest.raises(RefusedError) as file_refused:
        refuse_by_head("weights", b"PK\x03\x04" + bytes(20), 24)

    assert told(refused.value) == (
        "Konfiguration, hidden: erwartet: 1 bis 8 ganze Zahlen von 1 bis 8192; gefunden: (0,)."
    )
    assert told(file_refused.value) == (
        "Erwartet: eine Datei mit Gewichten als safetensors; gefunden: ein ZIP-Archiv, wie es .pt-Dateien von "
        "PyTorch sind."
    )


def test_each_bad_line_of_a_file_is_told_with_its_place_and_all_that_is_wrong_there(german):
    sheet = Sheet(["a" * 64, "b" * 64], ["n01", "n02"])
    sheet.take(2, "c" * 64, ["n03"], [])
    sheet.refuse(3, "expected CSV; found a stray quote, and read no further")
    with pytest.raises(PredictionsError) as refused:
        sheet.answers()

    first, second = told(refused.value).split("\n")

    assert re.fullmatch(
        r"Zeile 2: erwartet: der SHA-256 eines Testbildes dieses Wettbewerbs; gefunden: 'c+'; "
        r"erwartet: die wnid einer Klasse oder eines Nomens darüber; gefunden: 'n03'\.",
        first,
    )
    assert second == "Zeile 3: erwartet: CSV; gefunden: a stray quote, und nicht weitergelesen."


def test_the_pattern_that_says_most_is_taken(german):
    """Others would fit as well: Expected {expected}; found {what}."""
    assert retold("Expected one graph; found another within it.") == (
        "Erwartet: ein einziger Graph; gefunden: ein weiterer darin."
    )


def test_an_undone_change_says_in_the_same_language_what_it_undoes(german):
    assert (
        retold("undo of change 12: husky moves under cat") == "Änderung 12 rückgängig: husky kommt unter cat"
    )


def test_a_line_that_is_too_long_is_left_as_it_is(german):
    text = "Expected " + "x" * MOST_LETTERS + "; found y."

    assert retold(text) is None
    assert retold(f"{text}\nExpected a file; found a hard link.") == (
        f"{text}\nErwartet: eine Datei; gefunden: eine feste Verknüpfung."
    )


@pytest.mark.parametrize(
    "text", [": " * 400, "; " * 400, "expected 1; found x: " * 45, "." * 500, "{x}: {y}. \n" * 50]
)
def test_no_text_makes_it_fail(german, text):
    assert retold(text) is None or isinstance(retold(text), str)


def shown(text: str) -> str:
    return Template("{% load retelling %}{% retold text %}").render(Context({"text": text}))


def test_a_page_marks_what_it_has_in_english_only(german):
    assert shown("<b>Nobody</b> knows.\nReally.") == (
        '<bdi lang="en">&lt;b&gt;Nobody&lt;/b&gt; knows.<br>Really.</bdi>'
    )
    assert shown("Expected <i>; found 2.") == "<bdi>Erwartet: &lt;i&gt;; gefunden: 2.</bdi>"
