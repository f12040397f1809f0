"""Nouns of another release of a vocabulary -> the nouns that are here already. Pure.

A wnid says nothing by itself: WordNet's offsets change with every release, and one release's offset may be another
noun's in the next. What does say who a noun is: an external id, which names its release, or WordNet's sense keys,
which stay with a sense of a word from release to release.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from taxonomy.records import ExternalId, SynsetRecord


@dataclass(frozen=True)
class Matching:
    """For each record, by its wnid, which noun it is. Each record is in one of these; no two are the same noun."""

    by_id: dict[str, str] = field(default_factory=dict)  # wnid of the record -> wnid of the noun
    by_key: dict[str, str] = field(default_factory=dict)
    # wnid of the record -> its candidates, the likeliest first
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)


def match(
    records: Iterable[SynsetRecord],
    known_ids: Mapping[ExternalId, str],
    known_keys: Mapping[str, set[str]],
) -> Matching:
    """Return which noun that is here each record is.

    known_ids:  external id -> wnid of the noun that has it.
    known_keys: sense key -> wnids of the nouns that have it.

    A record is the noun that has one of its external ids. Failing that, it is the noun that shares the most of its
    keys, if no other noun shares as many and no other record claims that noun as strongly. A record that claims in
    vain, or whose ids or keys say two things, is ambiguous; one that shares nothing with any noun is new.
    """
    result = Matching()
    records = list(records)
    nouns = {record.wnid: {known_ids[i] for i in record.external_ids if i in known_ids} for record in records}
    _match_ids(nouns, result)
    taken = set().union(*nouns.values())
    unknown = (record for record in records if not nouns[record.wnid])
    shared = {record.wnid: _shared_keys(record, known_keys, taken) for record in unknown}
    claims = _claims(shared)
    for wnid, counts in shared.items():
        most = max(counts.values(), default=0)
        best = [noun for noun, count in counts.items() if count == most]
        if not counts:
            result.new.append(wnid)
        elif len(best) == 1 and claims[best[0]] == [wnid]:
            result.by_key[wnid] = best[0]
        else:
            result.ambiguous[wnid] = tuple(sorted(counts, key=lambda noun: (-counts[noun], noun)))
    return result


def _match_ids(nouns: Mapping[str, set[str]], result: Matching) -> None:
    """Put each record whose ids name nouns, `nouns`, into `result`."""
    claimed = Counter(noun for found in nouns.values() for noun in found)
    for wnid, found in nouns.items():
        if len(found) == 1 and all(claimed[noun] == 1 for noun in found):
            result.by_id[wnid] = min(found)
        elif found:
            result.ambiguous[wnid] = tuple(sorted(found))


def _shared_keys(record: SynsetRecord, known_keys: Mapping[str, set[str]], taken: set[str]) -> Counter[str]:
    """Return how many keys of `record` each noun has that is not taken."""
    keys = {lemma.key for lemma in record.lemmas if lemma.key}
    return Counter(noun for key in keys for noun in known_keys.get(key, ()) if noun not in taken)


def _claims(shared: Mapping[str, Counter[str]]) -> dict[str, list[str]]:
    """Return the records that claim each noun most strongly. A record claims those that share the most with it."""
    claims: dict[str, list[str]] = defaultdict(list)
    strength: Counter[str] = Counter()
    for wnid, counts in shared.items():
        most = max(counts.values(), default=0)
        for noun, count in counts.items():
            if count == most and count >= strength[noun]:
                claims[noun] = [*(claims[noun] if count == strength[noun] else []), wnid]
                strength[noun] = count
    return claims
