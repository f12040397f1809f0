"""The guide's own pages: the roots and a search, and one page a noun."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from taxonomy.models import Synset

MOST_RESULTS = 50


@require_safe
def synset_list(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()
    context = {
        "query": query,
        "roots": Synset.objects.roots().prefetch_related("lemmas"),
        "results": Synset.objects.search(query).prefetch_related("lemmas")[:MOST_RESULTS] if query else [],
    }
    return render(request, "taxonomy/synset_list.html", context)


@require_safe
def synset_page(request: HttpRequest, wnid: str) -> HttpResponse:
    synset = get_object_or_404(Synset.objects.prefetch_related("lemmas"), wnid=wnid)
    context = {
        "synset": synset,
        "paths": synset.paths(),
        "hypernyms": synset.hypernyms.all(),
        "hyponyms": synset.hyponyms.all(),
    }
    return render(request, "taxonomy/synset.html", context)
