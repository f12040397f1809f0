"""What holds for every record, whichever file it comes from or goes to. Pure."""

import re

from taxonomy.records import WNID, SynsetFileError, SynsetRecord

MOST_SENSES = 32_767  # what a database's small integer holds
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL


class UnexpectedError(ValueError):
    """What a file holds is not what it should; the message says both, and a reader adds where."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}; found {found}")


def check(record: SynsetRecord) -> SynsetRecord:
    """Return `record` if every file can hold it. Raises UnexpectedError."""
    becomes = [record.becomes] if record.becomes else []
    for wnid in (record.wnid, *record.hypernyms, *record.instance_of, *becomes):
        if not (wnid.isascii() and WNID.fullmatch(wnid)):
            raise UnexpectedError("a wnid such as n02084071", repr(wnid))
    if not record.lemmas:
        raise UnexpectedError("at least one lemma", "none")
    for lemma in record.lemmas:
        if not lemma.text or not 1 <= lemma.sense <= MOST_SENSES:
            found = f"{lemma.text!r} with sense {lemma.sense}"
            raise UnexpectedError(f"a lemma with a text and a sense from 1 to {MOST_SENSES:,}", found)
    for text in texts(record):
        if match := UNSTORABLE.search(text):
            raise UnexpectedError("characters that UTF-8 and a database can hold", repr(match[0]))
    return record


def texts(record: SynsetRecord) -> tuple[str, ...]:
    """Return every text of `record` that may be any text at all."""
    return (
        record.gloss,
        record.sensitive_reason,
        *(text for lemma in record.lemmas for text in (lemma.text, lemma.key)),
        *(
            text
            for external in record.external_ids
            for text in (external.scheme, external.version, external.id)
        ),
    )


def decode(data: bytes) -> str:
    """Return UTF-8 `data` as text, less a byte order mark. Raises SynsetFileError with the line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = error.object[error.start :][:10]
        raise SynsetFileError(f"Line {line}: expected UTF-8 text; found {found!r}.") from error
