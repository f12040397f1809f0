import fcntl
import hashlib
import io
import os
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.packing import PackError, pack, square, whole_file

ROOT = Path(__file__).parents[2]


def png(array, mode=None):
    file = io.BytesIO()
    Image.fromarray(np.asarray(array, np.uint8), mode).save(file, "PNG")
    return file.getvalue()


def grey(value, height=4, width=4):
    return png(np.full((height, width), value))


def test_pictures_are_packed_in_order(tmp_path):
    packed = pack(lambda index: grey(10 * index), 3, 8, tmp_path / "packed.npy")

    assert packed.shape == (3, 8, 8, 3)
    assert packed.dtype == np.uint8
    assert packed[:, 0, 0, 0].tolist() == [0, 10, 20]


def test_a_packed_array_is_a_read_only_map(tmp_path):
    packed = pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")

    assert isinstance(packed, np.memmap)
    assert not packed.flags.writeable


def test_what_is_packed_is_not_read_again(tmp_path):
    first = pack(lambda index: grey(7), 2, 8, tmp_path / "packed.npy")

    second = pack(lambda index: pytest.fail("read again"), 2, 8, tmp_path / "packed.npy")

    np.testing.assert_array_equal(first, second)


def test_a_picture_that_cannot_be_decoded_is_named_and_leaves_nothing(tmp_path):
    files = [grey(1), b"GIF89a, or so it says", grey(3)]

    with pytest.raises(PackError, match=r"^Picture 1 of 3: expected a picture .+ found 21 bytes"):
        pack(files.__getitem__, 3, 8, tmp_path / "packed.npy")

    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_picture_is_refused():
    whole = png(np.random.default_rng(1).integers(0, 256, (64, 64)))

    assert square(whole, 8).shape == (8, 8, 3)
    with pytest.raises(PackError):
        square(whole[: len(whole) // 2], 8)


@pytest.fixture
def two_a_chunk(monkeypatch):
    monkeypatch.setattr("training.packing.CHUNK_PICTURES", 2)


class Died(BaseException):
    """Not an Exception: nothing that the code could catch and answer."""


def dies_at(n):
    """Return what ends a packing once n pictures are packed."""

    def on_progress(n_done):
        if n_done >= n:
            raise Died

    return on_progress


@pytest.mark.usefixtures("two_a_chunk")
def test_the_next_one_goes_on_behind_what_is_whole(tmp_path):
    path, read = tmp_path / "packed.npy", []
    with pytest.raises(Died):
        pack(lambda index: grey(10 * index), 7, 8, path, on_progress=dies_at(4))
    assert not path.exists()

    def note(index):
        read.append(index)
        return grey(10 * index)

    packed = pack(note, 7, 8, path, n_threads=1)

    assert read == [4, 5, 6]
    assert packed[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size == 128 + 7 * 8 * 8 * 3  # and nothing behind the pictures


@pytest.mark.usefixtures("two_a_chunk")
def test_what_dies_while_it_reads_has_lost_no_whole_chunk(tmp_path):
    def read(index):
        if index == 5:
            raise Died
        return grey(index)

    with pytest.raises(Died):
        pack(read, 7, 8, tmp_path / "packed.npy", n_threads=1)
    told = []
    pack(grey, 7, 8, tmp_path / "packed.npy", on_progress=told.append)

    assert told == [4, 6, 7]


@pytest.mark.usefixtures("two_a_chunk")
def test_a_chunk_counts_only_once_its_bytes_are_safe(tmp_path, monkeypatch):
    path, syncs = tmp_path / "packed.npy", iter(range(2))

    def fsync(fd):
        if next(syncs) == 1:
            raise Died  # the power fails

    with monkeypatch.context() as patch:
        patch.setattr("training.packing.os.fsync", fsync)
        with pytest.raises(Died):
            pack(grey, 7, 8, path)
    told = []
    pack(grey, 7, 8, path, on_progress=told.append)

    assert told[0] == 2


SLOW_PACKER = """
import sys, time
from pathlib import Path
from tests.training.test_packing import grey
from training import packing

packing.CHUNK_PICTURES = 2

def tell(n_done):
    print(n_done, flush=True)
    time.sleep(0.05)

packing.pack(grey, 100, 8, Path(sys.argv[1]), on_progress=tell)
"""


@pytest.mark.usefixtures("two_a_chunk")
def test_a_packer_that_is_killed_is_gone_on_from(tmp_path):
    path = tmp_path / "packed.npy"
    command = [sys.executable, "-c", SLOW_PACKER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for line in process.stdout:
            if int(line) >= 10:
                break
        process.kill()
    told = []

    packed = pack(grey, 100, 8, path, on_progress=told.append)

    assert 10 <= told[0] < 100
    assert packed[:, 0, 0, 0].tolist() == list(range(100))


def test_of_two_who_pack_at_once_one_works_and_the_other_waits_and_hears_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("training.packing.CHUNK_PICTURES", 2)
    monkeypatch.setattr("training.packing.LOOK_AGAIN_S", 0.001)
    path, is_waiting, told, n_read = tmp_path / "packed.npy", threading.Event(), [], []

    def read(index):
        n_read.append(index)
        if index == 4:
            assert is_waiting.wait(10)
        return grey(index)

    def wait(n_done):
        told.append(n_done)
        if n_done == 4:
            is_waiting.set()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pack, read, 6, 8, path, n_threads=1)
        while not list(tmp_path.iterdir()):
            pass
        second = threads.submit(pack, read, 6, 8, path, n_threads=1, on_progress=wait)
        results = first.result(), second.result()

    assert sorted(n_read) == [0, 1, 2, 3, 4, 5]
    assert 4 in told
    np.testing.assert_array_equal(*results)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("two_a_chunk")
def test_threads_change_nothing(tmp_path):
    one, four = (
        pack(lambda index: grey(index % 256), 301, 8, tmp_path / f"{n_threads}.npy", n_threads=n_threads)
        for n_threads in (1, 4)
    )

    np.testing.assert_array_equal(one, four)
    assert one[300, 0, 0, 0] == 300 % 256


@pytest.fixture
def little_room():
    """Let no file of this process grow beyond 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


NO_ROOM = r"^Expected 122,880,128 bytes free in /.+ for the packed pictures; found [\d,]+\.$"


@pytest.mark.usefixtures("little_room")
def test_a_disk_without_room_is_one_sentence_and_leaves_nothing(tmp_path):
    with pytest.raises(PackError, match=NO_ROOM):
        pack(lambda index: pytest.fail("read first"), 40_000, 32, tmp_path / "packed.npy")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("little_room")
def test_a_disk_that_keeps_no_room_and_fills_up_leaves_nothing_either(tmp_path, monkeypatch):
    monkeypatch.setattr("training.packing.os.posix_fallocate", lambda *place: None)
    picture = grey(1)

    with pytest.raises(PackError, match=NO_ROOM):
        pack(lambda index: picture, 40_000, 32, tmp_path / "packed.npy")

    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_storage_is_not_taken_for_a_full_disk(tmp_path):
    def read(index):
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        pack(read, 3, 8, tmp_path / "packed.npy")


def test_a_file_that_was_changed_is_refused_by_its_index_and_hash(tmp_path):
    files = [grey(1), grey(2)]
    hashes = [hashlib.sha256(data).hexdigest() for data in files]

    pack(files.__getitem__, 2, 8, tmp_path / "packed.npy", sha256=hashes)
    files[1] = grey(3)
    with pytest.raises(
        PackError, match=f"Picture 1 of 2: expected the file with the SHA-256 {hashes[1]}; found"
    ):
        pack(files.__getitem__, 2, 8, tmp_path / "again.npy", sha256=hashes)


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr("training.packing.CHUNK_BYTES", 2**16)
    picture = grey(1)
    pack(lambda index: picture, 1, 32, tmp_path / "warm.npy")

    tracemalloc.start()
    packed = pack(lambda index: picture, 1000, 32, tmp_path / "packed.npy")
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert packed.nbytes > 3_000_000
    assert most < 600_000


def test_what_was_begun_with_other_pictures_is_begun_anew(tmp_path):
    path = tmp_path / "packed.npy"
    with pytest.raises(Died):
        pack(grey, 7, 16, path, on_progress=dies_at(7))

    packed = pack(grey, 7, 8, path)

    assert packed[:, 0, 0, 0].tolist() == list(range(7))


def test_what_is_left_half_done_for_long_is_removed_unless_somebody_works_on_it(tmp_path):
    abandoned, locked, young = (tmp_path / f"{name}.npy.partial" for name in ("abandoned", "locked", "young"))
    long_ago = time.time() - 8 * 86_400
    for partial in (abandoned, locked, young):
        partial.touch()
        if partial != young:
            os.utime(partial, (long_ago, long_ago))

    with locked.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pack(grey, 2, 8, tmp_path / "packed.npy")

    assert sorted(tmp_path.iterdir()) == sorted([locked, young, tmp_path / "packed.npy"])


def test_a_packed_file_of_another_size_is_refused(tmp_path):
    pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")

    with pytest.raises(
        PackError, match=r"expected uint8 of shape \(2, 9, 9, 3\); found uint8 \(2, 8, 8, 3\)"
    ):
        pack(lambda index: grey(1), 2, 9, tmp_path / "packed.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "packed.npy").write_bytes(b"\x93NUMPY, not really")

    with pytest.raises(PackError, match="expected a packed array of pictures"):
        pack(lambda index: grey(1), 2, 8, tmp_path / "packed.npy")


def test_there_must_be_a_picture_to_pack(tmp_path):
    with pytest.raises(PackError, match="at least one picture to pack; found 0"):
        pack(lambda index: grey(1), 0, 8, tmp_path / "packed.npy")


def test_what_a_killed_writer_left_is_cleared_away_and_what_a_live_one_writes_is_not(tmp_path):
    abandoned, live = tmp_path / "packed.npy.1.partial", tmp_path / "packed.npy.2.partial"
    abandoned.touch()
    live.touch()
    os.utime(abandoned, (time.time() - 7200,) * 2)

    with whole_file(tmp_path / "packed.npy") as partial:
        partial.write_bytes(b"whole")

    assert sorted(tmp_path.iterdir()) == [tmp_path / "packed.npy", live]
    assert (tmp_path / "packed.npy").read_bytes() == b"whole"


def test_the_centre_of_a_wide_picture_is_kept():
    wide = np.zeros((8, 24))
    wide[:, 8:16] = 200

    assert (square(png(wide), 8) == 200).all()


def test_small_pictures_grow_and_large_ones_shrink():
    assert (square(grey(90, 2, 2), 16) == 90).all()
    assert (square(grey(90, 300, 200), 16) == 90).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_picture_becomes_rgb(mode):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(file, "TIFF")

    assert (square(file.getvalue(), 8) == 255).all()
