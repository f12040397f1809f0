import subprocess
import sys

import pytest

from training import devices
from training.devices import lend

LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5f2b8a30-1111-2222-3333-444455556666)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-6a3c9b41-1111-2222-3333-444455556666)
"""
PARTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5f2b8a30-1111-2222-3333-444455556666)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
"""


def test_the_drivers_list_is_read():
    assert devices.listed_ids(LISTED) == [
        "GPU-5f2b8a30-1111-2222-3333-444455556666",
        "GPU-6a3c9b41-1111-2222-3333-444455556666",
    ]
    assert devices.listed_ids("No devices found\n") == []


def test_a_parted_gpu_is_lent_in_its_parts():
    assert devices.listed_ids(PARTED) == [
        "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f",
        "MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb",
    ]


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program of that name first; return how to say what it does."""

    def does(script):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return does


def test_without_a_setting_the_driver_is_asked(nvidia_smi):
    nvidia_smi("echo 'GPU 0: NVIDIA H100 (UUID: GPU-aa)'")

    assert devices.gpus() == ["GPU-aa"]


def test_a_driver_that_fails_leaves_the_cpu_and_is_told(nvidia_smi, caplog):
    nvidia_smi("exit 9")

    assert devices.gpus() == []
    assert "Trainings use the CPU" in caplog.text


@pytest.mark.parametrize(("named", "found"), [(["0", "2"], ["0", "2"]), (["none"], [])])
def test_a_setting_says_which_gpus_there_are(nvidia_smi, named, found):
    nvidia_smi("echo 'GPU 0: NVIDIA H100 (UUID: GPU-aa)'")

    assert devices.gpus(named) == found


def test_a_gpu_is_lent_to_one_at_a_time(tmp_path):
    with lend(tmp_path, ["0", "1"]) as first, lend(tmp_path, ["0", "1"]) as second:
        assert (first.gpus, second.gpus) == (("0",), ("1",))
        with lend(tmp_path, ["0", "1"]) as third:
            assert third is None

    with lend(tmp_path, ["0", "1"]) as again:
        assert again.environment == {"CUDA_VISIBLE_DEVICES": "0"}


def test_who_needs_two_and_finds_one_takes_none(tmp_path):
    with lend(tmp_path, ["0", "1"]):
        with lend(tmp_path, ["0", "1"], n=2) as two:
            assert two is None
        with lend(tmp_path, ["0", "1"]) as one:
            assert one.gpus == ("1",)


def test_who_needs_more_than_there_are_takes_all(tmp_path):
    with lend(tmp_path, ["0", "1"], n=8) as lent:
        assert lent.gpus == ("0", "1")


def test_without_gpus_everybody_is_lent_the_cpu(tmp_path):
    with lend(tmp_path, []) as first, lend(tmp_path, []) as second:
        assert first == second == devices.Lent()
        assert first.environment == {"CUDA_VISIBLE_DEVICES": ""}


def test_a_process_that_was_killed_has_given_its_gpu_back(tmp_path):
    script = """
import sys, time
from pathlib import Path
from training.devices import lend
with lend(Path(sys.argv[1]), ["0"]):
    print("lent", flush=True)
    time.sleep(600)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "lent\n"
        with lend(tmp_path, ["0"]) as lent:
            assert lent is None
        holder.kill()

    with lend(tmp_path, ["0"]) as lent:
        assert lent.gpus == ("0",)


def test_a_child_that_outlives_whoever_started_it_keeps_the_gpu(tmp_path):
    with lend(tmp_path, ["0"]) as lent:
        child = subprocess.Popen(["sleep", "600"], pass_fds=lent.locks)

    with child:
        with lend(tmp_path, ["0"]) as second:
            assert second is None
        child.kill()

    with lend(tmp_path, ["0"]) as third:
        assert third.gpus == ("0",)
