"""Records <-> JSON. Pure.

The file is UTF-8: {"format": "nestwork-taxonomy", "version": 1, "nouns": [...]} with one noun a line, so that a
difference between two files shows the nouns that differ. A noun's fields are those of SynsetRecord, by the same
names: wnid, lemmas ({"text", "sense", "key"}), hypernyms and gloss; then, where they are not as usual,
instance_of, is_imageable, sensitive_reason, is_retired, becomes and external_ids ({"scheme", "version", "id"}).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from taxonomy.formats.checks import UnexpectedError, check, decode
from taxonomy.records import ExternalId, Lemma, SynsetFileError, SynsetRecord

FORMAT = "nestwork-taxonomy"
VERSION = 1

Reader = Callable[[Any, str], Any]  # what json made of a value, and its place in the file -> the value meant


def read(data: bytes) -> Iterator[SynsetRecord]:
    """Yield the records of the file. Raises SynsetFileError, naming the line or the field."""
    for number, noun in enumerate(_nouns(data)):
        place = f"nouns[{number}]"
        record = _read_noun(noun, place)
        try:
            yield check(record)
        except UnexpectedError as error:
            raise SynsetFileError(f"{place}: {error}.") from error


def _nouns(data: bytes) -> list[Any]:
    text = decode(data)
    try:
        file = json.loads(text)
    except ValueError as error:  # JSONDecodeError, or a number of thousands of digits
        raise SynsetFileError(f"Expected JSON; found that {error}.") from error
    except RecursionError as error:
        raise SynsetFileError("Expected a list of nouns; found lists nested too deep to read.") from error
    if not isinstance(file, dict) or file.get("format") != FORMAT or not isinstance(file.get("nouns"), list):
        expected = f'an object with "format": "{FORMAT}" and a list "nouns"'
        raise SynsetFileError(f"Expected {expected}; found {_short(file)}.")
    if file.get("version") != VERSION:
        raise SynsetFileError(f'Expected "version": {VERSION}; found {_short(file.get("version"))}.')
    return list(file["nouns"])


def _value(kind: type, expected: str) -> Reader:
    def read_value(value: Any, place: str) -> Any:
        # True is an int to Python, and no sense number.
        if type(value) is not kind:
            raise _refuse(place, expected, value)
        return value

    return read_value


def _list_of(reader: Reader) -> Reader:
    def read_list(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _refuse(place, "a list", value)
        return tuple(reader(item, f"{place}[{number}]") for number, item in enumerate(value))

    return read_list


def _object(kind: type, readers: dict[str, Reader]) -> Reader:
    """Return what reads a dataclass from an object with its fields; those with a default may be left out."""
    needed = {field.name for field in fields(kind) if field.default is MISSING}

    def read_object(value: Any, place: str) -> Any:
        if not isinstance(value, dict) or not needed <= set(value) <= set(readers):
            optional = ", ".join(name for name in readers if name not in needed)
            expected = f"an object with {', '.join(name for name in readers if name in needed)}"
            raise _refuse(place, expected + (f" and any of {optional}" if optional else ""), value)
        return kind(**{name: readers[name](item, f"{place}.{name}") for name, item in value.items()})

    return read_object


def _refuse(place: str, expected: str, found: Any) -> SynsetFileError:
    return SynsetFileError(f"{place}: expected {expected}; found {_short(found)}.")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"


_TEXT = _value(str, "a text")
_BOOLEAN = _value(bool, "true or false")
_LEMMA = _object(Lemma, {"text": _TEXT, "sense": _value(int, "a whole number"), "key": _TEXT})
_EXTERNAL_ID = _object(ExternalId, {"scheme": _TEXT, "version": _TEXT, "id": _TEXT})
_read_noun = _object(
    SynsetRecord,
    {
        "wnid": _TEXT,
        "lemmas": _list_of(_LEMMA),
        "hypernyms": _list_of(_TEXT),
        "gloss": _TEXT,
        "instance_of": _list_of(_TEXT),
        "is_imageable": _BOOLEAN,
        "sensitive_reason": _TEXT,
        "is_retired": _BOOLEAN,
        "becomes": _TEXT,
        "external_ids": _list_of(_EXTERNAL_ID),
    },
)


def write(records: Iterable[SynsetRecord]) -> Iterator[str]:
    """Yield the file in pieces, a noun each."""
    yield f'{{"format": "{FORMAT}", "version": {VERSION}, "nouns": ['
    separator = "\n"
    for record in records:
        yield separator + json.dumps(_plain(record), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def _plain(value: Any) -> Any:
    """Return `value` as json can write it: a dataclass as an object without the fields that are as usual."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        return value
    items = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    return {name: _plain(item) for name, item, default in items if item != default}
