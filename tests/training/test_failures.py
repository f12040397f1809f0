import errno

import numpy as np
import pytest
import torch
from botocore.exceptions import EndpointConnectionError
from django.db import OperationalError

from training import failures

# As torch 2.13 words it.
GPU_FULL = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.04 GiB "
    "is free. Process 12 has 78.07 GiB memory in use."
)


def test_a_gpu_without_memory_says_how_much_it_has():
    said = failures.sentence(torch.OutOfMemoryError(GPU_FULL))

    assert said.startswith("The GPU's memory was too small: it has 79.11 GiB. Try a smaller batch size")


def really_raised():
    """Ask this machine's allocator, and NumPy's, for more than there is anywhere."""
    for allocate in (lambda: torch.empty(2**60, dtype=torch.uint8), lambda: np.empty(2**60, np.uint8)):
        try:
            allocate()
        except (RuntimeError, MemoryError) as error:
            yield error


def test_a_machine_without_memory_says_how_much_it_has():
    raised = list(really_raised())

    assert len(raised) == 2
    for error in raised:
        assert failures.sentence(error).startswith("The machine's memory was too small: it has ")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        # As safetensors and SQLite word it, which tell no number.
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OperationalError("database or disk is full"),
    ],
)
def test_a_full_disk_is_a_full_disk_and_does_not_pass(error):
    assert failures.sentence(error).startswith("The disk is full")
    assert not failures.is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA"),
        RuntimeError("CUDA error: unspecified launch failure\nSearch for it"),
    ],
)
def test_a_gpu_that_is_gone_is_named_with_what_it_said_last(error):
    assert "stopped answering (CUDA error: unspecified launch failure)." in failures.sentence(error)


@pytest.mark.parametrize(
    "error", [ValueError("Expected 5; found 6."), KeyError("gloo"), RuntimeError("shape")]
)
def test_what_is_wrong_with_the_code_has_no_sentence(error):
    assert failures.sentence(error) is None
    assert not failures.is_passing(error)
    assert not failures.is_of_another(error)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("server closed the connection unexpectedly"),
        EndpointConnectionError(endpoint_url="http://s3"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_what_cannot_be_reached_may_be_there_again_soon(error):
    assert failures.is_passing(error)
    assert failures.sentence(error) is None


def test_the_death_of_another_of_several_processes_is_told_from_a_failure_of_ones_own():
    of_another = RuntimeError("[gloo/transport/tcp/pair.cc:525] Connection closed by peer [127.0.0.1]:54321")

    assert failures.is_of_another(of_another)
    assert not failures.is_of_another(torch.OutOfMemoryError(GPU_FULL))
