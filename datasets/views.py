"""A snapshot's page and its public manifest."""

import csv
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from datasets.models import Snapshot
from labeling.splits import TEST

PUBLIC_COLUMNS = [
    "sha256",
    "file_name",
    "picture",
    "split",
    "wnid",
    "synset",
    "confidence",
    "n_votes",
    "withdrawn",
]


@require_safe
def snapshot_page(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    snapshot = get_object_or_404(
        Snapshot.objects.select_related("collection"), collection__slug=slug, number=number
    )
    context = {"snapshot": snapshot, "counts": snapshot.counts(), "n_withdrawn": len(snapshot.withdrawn())}
    return render(request, "datasets/snapshot.html", context)


@require_safe
def manifest(request: HttpRequest, slug: str, number: int) -> StreamingHttpResponse:
    """The manifest as CSV, streamed. Test rows carry no label, nor anything that tells of it. A picture that was
    withdrawn since keeps its row, marked with a 1; its address answers no more.
    """
    snapshot = get_object_or_404(Snapshot, collection__slug=slug, number=number)
    response = StreamingHttpResponse(_public_lines(snapshot), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{number}.csv"'
    return response


class _Echo:
    """A file for csv.writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _public_lines(snapshot: Snapshot) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(PUBLIC_COLUMNS)
    withdrawn = snapshot.withdrawn()
    hidden = set(snapshot.sensitive_classes().values_list("wnid", flat=True))
    for row in snapshot.rows():
        # A test row stays: were it left out, that would tell its label.
        if row.wnid in hidden and row.split != TEST:
            continue
        said = ("", "", "", "") if row.split == TEST else (row.wnid, row.synset, row.confidence, row.n_votes)
        picture = f"/pictures/{row.sha256}/"
        is_withdrawn = "1" if row.sha256 in withdrawn else ""
        yield writer.writerow([row.sha256, row.file_name, picture, row.split, *said, is_withdrawn])
