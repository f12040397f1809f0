"""The catalogues of languages in locale/: every sentence of the site has its words, and the words its placeholders.

`make messages` writes the .po from the code and the .mo from the .po. Both are committed, so no site needs gettext.
"""

import gettext
import re
import shutil
from collections import Counter
from collections.abc import Iterator

import polib
import pytest
from django.conf import settings

from docs_tools import messages

LANGUAGES = messages.languages()
# %(name)s and %s; {name}; <b>, <a href="...">, </p>; &amp;
KEPT = re.compile(r"%%|%\(\w+\)[sd]|%[sd]|\{\w*\}|</?[a-z][^>]*>|&#?\w+;")


def entries(language: str) -> polib.POFile:
    return polib.pofile(str(messages.po_of(language)))


def translations(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    """Yield each form of a sentence and of its translation that belong together."""
    if not entry.msgid_plural:
        yield entry.msgid, entry.msgstr
        return
    for number, words in entry.msgstr_plural.items():
        yield (entry.msgid if number == 0 else entry.msgid_plural), words


def test_every_language_but_that_of_the_code_has_a_catalogue():
    assert {code for code, _name in settings.LANGUAGES} - {settings.LANGUAGE_CODE} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_lacks_words_or_has_guessed_ones(language):
    catalogue = entries(language)

    unready = [*catalogue.untranslated_entries(), *catalogue.fuzzy_entries(), *catalogue.obsolete_entries()]

    assert [(entry.msgctxt, entry.msgid) for entry in unready] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_keep_the_placeholders_and_tags_of_their_sentence(language):
    wrong = [
        (said, words)
        for entry in entries(language)
        for said, words in translations(entry)
        if Counter(KEPT.findall(said)) != Counter(KEPT.findall(words)) and not leaves_out_the_one(said, words)
    ]

    assert wrong == []


def leaves_out_the_one(said: str, words: str) -> bool:
    """Where there is one of something, its number may be a word: "a picture"."""
    more = Counter(KEPT.findall(said)) - Counter(KEPT.findall(words))
    return set(more) <= {"%(n)s", "%(count)s", "%(counter)s"} and not Counter(KEPT.findall(words)) - Counter(
        KEPT.findall(said)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_begin_and_end_with_a_space_or_a_line_where_their_sentence_does(language):
    def ends(text: str) -> tuple[bool, bool]:
        return text[:1].isspace(), text[-1:].isspace()

    wrong = [
        said
        for entry in entries(language)
        for said, words in translations(entry)
        if said.strip() and ends(said) != ends(words)
    ]

    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_site_reads_was_made_of_the_catalogue(language):
    with messages.mo_of(language).open("rb") as file:
        read = gettext.GNUTranslations(file)

    for entry in entries(language):
        said = f"{entry.msgctxt}\x04{entry.msgid}" if entry.msgctxt else entry.msgid
        if entry.msgid_plural:
            for number, words in entry.msgstr_plural.items():
                assert read._catalog[said, number] == words
        else:
            assert read._catalog[said] == entry.msgstr
    assert (
        len({said if isinstance(said, str) else said[0] for said in read._catalog})
        == len(entries(language)) + 1
    )


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="xgettext was not found: install gettext.")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_has_the_sentences_of_the_code_and_no_others(language, tmp_path):
    folder = messages.po_of(language, tmp_path)
    folder.parent.mkdir(parents=True)
    shutil.copy(messages.po_of(language), folder)

    found = messages.gather(language, tmp_path)

    assert {(each.msgctxt, each.msgid, each.msgid_plural) for each in found} == {
        (each.msgctxt, each.msgid, each.msgid_plural) for each in entries(language)
    }, "make messages has not been run since."


# --- Styles and scripts ------------------------------------------------------------------------------------

STATIC = settings.BASE_DIR / "static"
PHYSICAL = re.compile(
    r"[^-\w](?:(?:margin|padding|border|scroll-margin|scroll-padding|inset)-(?:left|right)[-\w]*|left|right)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)|translateX"
)
# Four values at once name the right side and the left one; only equal ones may.
FOUR_SIDES = re.compile(
    r"(?:margin|padding|inset|border-width): ([^\s;]+) ([^\s;]+) ([^\s;]+) ([^\s;}]+) *[;}]"
)
# What may be physical, and why.
ALLOWED = {"translateX": ".ticks run from left to right in every language, as axes do"}


@pytest.mark.parametrize("sheet", ["nestwork.css", "api_docs.css"])
def test_styles_name_no_left_and_no_right(sheet):
    text = re.sub(r"/\*.*?\*/", "", (STATIC / sheet).read_text(), flags=re.DOTALL)

    found = [match[0] for match in PHYSICAL.finditer(text) if match[0] not in ALLOWED]
    found += [match[0] for match in FOUR_SIDES.finditer(text) if match[2] != match[4]]

    assert found == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_have_no_words_of_their_own(path):
    """They find them on the page, in the reader's language. What the console or an error says is for programmers."""
    said = [
        literal
        for line in without_comments(path.read_text()).splitlines()
        if "console." not in line and "new Error(" not in line
        for literal in re.findall(r'"[^"]*"|`[^`]*`', line)
        if re.search(r"[A-Za-z]{2,} [a-z]{2,}", re.sub(r"\$\{[^}]*\}|\[[^]]*\]", "", literal))
    ]

    assert [literal for literal in said if literal not in NO_WORDS] == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_scripts_write_numbers_in_the_language_of_the_page(path):
    assert "toLocaleString()" not in path.read_text()


# Selectors and classes.
NO_WORDS = {'"choice inner"', '"button copy"', '"#quiz fieldset"'}


def without_comments(script: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<![:\"\w])//[^\n]*", "", script, flags=re.DOTALL)
