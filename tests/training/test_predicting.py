"""A finished network is asked about every picture of its collection."""

import io

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Prediction
from labeling.splits import TRAIN
from tests.factories import make_picture_of, make_run, make_snapshot
from training import predicting, supervising
from training.models import Run
from training.predicting import NotFinishedError, foretell
from training.running import execute

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def run():
    """A network trained on twelve pictures, of twenty that are settled, and one more that came in since."""
    snapshot = make_snapshot(n_questions=20)
    run = make_run(snapshot)
    run.config["epochs"] = 1
    run.save()
    claimed = Run.objects.claim_next()
    execute(claimed)
    claimed.refresh_from_db()
    add_pictures(snapshot.collection, [IncomingPicture("new.png", make_picture_of(TRAIN))], source="a test")
    return claimed


def uses(collection):
    rows = Prediction.objects.filter(question__collection=collection)
    return sorted(rows.values_list("question__image__split", "use"))


def test_it_says_something_of_every_picture_and_what_it_has_learnt_by_heart_is_known(run):
    n = foretell(run)

    assert n == 21
    assert uses(run.snapshot.collection) == sorted(
        [("test", "measures")] * 4
        + [("train", "helps")]
        + [("train", "learnt")] * 12
        + [("val", "measures")] * 4
    )


def test_it_says_what_the_network_says(run):
    foretell(run)

    test = [row for row in run.snapshot.rows() if row.split == "test"]
    with run.predictions.open("rb") as file:
        said = dict(np.load(io.BytesIO(file.read())))
    keys = {wnid: pk for pk, wnid in run.snapshot.collection.classes.values_list("pk", "wnid")}
    for row, probabilities in zip(test, said["probabilities"], strict=True):
        kept = dict(Prediction.objects.get(question__image__sha256=row.sha256).likeliest)
        assert kept == pytest.approx(
            {keys[wnid]: p for wnid, p in zip(run.snapshot.classes, probabilities, strict=True)}, abs=1e-5
        )


def test_asked_again_it_speaks_of_what_is_new_alone(run):
    foretell(run)
    assert foretell(run) == 0

    Prediction.objects.filter(use="helps").delete()

    assert foretell(run) == 1


def test_withdrawn_pictures_are_left_out(run):
    run.snapshot.collection.questions.first().image.withdraw()

    assert foretell(run) == 20


def test_few_pictures_are_in_memory_at_a_time(run, monkeypatch):
    monkeypatch.setattr(predicting, "MOST_BYTES", 16 * 16 * 3 * 2)

    assert foretell(run) == 21


def test_a_run_that_has_not_finished_cannot_be_asked():
    with pytest.raises(NotFinishedError, match=r"Expected a finished run; Run .* is queued"):
        foretell(make_run())


def test_a_picture_that_is_gone_is_named(run):
    name = run.snapshot.collection.questions.first().image.file.name
    default_storage.delete(name)

    with pytest.raises(CommandError, match=f"Expected the picture {name}"):
        call_command("predict", str(run.pk))


def test_a_command_says_how_many(run, capsys):
    call_command("predict", str(run.pk))

    assert f"21 pictures of {run.snapshot.collection} foretold by {run}." in capsys.readouterr().out


def test_a_command_wants_a_run():
    with pytest.raises(CommandError, match="There is no run 7"):
        call_command("predict", "7")


def test_a_worker_asks_in_a_process_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(
        supervising.subprocess, "run", lambda command, **options: asked.append((command, options))
    )

    supervising.predict(7)

    [(command, options)] = asked
    assert command[1:] == ["manage.py", "predict", "7"]
    assert options["check"]
