"""The header of a safetensors file: what tensors it holds, and what it says of itself. Nothing else is read.

Eight bytes say how long the header is; it is an object in JSON. Source: the format's README at
github.com/huggingface/safetensors.
"""

import json
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from competition.sandbox.bounds import MOST_TENSORS, RefusedError, one_line

MOST_HEADER_BYTES = 2**22
# Bytes of a number of each kind that our networks are made of.
KINDS = {"F32": 4, "I64": 8}
Tensors = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Header:
    """tensors: kind and shape by name. about: what our own downloads say of the network; empty in others."""

    tensors: Tensors
    about: dict[str, Any]


def read_header(file: BinaryIO, n_bytes: int) -> Header:
    """Return what the header of a file of `n_bytes` says. Raises RefusedError unless it fits the file to the byte."""
    n_header = int.from_bytes(file.read(8), "little")
    most = min(MOST_HEADER_BYTES, n_bytes - 8)
    if not 2 <= n_header <= most:
        raise RefusedError(f"Expected a header of 2 to {most:,} bytes; found {n_header:,}.")
    told = _json(file.read(n_header), "the header")
    metadata = told.pop("__metadata__", {})
    if len(told) > MOST_TENSORS:
        raise RefusedError(f"Expected at most {MOST_TENSORS:,} tensors; found {len(told):,}.")
    tensors, spans = {}, []
    for name, tensor in told.items():
        tensors[name], span = _tensor(name, tensor)
        spans.append(span)
    _refuse_gaps(sorted(spans), n_bytes - 8 - n_header)
    about = metadata.get("nestwork") if isinstance(metadata, dict) else None
    return Header(tensors, _json(about, "what the file says of its network") if about else {})


def _json(text: Any, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise RefusedError(f"Expected {what} as an object in JSON.") from error
    if not isinstance(found, dict):
        raise RefusedError(f"Expected {what} as an object in JSON; found a {type(found).__name__}.")
    return found


def _tensor(name: str, told: Any) -> tuple[tuple[str, tuple[int, ...]], tuple[int, int]]:
    """Return its kind and shape, and where its bytes are."""
    where = f"Tensor {one_line(name, 80)!r}"
    if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
        raise RefusedError(f"{where}: expected dtype, shape and data_offsets.")
    kind, shape, span = told["dtype"], told["shape"], told["data_offsets"]
    if kind not in tuple(KINDS):
        raise RefusedError(f"{where}: expected {' or '.join(KINDS)}; found {one_line(repr(kind), 40)}.")
    for numbers, n in ((shape, None), (span, 2)):
        is_list = isinstance(numbers, list) and (n is None or len(numbers) == n)
        if not is_list or not all(type(each) is int and 0 <= each < 2**48 for each in numbers):
            raise RefusedError(f"{where}: expected lists of whole numbers for shape and data_offsets.")
    if len(shape) > 8 or prod(shape) * KINDS[kind] != span[1] - span[0]:
        raise RefusedError(
            f"{where}: expected as many bytes as its shape needs; found {span[1] - span[0]:,}."
        )
    return (kind, tuple(shape)), (span[0], span[1])


def _refuse_gaps(spans: list[tuple[int, int]], n_bytes: int) -> None:
    """Raise RefusedError unless the tensors lie one behind another to the end of the file."""
    end = 0
    for first, last in spans:
        if first != end:
            raise RefusedError(f"Expected tensors one behind another; found one at {first:,} after {end:,}.")
        end = last
    if end != n_bytes:
        raise RefusedError(f"Expected {end:,} bytes of tensors; found {n_bytes:,}.")


def refuse_others(found: Tensors, wanted: Tensors) -> None:
    """Raise RefusedError unless the tensors of a file are those of the network that it is said to be of."""
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            theirs, ours = (_told(some.get(name)) for some in (found, wanted))
            raise RefusedError(f"Tensor {one_line(name, 80)!r}: expected {ours}; found {theirs}.")


def _told(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    return "nothing" if tensor is None else f"{tensor[0]} {list(tensor[1])}"
