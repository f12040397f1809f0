"""What is received whole and taken in by a worker: in the midst of it anything may break."""

import errno
from datetime import timedelta

import pytest
from django.utils import timezone

from config.storage import private_storage
from labeling import intake as intake_module
from labeling import keeping, receiving, tasks
from labeling.models import Collection, Image, Intake, IntakeLostError, IntakeNote, Question
from labeling.models.intakes import LOST_AFTER, MOST_LOST, UNSTORED_AFTER
from tests.factories import make_collection, make_photograph, make_picture, make_user
from tests.labeling.uploads import tarred, upload, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection() -> Collection:
    return make_collection()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(intake_module, "BATCH", 2)


def receive(collection: Collection, *files, **about: str) -> Intake:
    return receiving.receive(collection, files, make_user(), **{"source": "a test", **about})


def archive(n_pictures: int) -> bytes:
    return zipped({f"{i}.png": make_picture() for i in range(n_pictures)})


def counts(intake: Intake) -> tuple[str, int, int, int]:
    intake.refresh_from_db()
    return intake.state, intake.n_added, intake.n_there, intake.n_refused


def is_stored(intake: Intake, place: int = 0) -> bool:
    return private_storage().exists(intake.stored_as(place))


def let_time_pass(intake: Intake) -> None:
    Intake.objects.filter(pk=intake.pk).update(
        heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1)
    )


def break_after(monkeypatch: pytest.MonkeyPatch, n_pictures: int, error: BaseException) -> None:
    """Have checking break off at the picture after so many."""
    left, check = [n_pictures], keeping.check_and_keep

    def check_some(data, storage):
        left[0] -= 1
        if left[0] < 0:
            raise error
        return check(data, storage)

    monkeypatch.setattr(keeping, "check_and_keep", check_some)


# Taking in


def test_an_archive_is_taken_in_counted_and_then_deleted(collection):
    picture = make_picture()
    sent = zipped({"trip/a.png": picture, "again.png": picture, "notes.txt": b"buy milk"})
    intake = receive(collection, upload("photos.zip", sent), licence="CC0", credit="Ada")
    assert (intake.state, intake.size, is_stored(intake)) == ("waiting", len(sent), True)

    assert receiving.take_in_waiting() == 1

    assert counts(intake) == ("finished", 1, 1, 1)
    assert (intake.n_files, intake.is_stored, is_stored(intake)) == (3, False, False)
    note = intake.notes.get()
    assert (note.place, note.name) == (2, "photos.zip/notes.txt")
    assert note.why.startswith("Expected a JPEG, PNG or WebP picture")
    image = Image.objects.get()
    assert (image.source, image.licence, image.credit) == ("a test", "CC0", "Ada")


def test_several_files_are_taken_in_each_under_its_own_name(collection):
    files = [upload("a.png", make_picture()), upload("b.zip", archive(2)), upload("c.txt", b"buy milk")]
    intake = receive(collection, *files)

    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 3, 0, 1)
    assert [note.name for note in intake.notes.all()] == ["c.txt"]
    assert not any(is_stored(intake, place) for place in range(3))


def test_of_a_tar_nobody_knows_beforehand_how_many_files_it_has(collection, small_batches, monkeypatch):
    intake = receive(collection, upload("a.tar.gz", tarred({f"{i}.png": make_picture() for i in range(5)})))
    seen = []
    expect = Intake.expect
    monkeypatch.setattr(Intake, "expect", lambda self, n_files: (seen.append(n_files), expect(self, n_files)))

    receiving.take_in_waiting()

    assert seen == [None]
    assert counts(intake) == ("finished", 5, 0, 0)
    assert intake.n_files == 5


