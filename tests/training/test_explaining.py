"""A child process explains what waits for a run: here in this one, with a network that was really trained."""

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from config.storage import private_storage
from labeling.models import Image
from labeling.splits import TRAIN, VAL
from tests.factories import make_run, make_snapshot
from tests.training.explanations import a_picture
from training import explaining
from training.augmenting import scaled
from training.explained import Explained
from training.explaining import explain_claimed
from training.loop import predict
from training.models import Explanation, Run
from training.packing import square
from training.running import execute
from training.trained import trained_network

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def train(snapshot, network):
    run = make_run(snapshot, network=network)
    run.config["epochs"] = 1
    run.save()
    claimed = Run.objects.claim_next()
    execute(claimed)
    claimed.refresh_from_db()
    assert claimed.status == "finished", claimed.error
    return claimed


@pytest.fixture
def run():
    return train(make_snapshot(n_questions=20), "alexnet")


def ask(run, sha256=None, wnid=""):
    Explanation.objects.ask(run, sha256 or a_picture(run), wnid)
    return Explanation.objects.claim_next()


def read(asked):
    asked.refresh_from_db()
    assert asked.status == "finished", asked.error
    with asked.file.open("rb") as file:
        return Explained.from_bytes(file.read())


def test_it_explains_what_the_network_answers(run):
    sha256 = a_picture(run)

    asked = ask(run, sha256)

    assert explain_claimed(asked) == 1

    found = read(asked)
    with default_storage.open(Image.objects.get(sha256=sha256).file.name) as file:
        picture = square(file.read(), 16)
    network = trained_network(run)
    said = predict(network, picture[None])[0]
    logits = network.eval()(scaled(torch.from_numpy(picture.copy())[None]))[0]
    assert (found.picture == picture).all()
    np.testing.assert_allclose(found.probabilities, said, atol=1e-5)
    assert found.label == said.argmax()
    assert found.log_odds == pytest.approx((logits.max() - logits.min()).item(), rel=1e-4)
    assert list(found.maps) == list(found.deletions) == ["gradients", "occlusion", "grad-cam"]
    assert all(each.shape == (16, 16) for each in found.maps.values())
    assert found.maps["gradients"].sum() == pytest.approx(found.explained, rel=0.011, abs=0.011)
    assert (found.maps["grad-cam"] == found.stages[4]).all()


def test_the_curves_begin_with_what_it_answers(run):
    explain_claimed(asked := ask(run))

    found = read(asked)
    for deletion in found.deletions.values():
        starts = [deletion.marked[0], deletion.weakest[0], *deletion.at_random[:, 0]]
        np.testing.assert_allclose(starts, found.probabilities[found.label], atol=1e-5)
        # All is gray at the end, whatever went first.
        np.testing.assert_allclose(
            deletion.marked[-1], [deletion.weakest[-1], *deletion.at_random[:1, -1]][0]
        )


def test_another_class_can_be_asked_about(run):
    explain_claimed(ask(run))
    own = read(Explanation.objects.get())
    other = run.snapshot.classes[1 - own.label]

    explain_claimed(asked := ask(run, wnid=other))

    found = read(asked)
    assert found.label == 1 - own.label
    # Of two classes what speaks for the one speaks against the other.
    np.testing.assert_allclose(found.maps["gradients"], -own.maps["gradients"], atol=1e-4)


def test_the_same_is_said_of_the_same_picture(run):
    explain_claimed(one := ask(run))
    first = read(one)
    Explanation.objects.all().delete()

    explain_claimed(again := ask(run))

    second = read(again)
    np.testing.assert_equal(first.maps, second.maps)
    np.testing.assert_equal(first.deletions["gradients"].at_random, second.deletions["gradients"].at_random)


@pytest.mark.parametrize("network", ["perceptron", "mlp"])
def test_a_network_without_convolutions_is_explained_in_two_ways(network):
    explain_claimed(asked := ask(train(make_snapshot(n_questions=20), network)))

    found = read(asked)
    assert list(found.maps) == ["gradients", "occlusion"]
    assert found.stages == {}


