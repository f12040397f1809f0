"""Records <-> SKOS, in Turtle or in RDF/XML. Pure.

A noun is a skos:Concept, named <urn:nestwork:noun:n02084071> after its wnid. What other programs understand:

skos:prefLabel, skos:altLabel   its words, the name that pages show as prefLabel
skos:definition                 its gloss
skos:broader                    what it is a kind of, or one instance of
iso-thes:broaderInstantial      those of them that it is one instance of (ISO 25964's refinement of SKOS)
skos:notation                   its external ids; the datatype <urn:nestwork:id:wordnet:3.0> says scheme and version
skos:exactMatch                 its external ids of the scheme "skos", which are URIs of concepts elsewhere
owl:deprecated                  true: it is retired
dcterms:isReplacedBy            the noun that its votes count as while it is retired

SKOS has no word for the rest, which is under <urn:nestwork:taxonomy:>, in one text each, lists as cells.py has them:

lemmas, keys                    its words in order with their sense numbers, and their keys, as in a CSV file
hypernyms, instanceOf, externalIds   such a list in its order, where sorting would give another
isImageable                     false: no picture can show it
sensitiveReason                 why it is sensitive
wnid                            what a concept of another vocabulary is to be called here

Where another program has changed a file, the words of SKOS itself decide: what is in a list alone is gone, and
what is not in it is new.

A file by others needs no more than concepts with labels. A concept's wnid is then "s" and 8 digits from the SHA-256
of its URI, the same in every file, and its URI is kept as an external id. Of several languages English is read, else
what has no language, else the first by its code. A word's sense is counted in the order of the file. skos:narrower
is read as the inverse of skos:broader; all else is passed over.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import quote, unquote

from rdflib import DCTERMS, OWL, RDF, SKOS, XSD, Literal, Namespace, URIRef
from rdflib.term import Node

from taxonomy.formats import cells, rdf
from taxonomy.formats.checks import UnexpectedError, check
from taxonomy.records import WNID, ExternalId, Lemma, SynsetFileError, SynsetRecord

NOUN = "urn:nestwork:noun:"
ID = "urn:nestwork:id:"
SCHEME = URIRef("urn:nestwork:taxonomy")
NESTWORK = Namespace(f"{SCHEME}:")
ISO_THES = Namespace("http://purl.org/iso25964/skos-thes#")
PREFIXES = {
    "rdf": str(RDF),
    "xsd": str(XSD),
    "skos": str(SKOS),
    "iso-thes": str(ISO_THES),
    "owl": str(OWL),
    "dcterms": str(DCTERMS),
    "noun": NOUN,
    "nestwork": str(NESTWORK),
}

LEMMAS, KEYS = NESTWORK.lemmas, NESTWORK.keys
HYPERNYMS, INSTANCE_OF, EXTERNAL_IDS = NESTWORK.hypernyms, NESTWORK.instanceOf, NESTWORK.externalIds
IS_IMAGEABLE, SENSITIVE_REASON, OWN_WNID = NESTWORK.isImageable, NESTWORK.sensitiveReason, NESTWORK.wnid
INSTANTIAL = ISO_THES.broaderInstantial
READ = [
    *(RDF.type, SKOS.prefLabel, SKOS.altLabel, SKOS.definition, SKOS.broader, SKOS.narrower, INSTANTIAL),
    *(SKOS.notation, SKOS.exactMatch, OWL.deprecated, DCTERMS.isReplacedBy, LEMMAS, KEYS, HYPERNYMS),
    *(INSTANCE_OF, EXTERNAL_IDS, IS_IMAGEABLE, SENSITIVE_REASON, OWN_WNID),
]

Item = TypeVar("Item")


def read_turtle(data: bytes) -> Iterator[SynsetRecord]:
    """Yield a record for each concept. Raises SynsetFileError."""
    return _read(rdf.read_turtle(data, READ))


def read_xml(data: bytes) -> Iterator[SynsetRecord]:
    """Yield a record for each concept. Raises SynsetFileError."""
    return _read(rdf.read_xml(data, READ))


def write_turtle(records: Iterable[SynsetRecord]) -> Iterator[str]:
    """Yield a Turtle file, a noun at a time."""
    return rdf.write_turtle(_subjects(records), PREFIXES)


def write_xml(records: Iterable[SynsetRecord]) -> Iterator[str]:
    """Yield an RDF/XML file, a noun at a time. Raises SynsetFileError at a character that XML cannot hold."""
    return rdf.write_xml(_subjects(records), PREFIXES)


def _subjects(records: Iterable[SynsetRecord]) -> Iterator[rdf.Subject]:
    yield SCHEME, [(RDF.type, SKOS.ConceptScheme)]
    for record in records:
        yield _noun(record.wnid), list(_statements(record))


def _noun(wnid: str) -> URIRef:
    return URIRef(f"{NOUN}{wnid}")


def _statements(record: SynsetRecord) -> Iterator[tuple[URIRef, URIRef | Literal]]:
    yield RDF.type, SKOS.Concept
    yield SKOS.inScheme, SCHEME
    yield SKOS.prefLabel, Literal(record.name)
    for text in dict.fromkeys(lemma.text for lemma in record.lemmas):
        if text != record.name:
            yield SKOS.altLabel, Literal(text)
    if record.gloss:
        yield SKOS.definition, Literal(record.gloss)
    for wnid in dict.fromkeys(record.hypernyms + record.instance_of):
        yield SKOS.broader, _noun(wnid)
    for wnid in dict.fromkeys(record.instance_of):
        yield INSTANTIAL, _noun(wnid)
    for external in dict.fromkeys(record.external_ids):
        yield _external_id(external)
    if record.is_retired:
        yield OWL.deprecated, Literal("true", datatype=XSD.boolean)
    if record.becomes:
        yield DCTERMS.isReplacedBy, _noun(record.becomes)
    yield from _our_own(record)


def _our_own(record: SynsetRecord) -> Iterator[tuple[URIRef, Literal]]:
    yield LEMMAS, Literal(cells.write_lemmas(record.lemmas))
    if keys := cells.write_keys(record.lemmas):
        yield KEYS, Literal(keys)
    if record.hypernyms != tuple(sorted(set(record.hypernyms) - set(record.instance_of))):
        yield HYPERNYMS, Literal(" ".join(record.hypernyms))
    if record.instance_of != tuple(sorted(set(record.instance_of))):
        yield INSTANCE_OF, Literal(" ".join(record.instance_of))
    if record.external_ids != tuple(sorted(set(record.external_ids), key=_by_text)):
        yield EXTERNAL_IDS, Literal(cells.write_ids(record.external_ids))
    if not record.is_imageable:
        yield IS_IMAGEABLE, Literal("false", datatype=XSD.boolean)
    if record.sensitive_reason:
        yield SENSITIVE_REASON, Literal(record.sensitive_reason)


def _by_text(external: ExternalId) -> tuple[str, str, str]:
    return external.scheme, external.version, external.id


def _external_id(external: ExternalId) -> tuple[URIRef, URIRef | Literal]:
    if external.scheme == "skos" and not external.version and rdf.IRI.fullmatch(external.id):
        return SKOS.exactMatch, URIRef(external.id)
    datatype = f"{ID}{quote(external.scheme, safe='')}:{quote(external.version, safe='')}"
    return SKOS.notation, Literal(external.id, datatype=URIRef(datatype))


def _read(heard: dict[Node, rdf.Said]) -> Iterator[SynsetRecord]:
    concepts = [subject for subject, said in heard.items() if SKOS.Concept in said.get(RDF.type, ())]
    if not concepts and not any(SKOS.ConceptScheme in said.get(RDF.type, ()) for said in heard.values()):
        raise SynsetFileError("Expected at least one skos:Concept; found none.")
    for subject in list(heard):
        for narrower in heard[subject].get(SKOS.narrower, ()):
            heard[narrower][SKOS.broader].append(subject)
    wnids = _Wnids(heard)
    senses: Counter[str] = Counter()
    for concept in concepts:
        try:
            yield check(_record(concept, heard[concept], wnids, senses))
        except UnexpectedError as error:
            raise SynsetFileError(f"{str(concept)!r}: {error}.") from error


class _Wnids:
    """The wnid of each concept; no two concepts have the same."""

    def __init__(self, heard: dict[Node, rdf.Said]) -> None:
        self.heard = heard
        self.wnids: dict[Node, str] = {}
        self.concepts: dict[str, Node] = {}

    def of(self, concept: Node) -> str:
        """Return the wnid of `concept`. Raises UnexpectedError if another concept has it."""
        if concept not in self.wnids:
            wnid = self._own(concept)
            other = self.concepts.setdefault(wnid, concept)
            if other != concept:
                expected = "a wnid that no other concept has (nestwork:wnid can say one)"
                raise UnexpectedError(expected, f"{wnid}, as for {str(other)!r}")
            self.wnids[concept] = wnid
        return self.wnids[concept]

    def _own(self, concept: Node) -> str:
        if not isinstance(concept, URIRef):
            raise UnexpectedError("a concept with a URI", repr(str(concept)))
        if concept in self.heard and (said := self.heard[concept].get(OWN_WNID)):
            return str(said[0])
        own = concept.removeprefix(NOUN)
        return own if concept.startswith(NOUN) and WNID.fullmatch(own) else hashed_wnid(concept)


def hashed_wnid(uri: str) -> str:
    """Return the wnid of a concept of another vocabulary: "s" and 8 digits from the SHA-256 of its URI."""
    digest = hashlib.sha256(uri.encode(errors="surrogatepass")).digest()
    return f"s{int.from_bytes(digest) % 10**8:08}"


def _record(concept: Node, said: rdf.Said, wnids: _Wnids, senses: Counter[str]) -> SynsetRecord:
    hypernyms, instance_of = _hypernyms(said, wnids)
    replaced_by = [wnids.of(noun) for noun in said.get(DCTERMS.isReplacedBy, ())]
    return SynsetRecord(
        wnid=wnids.of(concept),
        lemmas=_lemmas(said, senses),
        hypernyms=hypernyms,
        gloss=_first(said, SKOS.definition),
        instance_of=instance_of,
        is_imageable=_boolean(said, IS_IMAGEABLE, default=True),
        sensitive_reason=_first(said, SENSITIVE_REASON),
        is_retired=_boolean(said, OWL.deprecated, default=False),
        becomes=min(replaced_by, default=""),
        external_ids=_external_ids(concept, said),
    )


def _hypernyms(said: rdf.Said, wnids: _Wnids) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a concept is a kind of, and what it is one instance of."""
    instantial = {wnids.of(noun) for noun in said.get(INSTANTIAL, ())}
    broader = {wnids.of(noun) for noun in said.get(SKOS.broader, ())} | instantial
    listed = _first(said, HYPERNYMS).split()
    generic = (broader - instantial) | (broader & set(listed))
    return _in_order(listed, generic, str), _in_order(_first(said, INSTANCE_OF).split(), instantial, str)


