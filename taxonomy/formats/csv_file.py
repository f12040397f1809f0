"""Records <-> CSV. Pure.

The file is UTF-8 with a header and one noun a row. Four columns are always there:

wnid        the noun's id, such as n02084071
lemmas      separated by `|`, the name that pages show first, each with its sense number as in WordNet, where 1 is
            the commonest sense of that word: `dog.1|domestic dog.1`
hypernyms   wnids separated by spaces
gloss       what the noun means

Any of these may follow, in any order; a cell that is empty or left out means what stands in brackets:

instance_of         wnids separated by spaces, of what it is one instance of [none]
imageable           yes or no [yes]
sensitive_reason    why it is sensitive [it is not]
retired             yes or no [no]
becomes             wnid of the noun that its votes count as while it is retired [none]
external_ids        scheme:version:id, separated by `|`: `wordnet:3.0:02084071-n` [none]
keys                a WordNet sense key for each lemma, separated by `|` [none]

cells.py says how lemmas, ids and texts hold bars, line ends and spaces at their ends.
"""

import csv
import io
from collections.abc import Iterable, Iterator

from taxonomy.formats import cells
from taxonomy.formats.checks import UnexpectedError, check, decode
from taxonomy.records import SynsetFileError, SynsetRecord

HEADER = ["wnid", "lemmas", "hypernyms", "gloss"]
MORE = ["instance_of", "imageable", "sensitive_reason", "retired", "becomes", "external_ids", "keys"]
YES_NO = {"yes": True, "no": False}


def read(data: bytes) -> Iterator[SynsetRecord]:
    """Yield one record per row. Raises SynsetFileError at the first row that is not one."""
    rows = csv.reader(io.StringIO(decode(data), newline=""), strict=True)
    try:
        header = next(rows, [])
        _refuse_other_header(header)
        for row in rows:
            yield _record(header, row)
    except (UnexpectedError, csv.Error) as error:
        problem = error if isinstance(error, UnexpectedError) else f"expected CSV; found that {error}"
        raise SynsetFileError(f"Line {max(rows.line_num, 1)}: {problem}.") from error


def _refuse_other_header(header: list[str]) -> None:
    more = header[len(HEADER) :]
    if header[: len(HEADER)] != HEADER or not set(more) <= set(MORE) or len(set(more)) < len(more):
        expected = f"the header {','.join(HEADER)}, then any of {','.join(MORE)}"
        raise UnexpectedError(expected, repr(",".join(header)))


def _record(header: list[str], row: list[str]) -> SynsetRecord:
    if len(row) != len(header):
        raise UnexpectedError(f"{len(header)} columns", str(len(row)))
    cell = dict.fromkeys(MORE, "") | dict(zip(header, row, strict=True))
    record = SynsetRecord(
        wnid=cell["wnid"].strip(),
        lemmas=cells.read_lemmas(cell["lemmas"], cell["keys"]),
        hypernyms=tuple(cell["hypernyms"].split()),
        gloss=cells.read_text(cell["gloss"]),
        instance_of=tuple(cell["instance_of"].split()),
        is_imageable=_yes_or_no(cell["imageable"], default=True),
        sensitive_reason=cells.read_text(cell["sensitive_reason"]),
        is_retired=_yes_or_no(cell["retired"], default=False),
        becomes=cell["becomes"].strip(),
        external_ids=cells.read_ids(cell["external_ids"]),
    )
    return check(record)


def _yes_or_no(cell: str, *, default: bool) -> bool:
    word = cell.strip().lower()
    if word and word not in YES_NO:
        raise UnexpectedError("yes or no", repr(cell))
    return YES_NO.get(word, default)


def write(records: Iterable[SynsetRecord]) -> Iterator[str]:
    """Yield the header and a line for each record, with every column."""
    yield _line([*HEADER, *MORE])
    for record in records:
        yield _line(_row(record))


def _row(record: SynsetRecord) -> list[str]:
    return [
        record.wnid,
        cells.write_lemmas(record.lemmas),
        " ".join(record.hypernyms),
        cells.write_text(record.gloss),
        " ".join(record.instance_of),
        "yes" if record.is_imageable else "no",
        cells.write_text(record.sensitive_reason),
        "yes" if record.is_retired else "no",
        record.becomes,
        cells.write_ids(record.external_ids),
        cells.write_keys(record.lemmas),
    ]


def _line(row: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()
