"""Every byte of a snapshot, read again."""

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from config.storage import private_storage
from datasets.models import Snapshot
from datasets.verifying import verify, wrong
from labeling.models import Image
from tests.factories import freeze_all, make_settled_collection

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    return freeze_all(make_settled_collection(10), with_votes=True)


def found_wrong(snapshot):
    return wrong(verify(Snapshot.objects.get(pk=snapshot.pk)))


def overwrite(storage, name, data):
    with storage.open(name, "wb") as file:
        file.write(data)


def flip_last_byte(storage, name):
    with storage.open(name, "rb") as file:
        data = bytearray(file.read())
    data[-1] ^= 1
    overwrite(storage, name, bytes(data))


def test_nothing_is_wrong_with_what_was_frozen(snapshot):
    checks = list(verify(snapshot))

    assert wrong(checks) == []
    # The digest, five parts of the seal, two facts of each kept file, and ten pictures.
    assert len(checks) == 1 + 5 + 2 * 5 + 10


def test_a_picture_whose_bytes_changed_is_named(snapshot):
    image = Image.objects.first()
    flip_last_byte(default_storage, image.file.name)

    [sentence] = found_wrong(snapshot)

    assert sentence.startswith(
        f"The SHA-256 of the picture {image.file.name}: expected {image.sha256}; found "
    )


def test_a_picture_that_is_gone_is_named_and_one_that_was_withdrawn_is_not(snapshot):
    gone, withdrawn = Image.objects.all()[:2]
    for image in (gone, withdrawn):
        default_storage.delete(image.file.name)
    withdrawn.withdraw()

    assert found_wrong(snapshot) == [f"Expected the picture {gone.file.name}; it is not there."]


@pytest.mark.parametrize("name", ["manifest", "remainder", "votes"])
def test_a_file_that_is_gone_or_broken_is_named(snapshot, name):
    stored_as = getattr(snapshot, name).name
    overwrite(private_storage(), stored_as, b"PAR1 and no more")
    assert any("Expected a Parquet file" in sentence for sentence in found_wrong(snapshot))

    private_storage().delete(stored_as)
    assert any(f"at {stored_as}; it is not there" in sentence for sentence in found_wrong(snapshot))


def test_another_row_in_the_manifest_is_noticed(snapshot):
    other = freeze_all(make_settled_collection(10))
    with other.open("manifest") as file:
        overwrite(private_storage(), snapshot.manifest.name, file.read())

    assert any(sentence.startswith("The SHA-256 of its rows: expected") for sentence in found_wrong(snapshot))


def test_a_public_file_that_changed_is_noticed(snapshot):
    edition = snapshot.editions.get()
    flip_last_byte(private_storage(), edition.stored_as("manifest.csv"))

    [sentence] = found_wrong(snapshot)

    assert sentence.startswith(f"The SHA-256 of {edition.stored_as('manifest.csv')}: expected")


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("digest", "0" * 64, "The digest of the seal: expected 0000"),
        ("taxonomy", '{"classes": [], "nouns": {}}', "The SHA-256 of its taxonomy: expected"),
        ("seal", "{}", "Frozen before snapshots had seals: its digest cannot be proved."),
    ],
)
def test_a_row_that_somebody_changed_behind_the_databases_back_is_noticed(snapshot, column, value, what):
    trigger = (
        "datasets_frozen_update" if connection.vendor == "sqlite" else "datasets_frozen ON datasets_snapshot"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {trigger}")  # the test's transaction puts it back
        cursor.execute(f"UPDATE datasets_snapshot SET {column} = %s", [value])

    assert [sentence for sentence in found_wrong(snapshot) if sentence.startswith(what)]


def test_the_command_says_that_all_is_well_or_what_is_not(snapshot, capsys):
    call_command("verify_snapshot", snapshot.collection.slug, "1")
    assert capsys.readouterr().out == f"{snapshot}: all is as it was frozen, digest {snapshot.digest}.\n"

    default_storage.delete(Image.objects.first().file.name)
    with pytest.raises(CommandError, match="1 thing is not as frozen"):
        call_command("verify_snapshot", snapshot.collection.slug, "1")
    assert "Expected the picture" in capsys.readouterr().out


def test_the_command_says_what_is_not_there(snapshot):
    with pytest.raises(CommandError, match="There is no snapshot 2 of a collection"):
        call_command("verify_snapshot", snapshot.collection.slug, "2")
