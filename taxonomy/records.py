"""A noun as a record: what files hold and importers read. Pure."""

import re
from dataclasses import dataclass

WNID = re.compile(r"[a-z]\d{8}")


class SynsetFileError(ValueError):
    """A file that cannot be read; the message says where, what was expected and what was found."""


@dataclass(frozen=True)
class Lemma:
    text: str
    sense: int  # its rank among the senses of the word; 1 is the commonest
    key: str = (
        ""  # WordNet's sense key, dog%1:05:00::, which outlives its releases; empty where there is none
    )


@dataclass(frozen=True)
class ExternalId:
    """What another vocabulary calls the noun: ("wordnet", "3.0", "02084071-n")."""

    scheme: str
    version: str
    id: str


@dataclass(frozen=True)
class SynsetRecord:
    wnid: str
    lemmas: tuple[Lemma, ...]  # the first is the name that pages show
    hypernyms: tuple[str, ...]  # wnids of what it is a kind of
    gloss: str
    instance_of: tuple[str, ...] = ()  # wnids of what it is one instance of, as Rome is of city
    is_imageable: bool = True
    sensitive_reason: str = ""  # empty: not sensitive
    is_retired: bool = False
    becomes: str = ""  # wnid of the noun that its votes count as while it is retired; empty: none
    external_ids: tuple[ExternalId, ...] = ()

    @property
    def name(self) -> str:
        return self.lemmas[0].text
