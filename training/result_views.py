"""What a finished network gets right and wrong on the validation split: its page and files, and the button by which
people are asked again.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labeling.asking_again import AskedAgain, Asking
from labeling.calibration import Bin
from labeling.models import Image
from labeling.owning import OwnerRequest
from training.models import Run
from training.results import Cell, Fared, Mistake, Results, Row

A_PAGE = 24  # pictures
NOUNS_A_PAGE = 50
MOST_MEETINGS = 12  # nouns at which mistakes meet
SIDE = 600  # of the drawing, in its own units
SHADES = (0.01, 0.03, 0.1, 0.3)  # between the shades of a cell, by its share of the pictures of its row
# By what the table of nouns can be sorted, and whether the largest come first.
SORTS = {"name": False, "n": True, "recall": False, "precision": False, "f1": False, "taken": True}


@dataclass(frozen=True)
class Chosen:
    """What an address asks to see."""

    at: str  # the noun whose kinds are told apart
    label: str  # keys of groups: only pictures of this one,
    answer: str  # and only those that were taken for that one
    sort: str

    @classmethod
    def of(cls, asked: QueryDict, found: Results) -> "Chosen":
        at = asked.get("at", "")
        at = at if found.is_noun(at) else found.kinds.top
        label, answer = (_key(asked.get(name, ""), at, found) for name in ("truth", "answer"))
        sort = asked.get("sort", "")
        return cls(at, label, answer, sort if sort in SORTS else "recall")

    def query(self, **changes: str) -> str:
        """Return the address's query with these changes."""
        asked = {"at": self.at, "truth": self.label, "answer": self.answer, "sort": self.sort, **changes}
        return urlencode({name: value for name, value in asked.items() if value})

    @property
    def kept(self) -> str:
        """What links to other pages of the list go on from."""
        return f"{self.query()}&"

    @property
    def all_mistakes(self) -> str:
        """The query of the same page with all mistakes in its list."""
        return self.query(truth="", answer="")

    @property
    def is_cell(self) -> bool:
        return bool(self.label and self.answer)


def _key(key: str, at: str, found: Results) -> str:
    return key if key and found.classes_of(key, at) is not None else ""


@dataclass(frozen=True)
class Picture:
    """A picture of the list: what is told of it, and whether people may be asked again."""

    image: Image
    told: Mistake
    asking: Asking | None  # None also for whoever may not ask


@dataclass(frozen=True)
class Head:
    """A column of the table of nouns, by which it can be sorted."""

    name: str
    words: str
    query: str
    direction: str  # "ascending" or "descending" where it is sorted by this; empty otherwise


@dataclass(frozen=True)
class NounRow:
    row: Fared
    query: str  # that shows the pictures of the noun which were taken for something else


@dataclass(frozen=True)
class Point:
    """A bin of confidences, and where it is drawn, y downwards."""

    bin: Bin
    x: float
    y: float
    y_low: float
    y_high: float

    @classmethod
    def of(cls, each: Bin) -> "Point":
        low, high = each.interval
        x, y, y_low, y_high = (
            round(SIDE * share, 1) for share in (each.mean, 1 - each.share, 1 - low, 1 - high)
        )
        return cls(each, x, y, y_low, y_high)

    @property
    def range(self) -> tuple[float, float]:
        """From which confidence to which it goes, in percent."""
        return 100 * self.bin.low, 100 * self.bin.high

    @property
    def interval(self) -> tuple[float, float]:
        low, high = self.bin.interval
        return 100 * low, 100 * high


def _run(pk: int) -> Run:
    return get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)


def _results(pk: int) -> Results:
    """Return what a run's network answers. Raises Http404 where there is none yet, or no picture to show."""
    found = Results.of(_run(pk))
    if not found or not found.n:
        raise Http404
    return found


# --- The page ------------------------------------------------------------------------------------------------------


