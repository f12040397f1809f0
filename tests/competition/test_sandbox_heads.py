import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save

from competition.sandbox.bounds import MOST_NETWORK_BYTES, RefusedError, one_line
from competition.sandbox.heads import refuse_by_head
from competition.sandbox.weights import read_header, refuse_others
from tests.competition.networks import make_model


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (pickle.dumps({"weights": [1.0]}), "a pickle"),
        (pickle.dumps([1], protocol=2), "a pickle"),
        (zipped(), "a ZIP archive"),
        (b"\x7fELF\x02", "a program"),
        (b"image,guess_1\n", "begins with 69 6d"),
    ],
)
def test_what_is_only_named_a_network_is_refused_by_its_first_bytes(data, what):
    with pytest.raises(RefusedError, match=what):
        refuse_by_head("onnx", data, len(data))


def test_a_network_is_not_refused():
    data = make_model().SerializeToString()

    refuse_by_head("onnx", data, len(data))


def test_weights_begin_with_their_header():
    data = save({"w": np.zeros(2, np.float32)})
    refuse_by_head("weights", data[:16], len(data))

    with pytest.raises(RefusedError, match="a header in JSON first"):
        refuse_by_head("weights", make_model().SerializeToString(), 100)


@pytest.mark.parametrize("n_bytes", [0, MOST_NETWORK_BYTES + 1])
def test_nothing_and_too_much_are_refused(n_bytes):
    with pytest.raises(RefusedError, match=f"found {n_bytes:,}"):
        refuse_by_head("onnx", b"\x08\x07", n_bytes)


# --- Headers of weights ---------------------------------------------------------------------------------------------


def header(told, n_data=8):
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(n_data)
    return read_header(io.BytesIO(data), len(data))


def tensor(kind="F32", shape=(2,), span=(0, 8), **more):
    return {"dtype": kind, "shape": list(shape), "data_offsets": list(span), **more}


def test_a_header_says_what_tensors_there_are_and_what_network_they_are_of():
    data = save({"w": np.zeros((2, 3), np.float32)}, {"nestwork": '{"config": {"size_px": 8}}'})

    found = read_header(io.BytesIO(data), len(data))

    assert found.tensors == {"w": ("F32", (2, 3))}
    assert found.about == {"config": {"size_px": 8}}


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (b"{,", "the header as an object in JSON"),
        (b"[1]", "found a list"),
        (b"[" * 100_000, "the header as an object in JSON"),
        ({"w": tensor("F16", (4,))}, "F32 or I64; found 'F16'"),
        ({"w": tensor(["F32"])}, "F32 or I64"),
        ({"w": tensor(shape=(3,))}, "as many bytes as its shape needs; found 8"),
        ({"w": tensor(shape=(-2, -1))}, "whole numbers"),
        ({"w": tensor(shape=(2**47, 2**47))}, "as many bytes as its shape needs"),
        ({"w": tensor(span=(0, 2**60))}, "whole numbers"),
        ({"w": tensor(span=(0, 8, 8))}, "whole numbers"),
        ({"w": tensor(path="/etc/passwd")}, "dtype, shape and data_offsets"),
        ({"w": [1]}, "dtype, shape and data_offsets"),
        ({"w": tensor(span=(4, 12))}, "one behind another"),
        ({"v": tensor(), "w": tensor()}, "one behind another"),
        ({"w": tensor(shape=(1,), span=(0, 4))}, "4 bytes of tensors; found 8"),
        ({"__metadata__": {"nestwork": "{"}, "w": tensor()}, "what the file says of its network"),
    ],
)
def test_a_header_that_does_not_fit_its_file_is_refused(told, what):
    assert header({"w": tensor()}).tensors == {"w": ("F32", (2,))}

    with pytest.raises(RefusedError, match=what):
        header(told)


@pytest.mark.parametrize("n_header", [0, 1, 2**22 + 1, 2**63])
def test_a_header_of_another_length_is_refused(n_header):
    with pytest.raises(RefusedError, match=f"found {n_header:,}"):
        read_header(io.BytesIO(struct.pack("<Q", n_header) + b"{}"), 2**30)


def test_weights_are_those_of_the_network_by_name_kind_and_shape():
    ours = {"w": ("F32", (2,))}
    refuse_others(dict(ours), ours)

    for theirs, found in (
        ({}, "found nothing"),
        ({"w": ("I64", (2,))}, "found I64"),
        ({"w": ("F32", (3,))}, r"expected F32 \[2\]; found F32 \[3\]"),
        ({**ours, "v": ("F32", (1,))}, "'v': expected nothing"),
    ):
        with pytest.raises(RefusedError, match=found):
            refuse_others(theirs, ours)


def test_what_a_stranger_says_becomes_one_line():
    assert one_line("a\nb\x00\x1b[31m c") == "a b [31m c"
    assert len(one_line("x" * 10_000)) == 400
