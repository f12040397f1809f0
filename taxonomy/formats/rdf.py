"""Statements <-> Turtle and RDF/XML. Pure.

rdflib reads; what it reads is handed on at once rather than kept in its indexes, which for WordNet's nouns take a
gigabyte. Writing takes one subject after the other, so that a file of any length needs the memory of one.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.saxutils import escape, quoteattr

from rdflib import Graph, Literal, URIRef
from rdflib.exceptions import ParserError
from rdflib.parser import create_input_source
from rdflib.plugins.parsers.notation3 import BadSyntax
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler, create_parser
from rdflib.plugins.stores.memory import SimpleMemory
from rdflib.term import Node

from taxonomy.formats.checks import decode
from taxonomy.records import SynsetFileError

Said = dict[URIRef, list[Node]]  # predicate -> objects in the order of the file, each as often as it is said
Subject = tuple[URIRef, Sequence[tuple[URIRef, URIRef | Literal]]]  # and its predicates, each with one object
Prefixes = Mapping[str, str]  # prefix -> namespace

# Relative URIs are relative to a file's own, which is not known; the same file has to mean the same anywhere. The
# scheme is one that Python's urljoin resolves against and nobody uses: it would tidy other URIs of a base's scheme.
BASE = "wais://file/"
# What rdflib raises, besides errors of its own, where a file ends too soon or is otherwise malformed.
MALFORMED = (
    *(SyntaxError, LookupError, ValueError, AssertionError, AttributeError),
    *(RecursionError, SAXException, ParserError),
)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\ud800-\udfff]*")
LITERAL_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


class _Listener(SimpleMemory):
    """Where rdflib puts each statement; keeps those with a predicate that is asked for."""

    def __init__(self, predicates: Iterable[URIRef]) -> None:
        super().__init__()
        # The one copy of each to keep: the parser makes a new one wherever it meets a URI.
        self.predicates = {predicate: predicate for predicate in predicates}
        self.heard: dict[Node, Said] = defaultdict(lambda: defaultdict(list))

    def add(self, triple: Any, context: Any, quoted: bool = False) -> None:
        subject, predicate, object_ = triple
        if predicate in self.predicates:
            self.heard[subject][self.predicates[predicate]].append(object_)


class _Joiner(RDFXMLHandler):
    """rdflib's reader of RDF/XML, given each text whole.

    The parser below it hands out a text line by line, and rdflib copies what it has at every line: a text of a
    million lines takes it minutes, and so does one of a few entities made of entities.
    """

    def __init__(self, graph: Graph) -> None:
        self.pieces: list[str] = []
        super().__init__(graph)

    def characters(self, content: str) -> None:
        self.pieces.append(content)

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
        self._hand_on()
        super().startElementNS(name, qname, attrs)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._hand_on()
        super().endElementNS(name, qname)

    def _hand_on(self) -> None:
        if self.pieces:
            super().characters("".join(self.pieces))
            self.pieces.clear()


def read_turtle(data: bytes, predicates: Iterable[URIRef]) -> dict[Node, Said]:
    """Return what the file says with `predicates`, by subject. Raises SynsetFileError."""
    text = decode(data)
    return _heard(predicates, lambda graph: graph.parse(data=text, format="turtle", publicID=BASE))


def read_xml(data: bytes, predicates: Iterable[URIRef]) -> dict[Node, Said]:
    """Return what the file says with `predicates`, by subject. Raises SynsetFileError."""
    return _heard(predicates, lambda graph: _parse_xml(data, graph))


def _parse_xml(data: bytes, graph: Graph) -> None:
    source = create_input_source(data=data, publicID=BASE)
    parser = create_parser(source, graph)
    parser.setContentHandler(_Joiner(graph))
    parser.parse(source)


def _heard(predicates: Iterable[URIRef], parse: Callable[[Graph], object]) -> dict[Node, Said]:
    listener = _Listener(predicates)
    try:
        parse(Graph(store=listener))
    except MALFORMED as error:
        raise SynsetFileError(f"{_where_and_why(error)}.") from error
    return listener.heard


def _where_and_why(error: Exception) -> str:
    """Return, on one line, where the file is malformed and why."""
    if isinstance(error, BadSyntax):
        return f"Line {error.lines + 1}: expected Turtle; found {' '.join(error._why.split())}"
    if isinstance(error, SAXParseException):
        return f"Line {error.getLineNumber()}: expected RDF/XML; found {' '.join(error.getMessage().split())}"
    why = (str(error).splitlines() or [type(error).__name__])[0]
    return f"Expected RDF; found what cannot be read as such: {why}"


def write_turtle(subjects: Iterable[Subject], prefixes: Prefixes) -> Iterator[str]:
    """Yield a Turtle file, a subject at a time."""
    for prefix, namespace in prefixes.items():
        yield f"@prefix {prefix}: <{namespace}> .\n"
    for subject, statements in subjects:
        said = " ;\n    ".join(
            f"{_turtle(predicate, prefixes)} {_turtle(object_, prefixes)}"
            for predicate, object_ in statements
        )
        yield f"\n{_turtle(subject, prefixes)} {said} .\n"


def _turtle(term: URIRef | Literal, prefixes: Prefixes) -> str:
    if isinstance(term, URIRef):
        return _short(term, prefixes) or f"<{term}>"
    datatype = f"^^{_turtle(term.datatype, prefixes)}" if term.datatype else ""
    return f'"{term.translate(LITERAL_ESCAPES)}"{datatype}'


def _short(uri: str, prefixes: Prefixes) -> str:
    for prefix, namespace in prefixes.items():
        if uri.startswith(namespace) and NAME.fullmatch(uri, len(namespace)):
            return f"{prefix}:{uri[len(namespace) :]}"
    return ""


def write_xml(subjects: Iterable[Subject], prefixes: Prefixes) -> Iterator[str]:
    """Yield an RDF/XML file, a subject at a time. Raises SynsetFileError at a character that XML has no way to say.

    Each predicate is of one of the namespaces of `prefixes`, rdf among them.
    """
    names = "".join(f'\n    xmlns:{prefix}="{namespace}"' for prefix, namespace in prefixes.items())
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF{names}>\n'
    for subject, statements in subjects:
        yield f"<rdf:Description rdf:about={quoteattr(subject)}>\n"
        for predicate, object_ in statements:
            yield f"  {_element(_short(predicate, prefixes), object_, subject)}\n"
        yield "</rdf:Description>\n"
    yield "</rdf:RDF>\n"


def _element(name: str, object_: URIRef | Literal, subject: URIRef) -> str:
    if isinstance(object_, URIRef):
        return f"<{name} rdf:resource={quoteattr(object_)}/>"
    if match := NOT_IN_XML.search(object_):
        raise SynsetFileError(
            f"{subject}: expected characters that XML can hold, as Turtle can hold all; found {match[0]!r}."
        )
    datatype = f" rdf:datatype={quoteattr(object_.datatype)}" if object_.datatype else ""
    # A bare carriage return would be read as a line's end.
    return f"<{name}{datatype}>{escape(object_, {chr(13): '&#13;'})}</{name}>"
