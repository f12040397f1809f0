import numpy as np
import pytest
import torch
from django.utils import timezone

from config.storage import private_storage
from tests.factories import make_run
from tests.training.asked import make_finished
from training import asking
from training.asking import NoNetworkError, network_of
from training.certainty import softmax
from training.models import Run

pytestmark = pytest.mark.django_db

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def fresh():
    asking.forget_networks()
    torch.set_num_threads(1)


def test_an_answer_has_probabilities_at_the_temperature_of_the_run():
    run = make_finished()

    answer = network_of(run).answer(PIXELS)

    np.testing.assert_allclose(answer.probabilities, softmax(answer.logits, temperature=2))
    assert answer.probabilities.shape == (run.snapshot.n_classes,)


def test_a_plain_picture_is_unlike_the_noise_that_it_was_trained_on():
    asked = network_of(make_finished())

    assert asked.answer(PIXELS).is_unfamiliar is False
    assert asked.answer(np.full((8, 8, 3), 200, np.uint8)).is_unfamiliar is True


def test_where_nothing_is_known_of_what_is_familiar_nothing_is_said():
    run = make_finished()
    Run.objects.filter(pk=run.pk).update(novelty="")
    run.refresh_from_db()

    answer = network_of(run).answer(PIXELS)

    assert answer.is_unfamiliar is None
    np.testing.assert_allclose(answer.probabilities, softmax(answer.logits))


def test_a_look_ends_with_the_logits_of_the_answer():
    asked = network_of(make_finished())

    look = asked.look(PIXELS)

    np.testing.assert_allclose(look.between[-1].output, asked.answer(PIXELS).logits, atol=1e-5)


def test_a_network_is_read_once():
    run = make_finished()

    assert network_of(run) is network_of(run)


def test_networks_that_take_too_much_memory_are_let_go_the_oldest_first(monkeypatch):
    first, second = make_finished(), make_finished(hidden=(5,))
    kept = network_of(first)
    monkeypatch.setattr(asking, "MOST_BYTES", kept.n_bytes + 1)

    network_of(second)

    assert network_of(first) is not kept
    assert len(asking._kept) == 1


def test_a_run_without_a_network_says_so():
    with pytest.raises(NoNetworkError, match="Expected a finished run"):
        network_of(make_run())


def test_a_file_that_is_gone_says_so():
    run = make_finished()
    private_storage().delete(run.onnx.name)

    with pytest.raises(NoNetworkError, match="it is not there"):
        network_of(run)


def test_a_network_that_was_trained_again_is_read_again():
    run = make_finished()
    before = network_of(run)
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now())
    run.refresh_from_db()

    assert network_of(run) is not before
