"""What pages of nouns, which know no pictures, show of them."""

from typing import Any

from django import template

from labeling.noun_pictures import MOST_AT_ONCE, shown_under
from taxonomy.models import Synset

register = template.Library()


@register.inclusion_tag("labeling/_noun_pictures.html")
def noun_pictures(synset: Synset, n_counted: int | None) -> dict[str, Any]:
    """Its settled pictures, which then wait for no second request; where many were counted, a part to be fetched."""
    if n_counted and n_counted <= MOST_AT_ONCE:
        return shown_under(synset) | {"are_here": True}
    return {"synset": synset, "n_counted": n_counted}
