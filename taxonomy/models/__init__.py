"""The nested nouns, and every change ever made to them. Edges are the truth; Ancestry is a cache of them."""

from taxonomy.models import lookups as lookups  # registers `among`
from taxonomy.models.ledger import Change, Draft
from taxonomy.models.synsets import (
    Ancestry,
    ExternalId,
    Hypernym,
    Lemma,
    Synset,
    SynsetNotFoundError,
    SynsetQuerySet,
    Tally,
)

__all__ = [
    "Ancestry",
    "Change",
    "Draft",
    "ExternalId",
    "Hypernym",
    "Lemma",
    "Synset",
    "SynsetNotFoundError",
    "SynsetQuerySet",
    "Tally",
]
