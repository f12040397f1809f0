r"""Words and ids <-> one line of text, for files that hold nothing but text. Pure.

Several texts in one cell are separated by `|`. Spaces around each do not count. A backslash begins what a cell
could not hold otherwise: `\|` is a bar within a text, `\\` a backslash, `\n` and `\r` the ends of a line, so that a
noun stays on one line, `\:` a colon within an id's scheme or version, and `\&` nothing at all: it keeps the spaces
at an end of a text.
"""

import re
from collections.abc import Iterable

from taxonomy.formats.checks import UnexpectedError
from taxonomy.records import ExternalId, Lemma

MEANINGS = {"\\": "\\", "|": "|", ":": ":", "n": "\n", "r": "\r", "&": ""}
ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": "\\n", "\r": "\\r"})
COLON = str.maketrans({":": "\\:"})
ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
BETWEEN_BARS = re.compile(r"(?:^|\|)((?:[^\\|]+|\\.?)*)", re.DOTALL)
LEMMA = re.compile(r"(?P<text>.+)\.(?P<sense>[1-9][0-9]{0,8})", re.DOTALL)
ID = re.compile(r"(?P<scheme>(?:[^\\:]|\\.)*):(?P<version>(?:[^\\:]|\\.)*):(?P<id>.*)", re.DOTALL)


def write_text(text: str) -> str:
    """Return `text` on one line, without a bare bar and without spaces at its ends."""
    escaped = text.translate(ESCAPES)
    return escaped if escaped == escaped.strip() else f"\\&{escaped}\\&"


def read_text(cell: str) -> str:
    """Undo write_text. Raises UnexpectedError at a backslash that begins nothing known."""
    cell = cell.strip()
    return ESCAPE.sub(_meaning, cell) if "\\" in cell else cell


def _meaning(escape: re.Match[str]) -> str:
    if escape[1] not in MEANINGS:
        raise UnexpectedError(r"one of \\ \| \: \n \r \& at a backslash", repr(escape[0]))
    return MEANINGS[escape[1]]


def write_lemmas(lemmas: Iterable[Lemma]) -> str:
    return "|".join(f"{write_text(lemma.text)}.{lemma.sense}" for lemma in lemmas)


def write_keys(lemmas: Iterable[Lemma]) -> str:
    """Return the keys of `lemmas`, a place for each; nothing at all where none has a key."""
    keys = [write_text(lemma.key) for lemma in lemmas]
    return "|".join(keys) if any(keys) else ""


def read_lemmas(lemmas: str, keys: str = "") -> tuple[Lemma, ...]:
    """Undo write_lemmas and write_keys. Raises UnexpectedError."""
    cells = _split(lemmas)
    key_cells = _split(keys) if keys.strip() else [""] * len(cells)
    if len(key_cells) != len(cells):
        raise UnexpectedError(f"a key for each of {len(cells)} lemmas", f"{len(key_cells)} in {keys!r}")
    return tuple(_lemma(cell.strip(), read_text(key)) for cell, key in zip(cells, key_cells, strict=True))


def _lemma(cell: str, key: str) -> Lemma:
    match = LEMMA.fullmatch(cell)
    if not match:
        raise UnexpectedError("a lemma with its sense, such as dog.1", repr(cell))
    return Lemma(read_text(match["text"]), int(match["sense"]), key)


def write_ids(ids: Iterable[ExternalId]) -> str:
    """Return `ids` as scheme:version:id, separated by bars."""
    return "|".join(
        f"{write_text(external.scheme).translate(COLON)}:{write_text(external.version).translate(COLON)}"
        f":{write_text(external.id)}"
        for external in ids
    )


def read_ids(cell: str) -> tuple[ExternalId, ...]:
    """Undo write_ids. Raises UnexpectedError."""
    return tuple(map(_id, _split(cell))) if cell.strip() else ()


def _id(cell: str) -> ExternalId:
    match = ID.fullmatch(cell)
    if not match:
        raise UnexpectedError("an id such as wordnet:3.0:02084071-n", repr(cell))
    return ExternalId(read_text(match["scheme"]), read_text(match["version"]), read_text(match["id"]))


def _split(cell: str) -> list[str]:
    """Return what stands between the bars of `cell` that no backslash escapes."""
    if "\\" not in cell:
        return cell.split("|")
    return BETWEEN_BARS.findall(cell)
