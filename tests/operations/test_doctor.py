import json
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder

from operations import beats, checks, queues, restoring
from operations.checks import State, database, machine, safety, services

pytestmark = pytest.mark.django_db


def told(check):
    return {finding.check: finding.state for finding in check()}


def doctor(*names, **options):
    """Run the command; return what it wrote and its exit status."""
    out = StringIO()
    try:
        call_command("doctor", *names, stdout=out, no_color=True, **options)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def test_it_says_what_is_well_and_ends_well():
    said, status = doctor("database", "writing", "migrations", "storage")

    assert said.count("ok       ") == 5
    assert said.splitlines()[-1] == "5 ok, 0 warning, 0 wrong."
    assert status == 0


def test_something_wrong_is_told_with_what_to_do_and_by_the_exit_status(monkeypatch):
    monkeypatch.setattr(beats, "heard", list)

    said, status = doctor("beat")

    assert "wrong    beat: It has not been heard of ever" in said
    assert "celery -A config beat" in said
    assert status == 1


def test_programs_get_a_list_of_objects():
    said, status = doctor("database", json=True)

    [finding] = json.loads(said)
    assert finding["check"], finding["state"] == ("database", "ok")
    assert status == 0


def test_an_unknown_check_is_refused_by_its_name():
    with pytest.raises(CommandError, match=r"Expected checks of database, .*; found 'moon'"):
        call_command("doctor", "moon")


def test_a_check_that_breaks_is_itself_a_finding_and_not_the_last(monkeypatch):
    def broken():
        raise ZeroDivisionError("of all things")

    monkeypatch.setitem(checks.CHECKS, "cache", broken)

    first, second = checks.examine(["cache", "database"])

    assert (first.state, second.state) == (State.WRONG, State.OK)
    assert "ZeroDivisionError: of all things" in first.found


# --- The database -------------------------------------------------------------------------------------------------


def test_a_database_that_does_not_answer_is_wrong(monkeypatch):
    def away(_statement):
        raise DatabaseError("could not connect\nto anything")

    monkeypatch.setattr(database, "_row", away)

    [finding] = database.reachable()

    assert finding.state == State.WRONG
    assert finding.found == "It does not answer: could not connect"


def test_trying_to_write_leaves_no_row():
    from django.contrib.sessions.models import Session

    before = Session.objects.count()

    assert told(database.writable) == {"writing": State.OK}
    assert Session.objects.count() == before


def test_a_migration_that_is_missing_is_named():
    MigrationRecorder.Migration.objects.filter(app="labeling", name="0027_room_in_pages").delete()

    [finding] = database.migrations()

    assert finding.state == State.WRONG
    assert "labeling.0027_room_in_pages" in finding.found


def test_a_database_newer_than_the_code_is_told():
    MigrationRecorder.Migration.objects.create(app="labeling", name="9999_of_tomorrow")

    [finding] = database.migrations()

    assert finding.state == State.WARNING
    assert "labeling.9999_of_tomorrow" in finding.found


# --- Workers and beat ---------------------------------------------------------------------------------------------


@pytest.fixture
def _nobody_heard(settings, tmp_path):
    """A place for beats of this test's own."""
    settings.VAR_DIR = tmp_path
    yield
    for beat in beats.heard():
        beats._forget(beat.name)


@pytest.mark.usefixtures("_nobody_heard")
def test_each_queue_has_to_have_a_worker():
    beats.note("worker@here", ["celery"])

    assert told(services.workers) == {
        f"queue {name}": State.OK if name == "celery" else State.WRONG for name in queues.names()
    }


@pytest.mark.usefixtures("_nobody_heard")
def test_a_worker_that_fell_silent_is_none(monkeypatch):
    beats.note("worker@here", queues.names())
    beats.note(beats.BEAT)
    assert {*told(services.workers).values(), *told(services.beat).values()} == {State.OK}

    later = time.time() + beats.SILENT_AFTER_S + 1
    monkeypatch.setattr(time, "time", lambda: later)

    assert {*told(services.workers).values(), *told(services.beat).values()} == {State.WRONG}


@pytest.mark.usefixtures("_nobody_heard")
def test_who_is_silent_for_a_day_is_forgotten(monkeypatch):
    beats.note("worker@old", ["celery"])
    later = time.time() + beats.FORGOTTEN_AFTER_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    beats.note("worker@new", ["celery"])

    assert [beat.name for beat in beats.heard()] == ["worker@new"]
    assert list(beats._read()) == ["worker@new"]