def _external_ids(concept: Node, said: rdf.Said) -> tuple[ExternalId, ...]:
    ids = {
        ExternalId("skos", "", str(uri)) for uri in said.get(SKOS.exactMatch, ()) if isinstance(uri, URIRef)
    }
    if isinstance(concept, URIRef) and not concept.startswith(NOUN):
        ids.add(ExternalId("skos", "", str(concept)))
    for notation in said.get(SKOS.notation, ()):
        if isinstance(notation, Literal) and notation.datatype and notation.datatype.startswith(ID):
            scheme, _, version = notation.datatype.removeprefix(ID).partition(":")
            ids.add(ExternalId(unquote(scheme), unquote(version), str(notation)))
    return _in_order(cells.read_ids(_first(said, EXTERNAL_IDS)), ids, _by_text)


def _lemmas(said: rdf.Said, senses: Counter[str]) -> tuple[Lemma, ...]:
    """Return the words of a concept, its name first; `senses` counts how often each has been met in the file."""
    labels = [label for label in said.get(SKOS.prefLabel, ()) if isinstance(label, Literal)]
    if not labels:
        raise UnexpectedError("a skos:prefLabel", "none")
    name = min(labels, key=_language_first)
    alike = [*labels, *(label for label in said.get(SKOS.altLabel, ()) if isinstance(label, Literal))]
    words = {str(label) for label in alike if label.language == name.language}
    senses.update(words)
    listed = cells.read_lemmas(_first(said, LEMMAS), _first(said, KEYS)) if LEMMAS in said else ()
    known = {lemma.text for lemma in listed}
    stated = {lemma for lemma in listed if lemma.text in words}
    stated |= {Lemma(word, senses[word]) for word in words - known}
    lemmas = list(_in_order(listed, stated, lambda lemma: (lemma.text, lemma.sense)))
    first = next(lemma for lemma in lemmas if lemma.text == str(name))
    if lemmas[0].text != first.text:
        lemmas.remove(first)
        lemmas.insert(0, first)
    return tuple(lemmas)


def _in_order(
    listed: Iterable[Item], stated: set[Item], key: Callable[[Item], str | tuple[object, ...]]
) -> tuple[Item, ...]:
    """Return what is stated: what is listed in the order of the list, then the rest, sorted."""
    kept = [item for item in listed if item in stated]
    return (*kept, *sorted(stated.difference(kept), key=key))


def _first(said: rdf.Said, predicate: URIRef) -> str:
    """Return the text of a predicate, of several languages the first; nothing at all where there is none."""
    literals = [object_ for object_ in said.get(predicate, ()) if isinstance(object_, Literal)]
    return str(min(literals, key=_language_first)) if literals else ""


def _boolean(said: rdf.Said, predicate: URIRef, *, default: bool) -> bool:
    text = _first(said, predicate)
    if text not in ("", "true", "false"):
        raise UnexpectedError("true or false", repr(text))
    return text == "true" if text else default


def _language_first(literal: Literal) -> tuple[bool, bool, str]:
    language = literal.language or ""
    return not f"{language}-".lower().startswith("en-"), bool(language), language
