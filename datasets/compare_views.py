"""What two snapshots of a collection differ in: a page, a file with all of it, and an answer for programs.

Of test pictures no more is told, to anybody, than how many of their labels changed.
"""

import csv
from collections.abc import Collection as Several
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404 as get_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from datasets import side_by_side
from datasets.compare_serializers import ComparisonSerializer
from datasets.comparing import BY_TAXONOMY, Difference
from datasets.models import Snapshot
from datasets.public import SENSITIVE, WITHDRAWN
from datasets.side_by_side import SideBySide
from labeling.models import Collection, Image

A_PAGE = 48  # pictures
PAIRS = 50  # of nouns, on the page
COLUMNS = (
    "sha256", "split", "what", "old_wnid", "old", "new_wnid", "new", "old_confidence", "new_confidence",
    "old_votes", "new_votes", "why", "changes",
)  # fmt: skip


class Noun(NamedTuple):
    wnid: str
    name: str


class PairRow(NamedTuple):
    old: Noun
    new: Noun
    n: int
    percent_of_most: int
    causes: list[tuple[str, int]]
    numbers: tuple[int, ...]  # of the changes of the taxonomy that made one of the other


class PictureRow(NamedTuple):
    image: Image
    old: Noun
    new: Noun
    difference: Difference
    n_more: int  # votes, or
    n_fewer: int
    numbers: tuple[int, ...]


@require_safe
def compare_page(request: HttpRequest, slug: str) -> HttpResponse:
    """?from= and ?to= say which snapshots; the two latest, unless said. ?page= says which changed pictures."""
    collection = get_object_or_404(Collection, slug=slug)
    snapshots = _snapshots(collection)
    chosen = _chosen(request.GET, snapshots)
    context: dict[str, Any] = {"collection": collection, "snapshots": snapshots, "chosen": chosen}
    if chosen and chosen[0] != chosen[1]:
        context |= _context(*chosen, request.GET.get("page", ""))
    return render(request, "datasets/compare.html", context)


