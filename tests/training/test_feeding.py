import threading

import numpy as np
import pytest
import torch

from training.augmenting import scaled
from training.dataset import Picked, Split
from training.feeding import Feed, ahead

CPU = torch.device("cpu")


def split_of(n=5, **more):
    """Return n pictures of 8 px; every byte of picture i is i, and so is its label."""
    pictures = np.arange(n, dtype=np.uint8).repeat(8 * 8 * 3).reshape(n, 8, 8, 3)
    return Split(pictures, np.arange(n), **more)


def test_batches_follow_the_order_and_end_with_what_is_left():
    found = list(Feed(split_of(), CPU).batches(np.array([4, 0, 3, 1, 2]), 2))

    assert [targets.tolist() for _, targets in found] == [[4, 0], [3, 1], [2]]
    assert [shown[:, 0, 0, 0].tolist() for shown, _ in found] == [[4, 0], [3, 1], [2]]


def test_batches_are_bytes_and_class_indices():
    (pictures, targets), *_ = Feed(split_of(), CPU).batches(np.arange(5), 2)

    assert pictures.dtype == torch.uint8
    assert pictures.shape == (2, 8, 8, 3)
    assert targets.dtype == torch.int64


def test_where_a_split_has_targets_batches_have_them_too():
    soft = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]], np.float32)

    found = list(Feed(split_of(3, targets=soft), CPU).batches(np.array([2, 0, 1]), 2))

    assert [targets.tolist() for _, targets in found] == [[[0.5, 0.5], [0.25, 0.75]], [[1, 0]]]
    assert found[0][1].dtype == torch.float32


def test_nothing_gives_no_batches():
    assert list(Feed(split_of(), CPU).batches(np.arange(0), 2)) == []


def test_a_read_only_map_is_handed_out_as_copies(tmp_path):
    np.save(tmp_path / "packed.npy", split_of().pictures)
    packed = np.load(tmp_path / "packed.npy", mmap_mode="r")

    ((pictures, _targets),) = Feed(Split(packed, np.arange(5)), CPU).batches(np.array([3, 3]), 2)
    pictures += 1

    assert pictures.unique().tolist() == [4]
    assert packed[3].max() == 3


def test_pictures_picked_from_a_larger_pack_come_in_their_own_order():
    picked = Picked(split_of(6).pictures, np.array([5, 1, 3]))
    split = Split(picked, np.array([0, 1, 2]))

    (batch,) = Feed(split, CPU).batches(np.array([2, 0, 1]), 3)

    assert batch[0][:, 0, 0, 0].tolist() == [3, 5, 1]
    assert batch[1].tolist() == [2, 0, 1]


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_that_is_not_there_is_refused(row):
    feed = Feed(split_of(), CPU)

    with pytest.raises(IndexError, match="Expected rows from 0 to 4; found "):
        next(feed.batches(np.array([2, row]), 2))

    (batch,) = feed.batches(np.array([2, 4]), 2)
    assert batch[1].tolist() == [2, 4]


def test_the_next_job_is_done_while_the_last_result_is_used():
    started = [threading.Event() for _ in range(3)]

    def work(job):
        started[job].set()
        return job

    results = ahead(work, range(3))

    assert next(results) == 0
    assert started[1].wait(10)  # nobody has asked for it yet
    assert not started[2].is_set()
    assert list(results) == [1, 2]


def test_an_error_of_the_thread_is_raised_in_its_place():
    def work(job):
        return 1 // job

    results = ahead(work, [1, 0])

    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_stops_early_leaves_no_thread_behind():
    results = ahead(lambda job: job, range(100))
    next(results)

    results.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feeding")]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("most_bytes", [0, 2**20], ids=["streamed", "resident"])
def test_a_gpu_gets_the_same_batches(most_bytes):
    gpu = torch.device("cuda")
    order = np.random.default_rng(1).permutation(200)

    feed = Feed(split_of(200), gpu, most_bytes)

    assert (feed.resident is None) == (most_bytes == 0)
    for ours, theirs in zip(
        feed.batches(order, 32), Feed(split_of(200), CPU).batches(order, 32), strict=True
    ):
        assert torch.equal(ours[0].cpu(), theirs[0])
        assert torch.equal(ours[1].cpu(), theirs[1])


def test_pictures_that_are_scaled_beforehand_are_the_same(monkeypatch):
    pictures = np.random.default_rng(1).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    split = Split(Picked(pictures, np.array([6, 1, 4])), np.arange(3))
    feed, beforehand, refused = (Feed(split, CPU) for _ in range(3))
    beforehand.scale()
    monkeypatch.setattr("training.feeding.MOST_SCALED_BYTES", 3 * 8 * 8 * 3 * 4 - 1)
    refused.scale()

    [(shown, labels)], [(floats, same)], [(still_bytes, _)] = (
        each.batches(np.array([2, 0]), 2) for each in (feed, beforehand, refused)
    )

    assert torch.equal(scaled(shown), floats)
    assert scaled(floats) is floats
    assert torch.equal(labels, same)
    assert still_bytes.dtype == torch.uint8
