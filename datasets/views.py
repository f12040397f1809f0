"""A snapshot's page: its data card, its files, and how they are used."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from datasets import citing, describing, downloads, using, wording
from datasets.account import WHOLE, Account
from datasets.models import Edition, Snapshot
from datasets.publishing import MANIFEST_CSV, AtWorkError, current_edition

SHARDS = "webdataset/"  # which may be hundreds


@require_safe
def snapshot_page(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The card. How many test pictures each noun has is for those who edit the collection: where they are few, that
    would tell labels.
    """
    snapshot = _find(slug, number)
    told = describing.account(snapshot, tells_test=snapshot.collection.is_edited_by(request.user))
    edition = _edition(snapshot)
    context = {
        "snapshot": snapshot,
        "told": told,
        **_said(told),
        "edition": edition,
        "examples": describing.examples(edition) if edition else [],
        **_files(request, snapshot, edition),
    }
    return render(request, "datasets/snapshot.html", context)


@require_safe
def old_manifest(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Where the manifest was before there were other files."""
    return redirect("datasets:file", slug, number, MANIFEST_CSV, permanent=True)


def _find(slug: str, number: int) -> Snapshot:
    snapshots = Snapshot.objects.select_related("collection")
    return get_object_or_404(snapshots, collection__slug=slug, number=number)


def _edition(snapshot: Snapshot) -> Edition | None:
    """Return what can be downloaded today; None while a worker makes it."""
    try:
        return current_edition(snapshot)
    except AtWorkError:
        return None


def _said(told: Account) -> dict[str, Any]:
    """Return what words say of the card."""
    return {
        "sentence": wording.sentence(told),
        "limits": wording.limits(told),
        "how_asked": wording.how_asked(told),
        "annotators": wording.annotators(told),
        "alpha_at": round(WHOLE * max(told.alpha or 0, 0)),
        "alpha_means": wording.alpha_means(told.alpha) if told.alpha is not None else "",
        "confidence": [(wording.confidence_words(bar), bar) for bar in told.confidence],
        "votes": [(wording.votes_words(bar), bar) for bar in told.votes],
        "remainder": [(wording.WHY_LEFT_OUT[bar.name], bar) for bar in told.remainder],
    }


def _files(request: HttpRequest, snapshot: Snapshot, edition: Edition | None) -> dict[str, Any]:
    """Return what can be downloaded, lines to copy, and how the snapshot is cited."""
    at = [snapshot.collection.slug, snapshot.number]

    def url_of(name: str) -> str:
        return request.build_absolute_uri(reverse("datasets:file", args=[*at, name]))

    url = request.build_absolute_uri(snapshot.get_absolute_url())
    files = downloads.listing(edition) if edition else []
    return {
        "files": files,
        "plain_files": [file for file in files if not file.name.startswith(SHARDS)],
        "shards": [file for file in files if file.name.startswith(SHARDS)],
        "lines": using.lines([file.name for file in files], url_of) if files else [],
        "proof": using.proof(snapshot, url_of),
        "citation": citing.citation(snapshot, url),
        "bibtex": using.bibtex(snapshot, url),
    }
