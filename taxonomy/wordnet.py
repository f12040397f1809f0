"""WordNet's own database files -> records. Pure.

`data.noun` holds one noun sense a line and `index.noun` ranks the senses of each word, as the manual page
wndb(5WN) describes. A noun's wnid is "n" and its offset in data.noun. Offsets change with every release, so its
external id says of which release this one is; a word's key, dog%1:05:00:: (senseidx(5WN)), outlives releases.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from taxonomy.records import ExternalId, Lemma, SynsetFileError, SynsetRecord

VERSION = re.compile(r"WordNet (\S+) Copyright")
NOUN = re.compile(
    r"(?P<offset>[0-9]{8}) (?P<lex_file>[0-9]{2}) n (?P<n_words>[0-9a-f]{2}) (?P<rest>[^|]*)\|(?P<gloss>.*)"
)
LEX_ID = re.compile(r"[0-9a-f]")
COUNT = re.compile(r"[0-9]{3}")
POINTER = re.compile(r"\S+ [0-9]{8} [nvasr] [0-9a-f]{4}")
INDEX = re.compile(r"(?P<word>\S+) n (?P<n_senses>[0-9]+) (?P<n_symbols>[0-9]+) (?P<rest>.*)")
OFFSET = re.compile(r"[0-9]{8}")
MARKER = re.compile(r"\((?:a|p|ip)\)$")
SENSE_NAME = re.compile(r"(?P<text>.+)\.n\.(?P<sense>[0-9]{1,9})", re.DOTALL)

Senses = Mapping[str, Sequence[str]]  # a word as index.noun has it -> its offsets, the commonest first


@dataclass(frozen=True)
class WordNet:
    version: str
    records: list[SynsetRecord]  # in the order of data.noun


@dataclass(frozen=True)
class _Place:
    """A line of a file, to say where something was found."""

    path: Path
    line: int

    def refuse(self, expected: str, found: str) -> SynsetFileError:
        return SynsetFileError(f"{self.path.name}, line {self.line}: expected {expected}; found {found}.")


def read_wordnet(folder: Path, version: str | None = None) -> WordNet:
    """Return every noun of the WordNet whose data.noun and index.noun are in `folder`.

    version: what external ids call the release; None takes it from the licence at the top of data.noun.
    Raises SynsetFileError at the first line that is not as wndb(5WN) has it, if a noun's word is not in
    index.noun, or if a pointer leads to no noun.
    """
    data, index = folder / "data.noun", folder / "index.noun"
    lines = list(_lines(data))
    if version is None:
        version = _version(lines, data)
    senses = _read_index(index)
    records: dict[str, SynsetRecord] = {}
    targets: dict[str, _Place] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("  ") or not line:
            continue  # the licence; what follows the last line's end
        place = _Place(data, number)
        record = _noun(line, version, senses, targets, place)
        if record.wnid in records:
            raise place.refuse("each offset once", f"{record.wnid[1:]} again")
        records[record.wnid] = record
    if not records:
        raise SynsetFileError(f"{data.name}: expected at least one noun; found none.")
    for offset, place in targets.items():
        if f"n{offset}" not in records:
            raise place.refuse("pointers to nouns of this file", offset)
    return WordNet(version, list(records.values()))


def _lines(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SynsetFileError(
            f"{path}: expected a file of WordNet's database; found none to read."
        ) from error
    # Not str.splitlines, which would split a gloss at rarer characters too.
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            yield line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise _Place(path, number).refuse("UTF-8 text", repr(error.object[error.start :][:10])) from error


def _version(lines: Iterable[str], path: Path) -> str:
    for line in lines:
        if not line.startswith("  "):
            break
        if match := VERSION.search(line):
            return match[1]
    raise SynsetFileError(
        f"{path.name}: expected a licence that says its version, as in 'WordNet 3.0 Copyright'; found none. "
        "Say which version it is."
    )


def _read_index(path: Path) -> Senses:
    senses: dict[str, Sequence[str]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.startswith("  ") or not line:
            continue
        place = _Place(path, number)
        match = INDEX.fullmatch(line.rstrip())
        if not match:
            raise place.refuse("a word, n, its counts of senses and of pointer symbols, and more", repr(line))
        offsets = match["rest"].split()[int(match["n_symbols"]) + 2 :]
        if len(offsets) != int(match["n_senses"]) or not all(map(OFFSET.fullmatch, offsets)):
            raise place.refuse(f"{match['n_senses']} offsets of 8 digits", repr(" ".join(offsets)))
        senses[match["word"]] = offsets
    return senses


def _noun(line: str, version: str, senses: Senses, targets: dict[str, _Place], place: _Place) -> SynsetRecord:
    """Return the record of one line of data.noun; add to `targets` each noun that it newly points to."""
    match = NOUN.fullmatch(line)
    if not match:
        expected = "an offset of 8 digits, a file of 2, n, a count of words of 2, words, pointers and | gloss"
        raise place.refuse(expected, repr(line[:80]))
    offset, fields, n_words = match["offset"], match["rest"].split(), int(match["n_words"], 16)
    words, lex_ids = fields[: 2 * n_words : 2], fields[1 : 2 * n_words : 2]
    if not words or len(lex_ids) != n_words or not all(map(LEX_ID.fullmatch, lex_ids)):
        raise place.refuse(
            f"{n_words or 'at least 1'} words, each with its lex_id of one hexadecimal digit",
            repr(" ".join(fields[: 2 * n_words])),
        )
    hypernyms: dict[str, list[str]] = defaultdict(list)
    for symbol, target in _pointers(fields[2 * n_words :], place):
        targets.setdefault(target, place)
        hypernyms[symbol].append(f"n{target}")
    return SynsetRecord(
        wnid=f"n{offset}",
        lemmas=tuple(
            _lemma(MARKER.sub("", word), f"{match['lex_file']}:{int(lex_id, 16):02}", offset, senses, place)
            for word, lex_id in zip(words, lex_ids, strict=True)
        ),
        hypernyms=tuple(hypernyms["@"]),
        gloss=match["gloss"].strip(),
        instance_of=tuple(hypernyms["@i"]),
        external_ids=(ExternalId("wordnet", version, f"{offset}-n"),),
    )


def _pointers(fields: list[str], place: _Place) -> Iterator[tuple[str, str]]:
    """Yield symbol and offset of each pointer to a noun; `fields` begin with how many pointers there are."""
    if not fields or not COUNT.fullmatch(fields[0]):
        raise place.refuse("a count of pointers of 3 digits after the words", repr(" ".join(fields[:1])))
    if len(fields) != 1 + 4 * int(fields[0]):
        expected = f"{int(fields[0])} pointers of 4 fields before the gloss"
        raise place.refuse(expected, f"{len(fields) - 1} fields")
    for start in range(1, len(fields), 4):
        pointer = " ".join(fields[start : start + 4])
        if not POINTER.fullmatch(pointer):
            raise place.refuse("a pointer such as '@ 02083346 n 0000'", repr(pointer))
        if fields[start + 2] == "n":
            yield fields[start], fields[start + 1]


def _lemma(word: str, key_tail: str, offset: str, senses: Senses, place: _Place) -> Lemma:
    lower = word.lower()
    offsets = senses.get(lower, ())
    if offset not in offsets:
        raise place.refuse(
            f"a sense {offset} of {lower!r} in index.noun", f"{', '.join(offsets) or 'no sense'}"
        )
    return Lemma(word.replace("_", " "), offsets.index(offset) + 1, f"{lower}%1:{key_tail}::")


def choose(
    records: Sequence[SynsetRecord], under: str | None = None, depth: int | None = None
) -> list[SynsetRecord]:
    """Return `under` and what lies at most `depth` steps below it, with every noun above any of these.

    under: a sense name such as dog.n.01, a wnid, or a word, which names its commonest sense; None: the roots.
    depth: steps by hypernyms and instances, the shortest way; None: all the way down.
    The records keep their order. What they name and do not hold is passed over.
    Raises SynsetFileError if `under` names none of them or if depth is negative.
    """
    if depth is not None and depth < 0:
        raise SynsetFileError(f"Expected a depth of 0 or more; found {depth}.")
    above = {record.wnid: (*record.hypernyms, *record.instance_of) for record in records}
    below = defaultdict(list)
    for wnid, parents in above.items():
        for parent in parents:
            below[parent].append(wnid)
    tops = [wnid for wnid in above if not above[wnid]] if under is None else [_find(records, under)]
    chosen = _reach(tops, below, depth)
    # A retired noun's votes count as another noun, which has to be there too.
    for record in records:
        above[record.wnid] += (record.becomes,)
    kept = _reach(chosen, above, None)
    return [record for record in records if record.wnid in kept]


def _reach(starts: Iterable[str], edges: Mapping[str, Sequence[str]], depth: int | None) -> set[str]:
    """Return `starts` and all that `edges` lead to from them in at most `depth` steps."""
    front = set(starts)
    found = set(front)
    while front and (depth is None or depth > 0):
        front = {end for start in front for end in edges.get(start, ())} - found
        found |= front
        depth = None if depth is None else depth - 1
    return found


def _find(records: Iterable[SynsetRecord], name: str) -> str:
    """Return the wnid of the noun that `name` names, of a word's senses the commonest."""
    match = SENSE_NAME.fullmatch(name)
    word, sense = (match["text"], int(match["sense"])) if match else (name, None)
    word = word.replace("_", " ").lower()
    named: list[tuple[int, str]] = []
    for record in records:
        if record.wnid == name:
            return name
        for lemma in record.lemmas:
            if sense in (None, lemma.sense) and lemma.text.lower() == word:
                named.append((lemma.sense, record.wnid))
    if not named:
        expected = "the name of one of these nouns, such as dog.n.01, dog or n02084071"
        raise SynsetFileError(f"Expected {expected}; found {name!r}.")
    return min(named)[1]
