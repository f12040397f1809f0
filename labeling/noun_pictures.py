"""Settled pictures of a noun and of every noun below it, as they are shown to anybody."""

from typing import Any

from labeling.models import Question
from taxonomy.models import Synset

MOST_SHOWN = 24
# Of more pictures the noun's page asks when it is there: to count them and to find the first takes longer then.
MOST_AT_ONCE = 1000


def shown_under(synset: Synset) -> dict[str, Any]:
    """Return what templates/labeling/_synset_pictures.html needs."""
    below = Question.objects.filter(label__in=Synset.objects.shown().below(synset))
    return {
        "synset": synset,
        "n_pictures": below.labelled().count(),
        "examples": below.examples().order_by("position")[:MOST_SHOWN].telling_inner(),
    }