def test_half_an_archive_is_refused_in_one_sentence(collection):
    sent = archive(3)
    intake = receive(collection, upload("photos.zip", sent[: len(sent) // 2]))

    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 0, 0, 1)
    assert intake.notes.get().why.startswith("Expected a whole ZIP archive; found")


def test_a_picture_that_looks_like_another_is_noted(collection):
    pictures = {f"{width}.jpg": make_photograph(1, (width, width * 3 // 4)) for width in (400, 300)}
    intake = receive(collection, upload("photos.zip", zipped(pictures)))

    receiving.take_in_waiting()

    both = set(Image.objects.values_list("sha256", flat=True))
    assert {*intake.notes.get(place=0).near, *intake.notes.get(place=1).near} == both


def test_the_folder_says_what_is_asked_about_pictures_that_lie_in_none():
    collection = make_collection(kind="verify")
    intake = receive(collection, upload("photos.zip", archive(1)), folder="dog")

    receiving.take_in_waiting()

    assert counts(intake)[0] == "finished"
    assert Question.objects.get().about.name == "dog"


def test_large_uploads_are_spread_over_processes(collection, monkeypatch, small_batches):
    monkeypatch.setattr(receiving, "SPREAD_FROM_BYTES", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    intake = receive(collection, upload("photos.zip", archive(5)))

    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 5, 0, 0)


def test_only_so_many_notes_are_kept_and_every_file_is_counted(collection, small_batches, monkeypatch):
    monkeypatch.setattr("labeling.models.intakes.MOST_NOTES", 3)
    intake = receive(collection, upload("notes.zip", zipped({f"{i}.txt": b"buy milk" for i in range(5)})))

    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 0, 0, 5)
    assert [note.place for note in intake.notes.all()] == [0, 1, 2]


# Breaking off


def test_a_dead_workers_intake_goes_on_where_it_stopped(collection, small_batches, monkeypatch):
    intake = receive(collection, upload("photos.zip", zipped({
        **{f"{i}.png": make_picture() for i in range(4)}, "notes.txt": b"buy milk", "last.png": make_picture(),
    })))  # fmt: skip
    claimed = Intake.objects.claim_next()
    with monkeypatch.context() as patch:
        break_after(patch, 3, SystemExit())  # as a killed worker: the second batch is under way
        patch.setattr(Intake, "mine", lambda self: Intake.objects.filter(pk=self.pk))
        patch.setattr(type(Intake.objects.all()), "requeue", lambda self, _error: 0)  # the dead do nothing
        with pytest.raises(SystemExit):
            receiving.work(claimed)
    assert counts(intake) == ("running", 2, 0, 0)
    let_time_pass(intake)

    receiving.sweep()
    assert counts(intake)[0] == "waiting"
    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 5, 0, 1)
    assert [(note.place, note.name) for note in intake.notes.all()] == [(4, "photos.zip/notes.txt")]
    assert collection.questions.count() == Image.objects.count() == 5
    assert intake.attempt == 2


def test_one_that_beats_is_left_alone(collection):
    intake = receive(collection, upload("photos.zip", archive(1)))
    Intake.objects.claim_next()

    receiving.sweep()

    assert counts(intake)[0] == "running"
    assert is_stored(intake)


def test_a_worker_that_was_replaced_keeps_nothing_of_its_batch(collection, small_batches):
    intake = receive(collection, upload("photos.zip", archive(3)))
    slow = Intake.objects.claim_next()
    let_time_pass(intake)
    receiving.sweep()
    Intake.objects.claim_next()

    receiving.work(slow)

    assert counts(intake) == ("running", 0, 0, 0)
    assert not Question.objects.exists()
    with pytest.raises(IntakeLostError):
        slow.beat()


def test_what_breaks_off_again_and_again_fails_with_a_sentence(collection, monkeypatch):
    intake = receive(collection, upload("photos.zip", archive(1)))
    break_after(monkeypatch, 0, OSError("the disk was pulled out"))

    for _ in range(MOST_LOST):
        with pytest.raises(OSError, match="pulled out"):
            receiving.take_in_waiting()
    receiving.sweep()

    assert counts(intake)[0] == "failed"
    assert intake.error == "It broke off 3 times and got no further; what was taken in before that stays."
    assert (receiving.take_in_waiting(), is_stored(intake)) == (0, False)


def test_a_disk_that_stays_full_is_named(collection, monkeypatch):
    intake = receive(collection, upload("photos.zip", archive(1)))
    break_after(monkeypatch, 0, OSError(errno.ENOSPC, "No space left on device"))

    for _ in range(MOST_LOST):
        with pytest.raises(OSError, match="No space left"):
            receiving.take_in_waiting()

    assert counts(intake)[0] == "failed"
    assert intake.error.startswith("The disk is full where pictures are kept;")


def test_one_that_gets_on_between_is_not_given_up(collection, small_batches, monkeypatch):
    intake = receive(collection, upload("photos.zip", archive(2 * MOST_LOST + 4)))
    for _ in range(MOST_LOST + 1):
        with monkeypatch.context() as patch:
            break_after(patch, 2, OSError("full"))
            with pytest.raises(OSError, match="full"):
                receiving.take_in_waiting()

    receiving.take_in_waiting()

    assert counts(intake) == ("finished", 2 * MOST_LOST + 4, 0, 0)


def test_one_whose_files_are_gone_fails_with_a_sentence(collection):
    intake = receive(collection, upload("photos.zip", archive(1)))
    private_storage().delete(intake.stored_as(0))

    receiving.take_in_waiting()

    assert counts(intake)[0] == "failed"
    assert intake.error == "What was received is not in the storage any more. Send it again."


def test_what_cannot_be_stored_leaves_nothing_behind(collection, monkeypatch):
    def refuse(*_arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr(type(private_storage()), "_save", refuse)
    with pytest.raises(OSError, match="full"):
        receive(collection, upload("photos.zip", archive(1)))

    assert not Intake.objects.exists()


def test_what_a_dead_request_half_stored_is_swept(collection):
    intake = receive(collection, upload("photos.zip", archive(1)))
    Intake.objects.update(state="receiving")
    receiving.sweep()
    assert (counts(intake)[0], is_stored(intake)) == ("receiving", True)
    Intake.objects.update(created_at=timezone.now() - UNSTORED_AFTER - timedelta(seconds=1))

    receiving.sweep()

    assert (counts(intake)[0], is_stored(intake)) == ("failed", False)
    assert intake.error == "It broke off while it was being received. Send it again."


def test_what_a_deleted_collection_left_is_swept_and_nothing_else(collection):
    gone, kept = (
        receive(make_collection(), upload("a.zip", archive(1))),
        receive(collection, upload("b.zip", archive(1))),
    )
    Collection.objects.filter(pk=gone.collection_id).delete()
    assert is_stored(gone)

    tasks.sweep_received_files()

    assert (is_stored(gone), is_stored(kept)) == (False, True)


def test_who_is_forgotten_leaves_no_upload_behind(collection):
    intake = receive(collection, upload("carl.zip", archive(1)))
    Intake.objects.filter(sender=intake.sender).forget()

    assert not Intake.objects.exists()
    assert not is_stored(intake)


# Tasks


def test_the_sweep_wakes_a_worker_while_anything_waits_and_none_works(collection, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.take_in_waiting, "apply_async", lambda **options: woken.append(options))
    tasks.sweep_intakes()
    assert woken == []
    intake = receive(collection, upload("photos.zip", archive(1)))

    tasks.sweep_intakes()
    Intake.objects.claim_next()
    receive(collection, upload("more.zip", archive(1)))
    tasks.sweep_intakes()

    assert woken == [{"expires": 60}]
    assert counts(intake)[0] == "running"


def test_the_task_takes_the_oldest_first_until_nothing_waits(collection):
    first, second = (receive(collection, upload(f"{i}.zip", archive(1))) for i in range(2))

    assert tasks.take_in_waiting() == 2

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.finished_at <= second.started_at
    assert not IntakeNote.objects.exists()