@require_safe
def changes_file(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Every difference between two snapshots as CSV, streamed; ?from= and ?to= as on the page."""
    collection = get_object_or_404(Collection, slug=slug)
    chosen = _chosen(request.GET, _snapshots(collection))
    if chosen is None or chosen[0] == chosen[1]:
        raise Http404(_("Expected two snapshots of the collection."))
    response = StreamingHttpResponse(_lines(*chosen), content_type="text/csv; charset=utf-8")
    name = f"{slug}-{chosen[0].number}-{chosen[1].number}-changes.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class CompareView(APIView):
    """What two snapshots of a collection differ in."""

    @extend_schema(responses=ComparisonSerializer)
    def get(self, request: Request, pk: int, other: int) -> Response:
        """Which labels changed and why, how many pictures came and went and why, and which classes; the older
        snapshot first, whichever is named first. Of test pictures only how many labels changed.
        """
        snapshots = Snapshot.objects.select_related("collection").defer("card")
        older, newer = sorted((get_or_404(snapshots, pk=key) for key in (pk, other)), key=lambda s: s.number)
        try:
            found = side_by_side.side_by_side(older, newer)
        except side_by_side.NotComparableError as error:
            raise ValidationError(str(error), code="not_comparable") from error
        hidden = side_by_side.hidden_nouns(older, newer)
        return Response(ComparisonSerializer(_answer(older, newer, found, hidden)).data)


def _snapshots(collection: Collection) -> list[Snapshot]:
    """Return those of the collection, the latest first. What may be large is read of those alone that are chosen."""
    return list(collection.snapshots.defer("card", "taxonomy").order_by("-number"))


def _chosen(asked: QueryDict, snapshots: list[Snapshot]) -> tuple[Snapshot, Snapshot] | None:
    """Return the older and the newer of the snapshots that are asked for; None where there are no two."""
    if len(snapshots) < 2:
        return None
    by_number = {str(snapshot.number): snapshot for snapshot in snapshots}
    latest, before = snapshots[:2]
    one = by_number.get(asked.get("from", str(before.number)))
    other = by_number.get(asked.get("to", str(latest.number)))
    if one is None or other is None:
        raise Http404(_("Expected the numbers of snapshots of the collection."))
    return (one, other) if one.number <= other.number else (other, one)


def _context(older: Snapshot, newer: Snapshot, page: str) -> dict[str, Any]:
    found = side_by_side.side_by_side(older, newer)
    hidden = side_by_side.hidden_nouns(older, newer)
    names = _Names(older, newer)
    pairs = _pair_rows(found, hidden, names)
    listed = _pictures(found.comparison.changed, hidden)
    turned_page = Paginator(listed, A_PAGE).get_page(page)
    comparison = found.comparison
    return {
        "older": older,
        "newer": newer,
        "comparison": comparison,
        "asked": f"from={older.number}&to={newer.number}&",
        "mean_points": 100 * comparison.drift.mean,
        "n_both": comparison.open.n_kept + comparison.open.n_changed,
        "causes": _most_first(comparison.causes),
        "gone": _most_first(comparison.gone),
        "came": _most_first(comparison.came),
        "pairs": pairs,
        "n_more_pairs": comparison.n_pairs - len(pairs),
        "page": turned_page,
        "pictures": _picture_rows(turned_page, found, names),
        "classes_came": [names.new(wnid) for wnid in _without(newer.classes, older.classes, hidden)],
        "classes_gone": [names.old(wnid) for wnid in _without(older.classes, newer.classes, hidden)],
    }


class _Names:
    """What nouns were called in either snapshot."""

    def __init__(self, older: Snapshot, newer: Snapshot) -> None:
        self._old: dict[str, Any] = older.taxonomy["nouns"]
        self._new: dict[str, Any] = newer.taxonomy["nouns"]

    def old(self, wnid: str | None) -> Noun:
        return self._noun(self._old, wnid)

    def new(self, wnid: str | None) -> Noun:
        return self._noun(self._new, wnid)

    def _noun(self, nouns: Mapping[str, Any], wnid: str | None) -> Noun:
        return Noun(wnid, nouns[wnid]["name"]) if wnid else Noun("", "")


def _without(wnids: Iterable[str], *others: Several[str]) -> list[str]:
    out = set().union(*others)
    return [wnid for wnid in wnids if wnid not in out]


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _pair_rows(found: SideBySide, hidden: set[str], names: _Names) -> list[PairRow]:
    shown = [pair for pair in found.comparison.pairs if hidden.isdisjoint(pair[:2])][:PAIRS]
    return [
        PairRow(
            names.old(pair.old),
            names.new(pair.new),
            pair.n,
            100 * pair.n // shown[0].n,
            _most_first(pair.causes),
            found.turned.get(pair[:2], ()),
        )
        for pair in shown
    ]


def _pictures(changed: Iterable[Difference], hidden: set[str]) -> list[tuple[Difference, Image]]:
    """Return those of the changed pictures that pages may show."""
    told = [each for each in changed if hidden.isdisjoint((each.old, each.new))]
    shown = Image.objects.shown().filter(sha256__in=[each.sha256 for each in told])
    images = {image.sha256: image for image in shown}
    return [(each, images[each.sha256]) for each in told if each.sha256 in images]


def _picture_rows(page: Page[tuple[Difference, Image]], found: SideBySide, names: _Names) -> list[PictureRow]:
    return [
        PictureRow(
            image,
            names.old(each.old),
            names.new(each.new),
            each,
            max(0, (each.new_votes or 0) - (each.old_votes or 0)),
            max(0, (each.old_votes or 0) - (each.new_votes or 0)),
            _numbers(each, found.turned),
        )
        for each, image in page.object_list
    ]


def _numbers(each: Difference, turned: side_by_side.Turned) -> tuple[int, ...]:
    return turned.get((each.old, each.new), ()) if each.old and each.new else ()


def _answer(older: Snapshot, newer: Snapshot, found: SideBySide, hidden: set[str]) -> dict[str, Any]:
    comparison = found.comparison
    return {
        "older": older.pk,
        "newer": newer.pk,
        "n_kept": comparison.open.n_kept,
        "n_changed": comparison.open.n_changed,
        "n_came": comparison.open.n_came,
        "n_gone": comparison.open.n_gone,
        "n_test_changed": comparison.secret.n_changed,
        "causes": dict(comparison.causes),
        "came": dict(comparison.came),
        "gone": dict(comparison.gone),
        "n_surer": comparison.drift.n_surer,
        "n_less_sure": comparison.drift.n_less_sure,
        "mean_drift": comparison.drift.mean,
        "n_pairs": comparison.n_pairs,
        "pairs": [
            {**pair._asdict(), "changes": list(found.turned.get(pair[:2], ()))}
            for pair in comparison.pairs
            if hidden.isdisjoint(pair[:2])
        ],
        "classes_came": _without(newer.classes, older.classes, hidden),
        "classes_gone": _without(older.classes, newer.classes, hidden),
    }


class _Echo:
    """A file for csv.writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(older: Snapshot, newer: Snapshot) -> Iterator[str]:
    writer = csv.writer(_Echo())
    names = _Names(older, newer)
    held = newer.withdrawn_here(), side_by_side.hidden_nouns(older, newer)
    found, turned = side_by_side.all_differences(older, newer)
    yield writer.writerow(COLUMNS)
    for batch in found:
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            each = Difference(*values)
            yield writer.writerow(_line(each, names, _numbers(each, turned), *held))


def _line(
    each: Difference, names: _Names, numbers: tuple[int, ...], withdrawn: set[str], hidden: set[str]
) -> tuple[Any, ...]:
    """Return the cells of one line. What is held back from downloads is no more than named."""
    if each.sha256 in withdrawn or not hidden.isdisjoint((each.old, each.new)):
        reason = WITHDRAWN if each.sha256 in withdrawn else SENSITIVE
        return (each.sha256, each.split, each.what, *("",) * 8, reason, "")
    old, new = names.old(each.old), names.new(each.new)
    return (
        each.sha256, each.split, each.what, *old, *new, each.old_confidence, each.new_confidence,
        each.old_votes, each.new_votes, each.why, " ".join(map(str, numbers)) if each.why == BY_TAXONOMY else "",
    )  # fmt: skip
