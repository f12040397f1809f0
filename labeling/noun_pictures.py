"""Settled pictures of a noun and of every noun below it, as they are shown to anybody."""

from typing import Any

from accounts.listing import LISTED
from labeling.models import Question
from taxonomy.models import Synset, Tally

MOST_SHOWN = 24
# Of more pictures the noun's page asks when it is there: to count them and to find the first takes longer then.
MOST_AT_ONCE = 1000


def shown_under(synset: Synset) -> dict[str, Any]:
    """Return what templates/labeling/_synset_pictures.html needs. Of very many pictures their number is the one that
    was last tallied.
    """
    below = Question.objects.filter(label__in=Synset.objects.shown().below(synset))
    n_pictures = below.labelled()[:LISTED].count()
    if n_pictures == LISTED:
        tallied = Tally.objects.filter(synset=synset).values_list("n_pictures", flat=True).first()
        n_pictures = max(n_pictures, tallied or 0)
    examples = below.examples().first_few(MOST_SHOWN, n_pictures).telling_inner()
    return {"synset": synset, "n_pictures": n_pictures, "examples": examples}
