"""Records of synsets -> rows. Importing the same file again changes nothing."""

from collections.abc import Iterable

from django.db import transaction

from taxonomy.models import Ancestry, Change, Hypernym, Lemma, Synset
from taxonomy.tree import CycleError
from taxonomy.wordnet import Lemma as LemmaRecord
from taxonomy.wordnet import SynsetRecord


class ImportRefusedError(ValueError):
    """The records contradict each other or the taxonomy; nothing of them is kept."""


@transaction.atomic
def import_synsets(records: Iterable[SynsetRecord], reason: str) -> int:
    """Add the nouns that the taxonomy lacks, with their lemmas and edges; return how many those are.

    A noun that is there already is left as it is, because a curator may have mended it.
    Raises ImportRefusedError if a hypernym is unknown or the edges would form a cycle.
    """
    Change.objects.lock()
    present = set(Synset.objects.values_list("wnid", flat=True))
    new = {record.wnid: record for record in records if record.wnid not in present}
    if not new:
        return 0
    _refuse_bad_hypernyms(new, present)
    Synset.objects.bulk_create(
        [Synset(wnid=r.wnid, name=r.lemmas[0].text, gloss=r.gloss) for r in new.values()], batch_size=2000
    )
    ids = dict(Synset.objects.values_list("wnid", "pk"))
    Lemma.objects.bulk_create(_lemma_rows(new, ids), batch_size=2000)
    Hypernym.objects.bulk_create(_edge_rows(new, ids), batch_size=2000)
    try:
        Ancestry.objects.rebuild()
    except CycleError as error:
        names = Synset.objects.in_bulk(sorted(ids.values()))
        round_trip = " is a ".join(names[sorted(names)[node]].name for node in error.path)
        raise ImportRefusedError(f"Expected no noun above itself; found that {round_trip}.") from error
    Change.objects.create(kind=Change.Kind.IMPORT, reason=reason, details={"wnids": list(new)})
    return len(new)


def _refuse_bad_hypernyms(new: dict[str, SynsetRecord], present: set[str]) -> None:
    for record in new.values():
        name = record.lemmas[0].text
        if record.wnid in record.hypernyms:
            raise ImportRefusedError(f"Expected no noun above itself; found that {name} is a {name}.")
        for hypernym in record.hypernyms:
            if hypernym not in new and hypernym not in present:
                raise ImportRefusedError(
                    f"{record.wnid} ({name}): expected hypernyms that are in this file or in "
                    f"the taxonomy; found {hypernym}."
                )


def _lemma_rows(new: dict[str, SynsetRecord], ids: dict[str, int]) -> list[Lemma]:
    return [
        Lemma(synset_id=ids[r.wnid], text=lemma.text, sense=lemma.sense, position=position)
        for r in new.values()
        for position, lemma in enumerate(_first_of_each_word(r.lemmas))
    ]


def _first_of_each_word(lemmas: Iterable[LemmaRecord]) -> list[LemmaRecord]:
    words: dict[str, LemmaRecord] = {}
    for lemma in lemmas:
        words.setdefault(lemma.text, lemma)
    return list(words.values())


def _edge_rows(new: dict[str, SynsetRecord], ids: dict[str, int]) -> list[Hypernym]:
    return [
        Hypernym(hyponym_id=ids[r.wnid], hypernym_id=ids[hypernym])
        for r in new.values()
        for hypernym in dict.fromkeys(r.hypernyms)
    ]
