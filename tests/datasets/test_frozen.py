"""The database keeps snapshots as they are."""

import pytest
from django.db import IntegrityError, connection, transaction

from datasets.models import Snapshot
from tests.factories import make_snapshot

pytestmark = pytest.mark.django_db


def refused():
    return pytest.raises(IntegrityError, match="A snapshot is frozen: it is never changed or deleted")


@pytest.mark.parametrize("field", ["digest", "manifest", "min_confidence", "number", "card"])
def test_no_field_of_a_snapshot_changes(field):
    snapshot = make_snapshot(n_questions=10)

    with refused(), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(**{field: getattr(Snapshot(number=7), field) or "0"})

    assert getattr(Snapshot.objects.get(), field) == getattr(snapshot, field)


def test_a_snapshot_is_not_saved_again():
    snapshot = make_snapshot(n_questions=10)

    with refused(), transaction.atomic():
        snapshot.save()


def test_a_snapshot_is_not_deleted_even_by_hand():
    snapshot = make_snapshot(n_questions=10)

    with refused(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM datasets_snapshot WHERE id = %s", [snapshot.pk])

    assert Snapshot.objects.get() == snapshot
