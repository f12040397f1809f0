"""Gather every sentence that the site says into the catalogues of its languages, and make those ready for use.

    python -m docs_tools.messages

Needs gettext. A new language begins with an empty folder of its own in locale/; see docs/developers.md. What is new
has no words yet, and what changed is left empty rather than guessed at: tests/test_languages.py names both.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import polib

from docs_tools import sentences

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
DOMAIN = "django"
# Where the site says something.
SOURCES = (
    "accounts", "taxonomy", "labeling", "datasets", "training", "competition", "operations", "config", "templates",
)  # fmt: skip


def main() -> None:
    if not (shutil.which("xgettext") and shutil.which("msgmerge")):
        sys.exit("gettext was not found: install it (on Debian and Ubuntu the package gettext).")
    sentences.main()
    for language in languages():
        catalogue = gather(language)
        catalogue.save_as_mofile(str(mo_of(language)))
        n_empty = len(catalogue.untranslated_entries())
        print(f"{language}: {len(catalogue)} sentences, {n_empty} without words.")  # noqa: T201


def languages() -> list[str]:
    """Return the languages that have a folder, in the order of their codes."""
    return sorted(path.name for path in LOCALE.iterdir() if path.is_dir())


def po_of(language: str, locale: Path = LOCALE) -> Path:
    return locale / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def mo_of(language: str, locale: Path = LOCALE) -> Path:
    return po_of(language, locale).with_suffix(".mo")


def gather(language: str, locale: Path = LOCALE) -> polib.POFile:
    """Bring one language's .po up to date with the code, and return it.

    Only files are named beside a sentence, no lines, and no day in the head: both would change with every commit.
    """
    extract(language, locale)
    path = po_of(language, locale)
    catalogue = polib.pofile(str(path))
    catalogue.header, catalogue.metadata_is_fuzzy = "", False
    catalogue.metadata = {
        "Project-Id-Version": "Nestwork",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": catalogue.metadata["Plural-Forms"],
    }
    for entry in catalogue.fuzzy_entries():
        _empty(entry)
    for entry in catalogue.obsolete_entries():
        catalogue.remove(entry)
    catalogue.save(str(path))
    return catalogue


def _empty(entry: polib.POEntry) -> None:
    """Take back what msgmerge guessed from a sentence that looks alike."""
    entry.flags.remove("fuzzy")
    entry.previous_msgid = entry.previous_msgid_plural = entry.previous_msgctxt = None
    entry.msgstr = ""
    entry.msgstr_plural = dict.fromkeys(entry.msgstr_plural, "")


def extract(language: str, locale: Path = LOCALE) -> None:
    """Have Django read every sentence of the code into a .po."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command
    from django.test.utils import override_settings

    # makemessages reads the folder that it stands in, and would write into a locale/ that it sees there.
    paths = override_settings(LOCALE_PATHS=[locale])
    with paths, tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for source in SOURCES:
            Path(source).symlink_to(ROOT / source)
        call_command("makemessages", locale=[language], add_location="file", symlinks=True, verbosity=0)


if __name__ == "__main__":
    main()
