"""From which confidence labels of each noun settle, where a starter set tells."""

from dataclasses import dataclass
from functools import cached_property

from labeling.models import Collection, Target
from taxonomy.models import Synset

MOST_NOUNS = 50  # that are listed, those that have to be surest


@dataclass(frozen=True)
class Settling:
    n_starters: int  # in the starter set
    n_asked: int  # of those, asked of as many people as the policy says
    starter_votes: int
    wanted: float
    common: Target | None  # None until a refit has read the starter set
    nouns: list[tuple[Synset, Target]]  # the most demanding first
    n_nouns: int

    @cached_property
    def is_cut(self) -> bool:
        return self.n_nouns > len(self.nouns)


def read(collection: Collection) -> Settling | None:
    """Return how sure labels have to be; None without a starter set. It is kept row by row, so nothing is counted."""
    if not collection.n_starters:
        return None
    starters = collection.questions.filter(is_starter=True)
    targets = list(collection.targets.select_related("noun", "collection").order_by("-shift", "noun__name"))
    nouns = [(target.noun, target) for target in targets if target.noun]
    return Settling(
        n_starters=starters.count(),
        n_asked=starters.filter(n_votes__gte=collection.starter_votes).count(),
        starter_votes=collection.starter_votes,
        wanted=collection.target_confidence,
        common=next((target for target in targets if target.noun is None), None),
        nouns=nouns[:MOST_NOUNS],
        n_nouns=len(nouns),
    )
