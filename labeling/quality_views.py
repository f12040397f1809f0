"""The page on which organisers see how good the labels of a collection are."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labeling import overview
from labeling.models import Collection, Refit
from labeling.owning import OwnerRequest, owners_only
from labeling.quality import report, settling
from labeling.quality.confusing import Confusion, Row

ANNOTATORS = 25  # on one page


@require_safe
@owners_only
def quality(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Agreement, calibration, how sure labels have to be, what is taken for what, what a label costs, and annotators
    from the least skilled on. ?noun= says which noun's confusions are listed, ?page= which annotators.
    """
    found = report(collection)
    page = Paginator(overview.by_skill(collection).reverse(), ANNOTATORS).get_page(request.GET.get("page"))
    known = overview.known_voters(collection, page.object_list)
    context = {
        "collection": collection,
        "report": found,
        "refits": Refit.objects.of(collection),
        "settling": settling.read(collection),
        "row": _row(found.confusion, request.GET.get("noun", "")),
        "page": page,
        "known": known,
        # What each of those on this page says of nearly everything, if they do.
        "voters": [(voter, found.doubts.said_by.get(voter.skill.annotator_id)) for voter in known.voters],
        "chance_at": known.at(found.doubts.chance),
    }
    return render(request, "labeling/quality.html", context)


def _row(confusion: Confusion | None, wnid: str) -> Row | None:
    """Return what was said of the noun that is asked for; None where nothing was, or none is asked for."""
    choices = confusion.choices if confusion else []
    noun = next((noun for noun in choices if noun.wnid == wnid), None)
    return confusion.row(noun) if confusion and noun else None