# --- Files, disk, kernel ------------------------------------------------------------------------------------------


def test_both_storages_are_written_read_and_left_clean():
    from django.core.files.storage import storages

    assert told(services.storage) == {"pictures": State.OK, "private files": State.OK}
    assert not any(storages[alias].listdir("operations")[1] for alias in ("default", "private"))


def test_a_storage_that_cannot_be_written_is_wrong(settings, tmp_path):
    (tmp_path / "a file").touch()
    options = {"location": tmp_path / "a file"}
    settings.STORAGES = {
        **settings.STORAGES,
        "private": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options},
    }

    assert told(services.storage) == {"pictures": State.OK, "private files": State.WRONG}


def test_static_files_that_were_collected_before_a_change_are_told(settings, tmp_path):
    settings.DEBUG, settings.STATIC_ROOT = False, tmp_path / "collected"
    call_command("collectstatic", interactive=False, verbosity=0)
    (settings.STATIC_ROOT / "staticfiles.json").touch()
    assert told(machine.static_files) == {"static files": State.OK}

    (settings.STATIC_ROOT / "nestwork.css").write_text("old")

    [finding] = machine.static_files()
    assert finding.state == State.WRONG
    assert "1 are missing or old" in finding.found
    assert "nestwork.css" in finding.found


@pytest.mark.parametrize(("free_gib", "state"), [(0.5, "wrong"), (4, "warning"), (50, "ok")])
def test_a_disk_that_fills_is_told_in_time(monkeypatch, free_gib, state):
    usage = machine.shutil._ntuple_diskusage(100 * machine.GIB, 0, free_gib * machine.GIB)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: usage)

    assert told(machine.disk) == {"disk": state}


def test_a_restore_that_was_killed_is_told_until_it_has_ended(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    assert told(machine.restored) == {}

    restoring.marker().write_text("/backups/2026")

    assert told(machine.restored) == {"restore": State.WRONG}


@pytest.mark.parametrize(("ahead_s", "state"), [(0.1, "ok"), (-5, "warning"), (60, "wrong")])
def test_a_server_with_another_clock_is_told(monkeypatch, ahead_s, state):
    monkeypatch.setattr(machine, "_differences", lambda: [("Redis's clock", ahead_s)])

    assert told(machine.clock) == {"clock": state}


def test_a_protection_that_this_machine_lacks_is_wrong_only_where_it_is_required(settings, monkeypatch):
    found = {"in_force": ["limits", "seccomp"], "lacking": {"landlock": "the kernel is too old"}}
    monkeypatch.setattr(machine, "_protections", lambda: found)
    settings.SANDBOX_REQUIRES = ["limits", "seccomp"]
    assert told(machine.sandbox) == {"sandbox": State.OK}

    settings.SANDBOX_REQUIRES = ["limits", "landlock"]

    [finding] = machine.sandbox()
    assert finding.state == State.WRONG
    assert "landlock (the kernel is too old)" in finding.found


def test_the_protections_are_those_that_a_process_really_gets():
    found = machine._protections()

    assert "limits" in found["in_force"]
    assert not {*found["in_force"]} & {*found["lacking"]}


# --- Settings -----------------------------------------------------------------------------------------------------


def test_debug_is_a_warning_alone(settings):
    settings.DEBUG = True

    assert told(safety.settings_of_a_server) == {"settings": State.WARNING}


def test_the_key_of_development_is_wrong_on_a_server(settings):
    settings.DEBUG, settings.SECRET_KEY = False, "only-for-development-" + "0" * 32

    assert told(safety.settings_of_a_server)["SECRET_KEY"] == State.WRONG


def test_what_django_advises_is_told_with_its_hint(settings):
    settings.DEBUG, settings.SESSION_COOKIE_SECURE, settings.SECRET_KEY = False, False, "long and random" * 5
    settings.SECURE_SSL_REDIRECT = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS, settings.ALLOWED_HOSTS = 1, ["labels.example.org"]

    # Django keeps its checks in a set, so their order is another one in each process.
    assert any("SESSION_COOKIE_SECURE" in finding.found for finding in safety.settings_of_a_server())