@require_safe
@never_cache
def mistakes(request: HttpRequest, pk: int) -> HttpResponse:
    """What a network takes for what, and the pictures that it is surest to take for something else."""
    run = _run(pk)
    found = Results.of(run)
    if not found or not found.n:
        return render(request, "training/mistakes.html", {"run": run})
    chosen = Chosen.of(request.GET, found)
    context = {
        "run": run,
        "found": found,
        "chosen": chosen,
        "map": _map(found, chosen),
        "way": [(wnid, found.name(wnid)) for wnid in found.kinds.way(chosen.at)],
        "here": found.name(chosen.at),
        "meetings": [
            (each, found.name(each.noun), found.is_noun(each.noun)) for each in found.meetings[:MOST_MEETINGS]
        ],
        "n_wrong": found.n - found.n_right,
        "nouns": _nouns(request, found, chosen),
        "heads": _heads(chosen),
        "points": [Point.of(each) for each in found.bins],
        **_pictures(request, found, chosen),
    }
    return render(request, "training/mistakes.html", context)


def _map(found: Results, chosen: Chosen) -> list[tuple[Row, str, list[tuple[Cell, str, str]]]]:
    """Return each row of the map with where its name leads, and its cells with their looks and where they lead."""
    return [
        (
            row,
            chosen.query(at=row.key, truth="", answer="")
            if row.n_classes > 1 and found.is_noun(row.key)
            else "",
            [
                (cell, _css(cell), chosen.query(truth=row.key, answer=cell.key) if cell.key else "")
                for cell in row.cells
            ],
        )
        for row in found.map(chosen.at)
    ]


def _css(cell: Cell) -> str:
    shade = 1 + sum(cell.share >= edge for edge in SHADES) if cell.n else 0
    return "shade-right" if cell.is_right else f"shade-{shade}"


def _nouns(request: HttpRequest, found: Results, chosen: Chosen) -> Page[NounRow]:
    rows = [
        NounRow(row, chosen.query(truth=row.wnid, answer=""))
        for row in _sorted(found.fared(chosen.at), chosen.sort)
    ]
    return Paginator(rows, NOUNS_A_PAGE).get_page(request.GET.get("nouns"))


def _heads(chosen: Chosen) -> list[Head]:
    words = {
        "name": _("Noun"),
        "n": _("Pictures"),
        "recall": pgettext("recall", "Found"),
        "precision": _("Held"),
        "f1": _("F1"),
        "taken": _("Most taken for"),
    }
    return [
        Head(name, words[name], chosen.query(sort=name), _direction(name) if name == chosen.sort else "")
        for name in SORTS
    ]


def _direction(sort: str) -> str:
    return "descending" if SORTS[sort] else "ascending"


def _sorted(rows: list[Fared], sort: str) -> list[Fared]:
    """Return the rows in an order; what is not known comes last."""
    if sort == "name":
        return sorted(rows, key=lambda row: row.name)
    column = {"taken": "n_taken_for"}.get(sort, sort)

    def key(row: Fared) -> tuple[bool, float, str]:
        value = getattr(row, column)
        return value is None, (-1 if SORTS[sort] else 1) * (value or 0), row.name

    return sorted(rows, key=key)


def _pictures(request: HttpRequest, found: Results, chosen: Chosen) -> dict[str, Any]:
    """What training/_mistakes_pictures.html needs."""
    inside = found.kinds.classes_of(chosen.at)
    every = found.kinds.classes_of("")
    labels = found.classes_of(chosen.label, chosen.at) if chosen.label else inside
    answers = found.classes_of(chosen.answer, chosen.at) if chosen.answer else every
    places = found.chosen(labels or (), answers or (), only_wrong=not chosen.is_cell)
    page = Paginator(places, A_PAGE).get_page(request.GET.get("page"))
    told = found.mistakes(page.object_list)
    may_ask = found.run.snapshot.collection.is_edited_by(request.user)
    standing = found.standing(told) if may_ask else {}
    images = Image.objects.shown().in_bulk([each.sha256 for each in told], field_name="sha256")
    pictures = [
        Picture(images[each.sha256], each, standing.get(each.sha256))
        for each in told
        if each.sha256 in images
    ]
    return {
        "run": found.run,
        "found": found,
        "chosen": chosen,
        "page": page,
        "pictures": pictures,
        "label_name": found.key_name(chosen.label, chosen.at) if chosen.label else "",
        "answer_name": found.key_name(chosen.answer, chosen.at) if chosen.answer else "",
        "may_ask": may_ask,
        "n_possible": sum(each.asking is not None and each.asking.is_possible for each in pictures),
    }


