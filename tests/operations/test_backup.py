import hashlib
import json
import os
import shutil
import signal
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from config.storage import private_storage
from operations import archive, dumping, restoring, stored_files
from operations.archive import Archive, BackupError
from operations.backing_up import back_up
from operations.restoring import NotEmptyError, restore
from tests.browser.test_pages import submit_all_first_class
from tests.factories import make_collection, make_phase, make_run, make_snapshot, make_user, make_vote
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_files_of_other_tests(settings):
    for folder in ("pictures", "private"):
        shutil.rmtree(settings.VAR_DIR / folder, ignore_errors=True)
    restoring.marker().unlink(missing_ok=True)


@pytest.fixture
def site():
    """A site with pictures, votes, a snapshot, a run's weights and an entry, each with its files."""
    collection = make_collection(n_questions=2)
    make_vote(collection, collection.ordered_classes()[0])
    snapshot = make_snapshot()
    run = make_run(snapshot)
    Run.objects.filter(pk=run.pk).update(
        weights=private_storage().save(f"runs/{run.pk}/weights.safetensors", ContentFile(b"weights" * 1000))
    )
    submit_all_first_class(make_phase(snapshot), make_user())
    return snapshot


def table_digests():
    """Return a digest of all rows of each table."""
    digests = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows = sorted(repr(row) for row in cursor.fetchall())
            digests[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return digests


def file_digests():
    found = {}
    for what in stored_files.STORAGES:
        for name in stored_files.names(what):
            with stored_files.open_file(what, name) as file:
                found[what, name] = hashlib.sha256(file.read()).hexdigest()
    return found


def change_everything():
    User.objects.update(first_name="another")
    make_user()
    [weights] = [name for name in stored_files.names("private") if name.endswith("weights.safetensors")]
    private_storage().save(weights, ContentFile(b"others"))
    private_storage().save("a file of later", ContentFile(b"new"))
    stored_files.storage("pictures").delete(next(stored_files.names("pictures")))


def killed(work):
    """Do `work` in a process that dies by it."""
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die(*_whatever):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("site")
def test_what_was_backed_up_comes_back_row_by_row_and_byte_by_byte(tmp_path):
    rows, files = table_digests(), file_digests()
    assert {what for what, _name in files} == {"pictures", "private"}
    back_up(tmp_path)
    change_everything()
    assert table_digests() != rows

    restore(tmp_path, replace=True)

    assert table_digests() == rows
    assert file_digests() == files
    assert not restoring.marker().exists()
    # And again, since a restored database has to be one that can be backed up.
    back_up(tmp_path)
    restore(tmp_path, replace=True)
    assert table_digests() == rows


def test_a_second_backup_copies_only_what_is_new(site, tmp_path):
    first = back_up(tmp_path)
    private_storage().save("one more", ContentFile(b"new"))

    second = back_up(tmp_path)

    assert first.n_copied == first.backup.manifest["n_files"] > 1
    assert second.n_copied == 1
    assert second.backup.manifest["n_files"] == first.backup.manifest["n_files"] + 1


def test_a_site_with_something_in_it_is_not_restored_over(tmp_path):
    make_user()
    back_up(tmp_path)
    make_user()

    with pytest.raises(NotEmptyError, match="--replace"):
        restore(tmp_path)

    assert User.objects.count() == 2


def test_an_empty_site_is_restored_into_without_more_words(tmp_path):
    make_user(email="ada@example.org")
    back_up(tmp_path)
    User.objects.all().delete()

    restore(tmp_path)

    assert User.objects.get().email == "ada@example.org"


@pytest.mark.usefixtures("site")
def test_a_byte_that_has_changed_is_found_before_anything_is(tmp_path):
    backup = back_up(tmp_path).backup
    kept = next(backup.files())
    Archive(tmp_path).object(kept.sha256).write_bytes(b"other")
    make_user()
    before = table_digests()

    with pytest.raises(BackupError, match=f"expected SHA-256 {kept.sha256}; found"):
        restore(tmp_path, replace=True)

    assert table_digests() == before


def test_rows_that_are_fewer_than_the_manifest_says_change_nothing(tmp_path):
    make_user()
    backup = back_up(tmp_path).backup
    make_user()
    before = table_digests()

    with pytest.raises(BackupError, match=r"[Ee]xpected"):
        dumping.load(backup.database, {**backup.manifest["rows"], "accounts_user": 7})

    assert table_digests() == before


def test_a_backup_of_a_newer_site_is_refused(tmp_path):
    folder = back_up(tmp_path).backup.folder
    manifest = json.loads((folder / archive.MANIFEST).read_text())
    manifest["migrations"].append("labeling.9999_of_tomorrow")
    (folder / archive.MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(BackupError, match=r"newer version .* labeling\.9999_of_tomorrow"):
        restore(tmp_path, replace=True)


def test_a_backup_that_was_killed_is_none_and_leaves_nothing(tmp_path, monkeypatch):
    back_up(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(dumping, "dump", die)
        assert killed(lambda: back_up(tmp_path))
    assert len(list(tmp_path.glob(".unfinished-*"))) == 1
    assert len(Archive(tmp_path).backups()) == 1

    back_up(tmp_path)

    assert len(Archive(tmp_path).backups()) == 2
    assert not list(tmp_path.glob(".unfinished-*"))


@pytest.mark.usefixtures("site")
def test_a_restore_that_is_killed_before_the_rows_changes_neither_a_row_nor_a_file_that_is_here(
    tmp_path, monkeypatch
):
    back_up(tmp_path)
    change_everything()
    rows, files = table_digests(), file_digests()
    monkeypatch.setattr(dumping, "load", die)

    assert killed(lambda: restore(tmp_path, replace=True))

    assert table_digests() == rows
    assert files.items() <= file_digests().items()


@pytest.mark.usefixtures("site")
def test_a_restore_that_is_killed_after_the_rows_is_finished_by_the_same_one_again(tmp_path, monkeypatch):
    rows, files = table_digests(), file_digests()
    back_up(tmp_path)
    change_everything()
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_delete_others", die)
        assert killed(lambda: restore(tmp_path, replace=True))
    assert restoring.marker().exists()

    restore(tmp_path, replace=True)

    assert (table_digests(), file_digests()) == (rows, files)
    assert not restoring.marker().exists()


def test_old_backups_go_with_what_only_they_had(tmp_path):
    private_storage().save("changing", ContentFile(b"old"))
    back_up(tmp_path)
    private_storage().save("changing", ContentFile(b"new and longer"))
    out = StringIO()

    call_command("backup", tmp_path, "--keep", "1", stdout=out)

    old, new = (hashlib.sha256(data).hexdigest() for data in (b"old", b"new and longer"))
    assert not Archive(tmp_path).object(old).exists()
    assert Archive(tmp_path).object(new).exists()
    assert "1 older backups were deleted." in out.getvalue()


def test_the_commands_say_what_is_wrong_in_one_sentence(tmp_path):
    with pytest.raises(CommandError, match="Expected a folder of backups"):
        call_command("restore", tmp_path / "nowhere")
    with pytest.raises(CommandError, match="Expected a backup in"):
        call_command("restore", tmp_path)
    with pytest.raises(CommandError, match="--keep: expected 1 or more; found 0"):
        call_command("backup", tmp_path, "--keep", "0")
