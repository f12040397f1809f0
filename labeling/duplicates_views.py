"""Pictures of a collection that look alike, two by two, and what becomes of them."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from labeling import reporting
from labeling.models import Collection, Image, NearDuplicate
from labeling.owning import OwnerRequest, owners_only

PAIRS = 12  # on one page


@dataclass(frozen=True)
class Pair:
    """One row of the page: the two pictures, the earlier one first."""

    near: NearDuplicate
    pictures: tuple[Image, Image]

    @property
    def larger(self) -> Image | None:
        """The one with more pixels, if one has."""
        left, right = self.pictures
        n_left, n_right = left.width * left.height, right.width * right.height
        return None if n_left == n_right else left if n_left > n_right else right


@owners_only
def duplicates(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Show what looks alike side by side; a press keeps both, or withdraws one."""
    if request.method == "POST":
        _decide(request, collection)
        asked = urlencode({"page": request.POST.get("page", "1")})
        return redirect(f"{reverse('labeling:duplicates', args=[collection.slug])}?{asked}#pairs")
    page = Paginator(collection.near_duplicates.undecided(), PAIRS).get_page(request.GET.get("page"))
    pairs = _with_pictures(request.user, list(page.object_list))
    return render(
        request, "labeling/own_duplicates.html", {"collection": collection, "page": page, "pairs": pairs}
    )


def _with_pictures(user: User, found: list[NearDuplicate]) -> list[Pair]:
    """Fetch the pictures of all pairs at once, each with what withdrawing it would change."""
    wanted = {pk for near in found for pk in (near.other_id, near.image_id)}
    pictures = {image.pk: image for image in reporting.weighed(user, Image.objects.filter(pk__in=wanted))}
    return [Pair(near, (pictures[near.other_id], pictures[near.image_id])) for near in found]


def _decide(request: OwnerRequest, collection: Collection) -> None:
    """Do what was pressed, and say it."""
    chosen = [int(pk[:18]) for pk in request.POST.getlist("pair") if pk.isdecimal()][:PAIRS]
    pairs = collection.near_duplicates.filter(pk__in=chosen)
    if "withdraw" not in request.POST:
        n = pairs.keep()
        said = ngettext(
            "Both are kept: %(n)d pair is not shown again.",
            "All are kept: %(n)d pairs are not shown again.",
            n,
        )
        messages.success(request, said % {"n": n})
        return
    pair = get_object_or_404(pairs.select_related("collection", "image", "other"))
    image = next((each for each in (pair.image, pair.other) if each.sha256 == request.POST["withdraw"]), None)
    if image is None:
        messages.error(request, _("Choose one of the two pictures to withdraw."))
        return
    try:
        decided = reporting.withdraw_duplicate(pair, image, request.user)
    except reporting.NotYoursToDecideError as error:
        raise PermissionDenied from error
    said = ngettext(
        "Withdrawn, and %(n)d loan of it has ended. The reported pictures offer to put it back.",
        "Withdrawn, and %(n)d loans of it have ended. The reported pictures offer to put it back.",
        decided.n_leases,
    )
    messages.success(request, said % {"n": decided.n_leases})
