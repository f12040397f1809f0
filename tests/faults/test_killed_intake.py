"""A worker that is killed in the middle of a large upload loses nothing and counts nothing twice."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from config.storage import private_storage
from labeling import receiving
from labeling.intake import BATCH
from labeling.models import Collection, Image, Intake
from labeling.models.intakes import LOST_AFTER
from labeling.tasks import take_in_waiting
from tests.factories import make_collection, make_photograph, make_user
from tests.faults.conftest import kill_group, wait_until
from tests.labeling.uploads import zipped
from training.minding import is_alive

N_PHOTOGRAPHS = 800
EVERY = 50  # beside one of so many lies the same again and something that is no picture
AN_INTAKE_WORKER = ("--queues", "intake", "--pool", "threads")


@pytest.fixture(scope="module")
def photographs() -> bytes:
    """An archive that keeps several processes busy for some seconds."""
    members: dict[str, bytes] = {}
    for i in range(N_PHOTOGRAPHS):
        members[f"{i}.jpg"] = make_photograph(i, (800, 600))
        if i % EVERY == 0:
            members[f"{i}.txt"] = b"buy milk"
            members[f"{i}-again.jpg"] = members[f"{i}.jpg"]
    return zipped(members)


def receive(photographs: bytes) -> Intake:
    sent = [SimpleUploadedFile("photographs.zip", photographs)]
    return receiving.receive(make_collection(), sent, make_user(), source="a test")


def state(intake: Intake) -> str:
    intake.refresh_from_db()
    return intake.state


def has_begun(intake: Intake) -> bool:
    intake.refresh_from_db()
    return intake.n_done >= BATCH


def report(intake: Intake) -> tuple[tuple[int, ...], list[tuple[int, str, str]]]:
    counts = (intake.n_files, intake.n_added, intake.n_there, intake.n_refused)
    return counts, list(intake.notes.values_list("place", "name", "why"))


def asked_about(collection: Collection) -> set[str]:
    return set(collection.questions.values_list("image__sha256", flat=True))


def descendants(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            yield child
            yield from descendants(child)


@pytest.mark.parametrize("dies", ["with all that it started", "alone"])
def test_an_intake_goes_on_after_its_worker_was_killed(start_worker, photographs, dies):
    intake = receive(photographs)
    take_in_waiting.delay()
    worker = start_worker(*AN_INTAKE_WORKER)
    wait_until(lambda: has_begun(intake), "a batch is taken in")
    helpers = list(descendants(worker.pid))

    if dies == "alone":
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_until(lambda: not any(map(is_alive, helpers)), "the processes that check pictures have ended")
    else:
        kill_group(worker)
    assert state(intake) == "running"
    n_done = intake.n_done
    Intake.objects.update(heartbeat_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    receiving.sweep()
    take_in_waiting.delay()
    start_worker(*AN_INTAKE_WORKER)
    wait_until(lambda: state(intake) == "finished", "the intake is finished")

    n_beside = N_PHOTOGRAPHS // EVERY
    assert len(helpers) >= 2
    assert BATCH <= n_done < N_PHOTOGRAPHS
    assert intake.attempt == 2
    undisturbed = receive(photographs)
    receiving.take_in_waiting()
    undisturbed.refresh_from_db()
    assert report(intake) == report(undisturbed)
    assert report(intake)[0] == (N_PHOTOGRAPHS + 2 * n_beside, N_PHOTOGRAPHS, n_beside, n_beside)
    assert asked_about(intake.collection) == asked_about(undisturbed.collection)
    assert intake.collection.questions.count() == Image.objects.count() == N_PHOTOGRAPHS
    assert not private_storage().exists(intake.stored_as(0))
