"""What processes that train together tell each other, by NCCL; one process, since a GPU has room for one."""

import os

import pytest
import torch
from torch import distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from training.config import Config
from training.network import build

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def _alone(tmp_path):
    distributed.init_process_group("nccl", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("_alone")
def test_sums_numbers_and_waiting_go_by_nccl():
    sums, told = torch.tensor([1.5, 2.5], dtype=torch.float64, device="cuda"), [os.getpid()]

    distributed.broadcast_object_list(told)
    distributed.all_reduce(sums)
    distributed.barrier()

    assert told == [os.getpid()]
    assert sums.tolist() == [1.5, 2.5]


@pytest.mark.usefixtures("_alone")
def test_gradients_that_went_by_nccl_are_the_same():
    config = Config("resnet", 8, 1, 4, 0.1, width=4)
    torch.manual_seed(1)
    network = build(config, 3).cuda()
    pictures, labels = torch.rand(4, 3, 8, 8, device="cuda"), torch.tensor([0, 1, 2, 0], device="cuda")

    def gradients(learning):
        network.zero_grad()
        functional.cross_entropy(learning(pictures), labels).backward()
        return [weights.grad.clone() for weights in network.parameters()]

    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        alone, shared = gradients(network), gradients(DistributedDataParallel(network))

    assert all(torch.equal(ours, theirs) for ours, theirs in zip(alone, shared, strict=True))
