from dataclasses import replace

import pytest
import torch

from training.config import Config
from training.describing import Layer
from training.execution import Execution

CONFIG = Config("resnet", size_px=8, epochs=1, batch_size=100, learning_rate=0.1)


def layers(kind="convolution", n_multiply_adds=1):
    return [Layer("one", kind, "", (1,), 1, n_multiply_adds)]


@pytest.fixture
def two_threads():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize(("n_multiply_adds", "n_threads"), [(199_999, 1), (200_000, 2)])
def test_small_networks_have_one_thread(two_threads, n_multiply_adds, n_threads):
    execution = Execution.choose(CONFIG, layers(n_multiply_adds=n_multiply_adds))

    assert execution.n_threads == n_threads  # 100 pictures: twenty million a batch


@pytest.mark.parametrize(("kind", "is_last"), [("convolution", True), ("fully connected", False)])
def test_convolutions_have_channels_last(kind, is_last):
    assert Execution.choose(CONFIG, layers(kind)).channels_last is is_last


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for_is_used(precision):
    execution = Execution.choose(replace(CONFIG, precision=precision), layers())

    network, ones = torch.nn.Linear(2, 2).to(execution.device), torch.ones(1, 2, device=execution.device)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1 / 3, 0], [0, 1]]))
    logits = execution.logits(network, ones)

    assert execution.precision == precision
    assert logits.dtype == torch.float32
    is_exact = logits[0, 0] == network(ones)[0, 0]
    assert bool(is_exact) is (precision == "float32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU says by its kind what it does")
@pytest.mark.parametrize(
    ("has_it", "seconds", "precision"),
    [(True, 0.1, "bfloat16"), (True, 0.3, "float32"), (False, 0.1, "float32")],
)
def test_a_processor_computes_in_bfloat16_if_that_is_faster(monkeypatch, has_it, seconds, precision):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_it)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(
        "training.execution._product_s", {torch.bfloat16: seconds, torch.float32: 0.2}.__getitem__
    )

    assert Execution.choose(CONFIG, layers()).precision == precision


def test_whoever_goes_on_computes_as_it_was_begun():
    execution = Execution.choose(replace(CONFIG, precision="float32"), layers())
    begun = {**execution.to_json(), "precision": "bfloat16", "n_threads": 7, "device_name": "another"}

    goes_on = execution.as_begun(begun)

    assert (goes_on.precision, goes_on.n_threads) == ("bfloat16", 7)
    assert goes_on.device_name == execution.device_name


def test_what_was_begun_on_another_kind_of_device_is_computed_as_this_one_likes():
    execution = Execution.choose(CONFIG, layers())
    other = {"cpu": "cuda", "cuda": "cpu"}[execution.device]

    assert execution.as_begun({**execution.to_json(), "device": other, "n_threads": 7}) == execution


def test_threads_are_given_back():
    execution = replace(Execution.choose(CONFIG, layers()), n_threads=3)
    before = torch.get_num_threads()

    with execution.in_force():
        assert torch.get_num_threads() == 3

    assert torch.get_num_threads() == before
