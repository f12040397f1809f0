"""What a searching picker shows under its field, wherever a noun is to be chosen."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import flood
from taxonomy.browsing import nearest_above
from taxonomy.forms import picked
from taxonomy.history import today
from taxonomy.models import SynsetQuerySet

MOST_PICKED = 12


def offer_nouns(request: HttpRequest, nouns: SynsetQuerySet) -> HttpResponse:
    """Those of `nouns` that ?q= may mean, as the options of a picker."""
    query = " ".join(request.GET.get("q", "").split())
    flood.spend(request, "searches")
    found = list(nouns.search(query).prefetch_related("lemmas")[: MOST_PICKED + 1])
    shown = found[:MOST_PICKED]
    lines = nearest_above(today().shown_to(request.user), [synset.wnid for synset in shown])
    senses = [(synset, picked(synset), [top.name for top in lines[synset.wnid]]) for synset in shown]
    context = {"senses": senses, "query": query, "is_cut": len(found) > MOST_PICKED}
    return render(request, "taxonomy/_pick.html", context)