def test_one_process_takes_on_what_waits_for_its_run_alone(run):
    other = Run.objects.enqueue_usual(run.snapshot, "mlp")
    Explanation.objects.ask(run, a_picture(run))
    Explanation.objects.ask(other, a_picture(run))
    Explanation.objects.ask(run, a_picture(run, VAL, 1))
    Explanation.objects.ask(run, a_picture(run, TRAIN))

    assert explain_claimed(Explanation.objects.claim_next()) == 3

    assert list(Explanation.objects.queued().values_list("run", flat=True)) == [other.pk]


def test_it_ends_after_a_minute_though_others_wait(run, monkeypatch):
    monkeypatch.setattr(explaining, "TAKES_ON_FOR_S", 0)
    Explanation.objects.ask(run, a_picture(run))
    Explanation.objects.ask(run, a_picture(run, TRAIN))

    assert explain_claimed(Explanation.objects.claim_next()) == 1


def test_one_that_goes_wrong_keeps_no_other_from_being_explained(run):
    Explanation.objects.ask(run, a_picture(run), "n00000000")
    Explanation.objects.ask(run, a_picture(run))

    assert explain_claimed(Explanation.objects.claim_next()) == 2

    wrong, right = Explanation.objects.order_by("pk")
    assert (wrong.status, wrong.error) == ("failed", "Expected one of the run's classes; found n00000000.")
    assert right.status == "finished"


def test_a_picture_that_was_withdrawn_meanwhile_is_not_explained(run):
    asked = ask(run)
    Image.objects.get(sha256=asked.sha256).withdraw()

    explain_claimed(asked)

    asked.refresh_from_db()
    assert (asked.status, asked.error) == ("failed", "Expected a picture that is shown; it was withdrawn.")


def test_a_picture_that_is_gone_is_named(run):
    asked = ask(run)
    name = Image.objects.get(sha256=asked.sha256).file.name
    default_storage.delete(name)

    explain_claimed(asked)

    asked.refresh_from_db()
    assert asked.error == f"Expected the picture {name} in the storage; it is not there."


def test_a_run_without_a_network_is_not_explained():
    run = make_run()
    asked = ask(run)

    explain_claimed(asked)

    asked.refresh_from_db()
    assert asked.error == f"Expected a finished run; {run} is queued."


def test_what_nobody_foresaw_fails_it_and_is_raised(run, monkeypatch):
    monkeypatch.setattr(explaining, "square", lambda data, size_px: 1 / 0)
    asked = ask(run)

    with pytest.raises(ZeroDivisionError):
        explain_claimed(asked)

    asked.refresh_from_db()
    assert asked.error == "Expected to explain it; found ZeroDivisionError: division by zero"


def test_it_says_that_it_lives_while_it_works(run, monkeypatch):
    monkeypatch.setattr(explaining, "BEATS_EVERY_S", 0)
    beats, beat = [], Explanation.beat
    monkeypatch.setattr(Explanation, "beat", lambda self: beats.append(self) or beat(self))

    explain_claimed(ask(run))

    # Gradients, hidden squares, and a curve for each order: 10 random ones and 2 of each map at least.
    assert len(beats) > 16


def test_one_that_another_worker_has_is_left_to_it(run, monkeypatch):
    asked = ask(run)
    Explanation.objects.running().requeue()
    theirs = Explanation.objects.claim_next()

    explain_claimed(asked)

    theirs.refresh_from_db()
    assert (theirs.status, theirs.attempt) == ("running", 2)


def test_one_that_was_taken_away_at_the_end_leaves_no_file(run, monkeypatch):
    asked = ask(run)
    monkeypatch.setattr(Explanation, "finish", lambda self, file: False)

    explain_claimed(asked)

    assert not private_storage().exists(f"runs/{run.pk}/explanations/{asked.pk}-1.npz")


def test_a_command_explains_what_was_claimed(run, capsys):
    asked = ask(run)

    call_command("explain", str(asked.pk), "--attempt", "1")

    assert read(asked)
    assert f"1 explained for {run}." in capsys.readouterr().out


@pytest.mark.parametrize("attempt", ["0", "2"])
def test_a_command_explains_nothing_else(run, attempt):
    asked = ask(run)

    with pytest.raises(CommandError, match="to be claimed by attempt"):
        call_command("explain", str(asked.pk), "--attempt", attempt)
