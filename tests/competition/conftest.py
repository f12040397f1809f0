"""What tests of contests hand in."""

from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from competition.models import Phase
from datasets.models import Snapshot
from labeling.splits import TEST
from tests.factories import freeze_all, make_phase, make_snapshot


@pytest.fixture
def snapshot(db) -> Snapshot:
    """Twenty pictures, four of them to test on."""
    return make_snapshot(n_questions=20)


@pytest.fixture
def phase(snapshot) -> Phase:
    return make_phase(snapshot)


@pytest.fixture
def later(snapshot) -> Snapshot:
    """The same pictures frozen again, when the first to test on had been found to show the other class."""
    first = next(row for row in snapshot.rows() if row.split == TEST)
    [other] = snapshot.collection.classes.exclude(wnid=first.wnid)
    snapshot.collection.questions.filter(image__sha256=first.sha256).update(label=other)
    return freeze_all(snapshot.collection)


@pytest.fixture
def predictions(snapshot) -> Callable[..., ContentFile]:
    """Make a file whose first guess is right, but for the first `n_wrong` test pictures."""

    def predictions(n_wrong: int = 0) -> ContentFile:
        other = dict(zip(snapshot.classes, reversed(snapshot.classes), strict=True))
        test = [row for row in snapshot.rows() if row.split == TEST]
        guesses = [other[row.wnid] if place < n_wrong else row.wnid for place, row in enumerate(test)]
        lines = [f"{row.sha256},{guess}\n" for row, guess in zip(test, guesses, strict=True)]
        return ContentFile("".join(["image,guess_1\n", *lines]).encode(), name="predictions.csv")

    return predictions