@require_POST
@login_required
def ask_again(request: OwnerRequest, pk: int) -> HttpResponse:
    """Ask one more person about each picture that was ticked, or whose button was pressed; for whoever edits the
    collection. By htmx the answer is the list as it now stands.
    """
    found = _results(pk)
    if not found.run.snapshot.collection.is_edited_by(request.user):
        raise PermissionDenied
    only = request.POST.get("only")
    hashes = [only] if only else request.POST.getlist("shown" if "every" in request.POST else "sha256")
    outcome = found.ask_again(hashes[:A_PAGE], request.user)
    said = _words(outcome)
    if request.htmx:
        context = {**_pictures(request, found, Chosen.of(request.GET, found)), "said": said}
        return render(request, "training/_mistakes_pictures.html", context)
    messages.success(request, said)
    query = request.GET.urlencode()
    return redirect(f"{reverse('training:mistakes', args=[pk])}{'?' if query else ''}{query}#pictures")


def _words(outcome: AskedAgain) -> str:
    """Say what came of asking again."""
    said = []
    if outcome.n_asked:
        said.append(
            ngettext(
                "Asked again: one more person will see it.",
                "%(n)s are asked again: one more person will see each.",
                outcome.n_asked,
            )
            % {"n": outcome.n_asked}
        )
    if outcome.n_already:
        said.append(
            ngettext("%(n)s was asked again already.", "%(n)s were asked again already.", outcome.n_already)
            % {"n": outcome.n_already}
        )
    if outcome.n_left:
        said.append(
            ngettext(
                "%(n)s is left as it is: gold, withdrawn, or without a label that stands.",
                "%(n)s are left as they are: gold, withdrawn, or without a label that stands.",
                outcome.n_left,
            )
            % {"n": outcome.n_left}
        )
    return " ".join(said) or _("Nothing was ticked, so nobody is asked.")


# --- Files ---------------------------------------------------------------------------------------------------------


class _Echo:
    """A file for csv.writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _csv(name: str, rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    writer = csv.writer(_Echo())
    lines: Iterator[str] = (writer.writerow(row) for row in rows)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@never_cache
def nouns_file(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """How each class fared, as CSV."""
    found = _results(pk)
    header = (
        "wnid", "noun", "pictures", "right", "recall", "precision", "f1", "taken_for", "taken_for_noun",
        "n_taken_for",
    )  # fmt: skip
    rows = (
        (
            each.wnid, each.name, each.n, each.n_right, *map(_cell, (each.recall, each.precision, each.f1)),
            *(("", "") if each.taken_for_wnid in found.hidden else (each.taken_for_wnid, each.taken_for)),
            each.n_taken_for,
        )
        for each in found.fared()
    )  # fmt: skip
    return _csv(f"run-{pk}-nouns.csv", [header, *rows])


def _cell(share: float | None) -> str:
    return "" if share is None else f"{share:.6f}"


@require_safe
@never_cache
def answers_file(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """What the network answers on each picture of the validation split, as CSV: its likeliest guesses."""
    found = _results(pk)
    k = found.answers.guess.shape[1]
    header = [
        "sha256", "label", "probability_of_label", *(f"guess_{i + 1}" for i in range(k)),
        *(f"probability_{i + 1}" for i in range(k)),
    ]  # fmt: skip

    def rows() -> Iterator[list[str]]:
        yield header
        for place in range(found.n):
            [each] = found.mistakes([place])
            guesses = ["" if guess.wnid in found.hidden else guess.wnid for guess in each.guesses]
            probabilities = [_cell(guess.probability) for guess in each.guesses]
            yield [each.sha256, each.label, _cell(each.of_label), *guesses, *probabilities]

    return _csv(f"run-{pk}-answers.csv", rows())
