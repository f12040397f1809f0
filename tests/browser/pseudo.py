"""A language in which every sentence of the site stands in ⟦brackets⟧, so that what does not can be told apart."""

import gettext
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import polib
from django.conf import settings

# Written from right to left, with decimal commas, and with words of its own for nothing here.
CODE = "ar"
OTHERS = ("django.conf", "django.contrib.auth", "django.contrib.humanize", "rest_framework", "allauth")


def write(folder: Path) -> None:
    """Write its catalogue into a folder for LOCALE_PATHS."""
    catalogue = polib.POFile()
    catalogue.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    for entry in [*_ours(), *_theirs()]:
        catalogue.append(entry)
    path = folder / CODE / "LC_MESSAGES"
    path.mkdir(parents=True)
    catalogue.save_as_mofile(str(path / "django.mo"))


def _ours() -> Iterator[polib.POEntry]:
    for entry in polib.pofile(str(settings.BASE_DIR / "locale/de/LC_MESSAGES/django.po")):
        yield _bracketed(entry.msgid, entry.msgid_plural, entry.msgctxt)


def _theirs() -> Iterator[polib.POEntry]:
    """What the packages that show something here have in German, so that it is a matter of their translators."""
    known = {(entry.msgid, entry.msgctxt) for entry in _ours()}
    for package in OTHERS:
        [folder] = find_spec(package).submodule_search_locations
        with (Path(folder) / "locale/de/LC_MESSAGES/django.mo").open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        # A key is the sentence, or that and the number of one of its plural forms; a context stands before it.
        for said in {key if isinstance(key, str) else key[0] for key in catalogue} - {""}:
            context, _between, msgid = said.rpartition("\x04")
            if (msgid, context or None) not in known:
                known.add((msgid, context or None))
                yield _bracketed(msgid, "" if said in catalogue else msgid, context or None)


def _bracketed(msgid: str, plural: str, context: str | None) -> polib.POEntry:
    entry = polib.POEntry(msgid=msgid, msgctxt=context)
    if plural:
        entry.msgid_plural = plural
        entry.msgstr_plural = {0: f"⟦{msgid}⟧", 1: f"⟦{plural}⟧"}
    else:
        entry.msgstr = f"⟦{msgid}⟧"
    return entry
