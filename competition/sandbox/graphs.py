"""Whether an ONNX file is one that is asked: a plain graph from one batch of pictures to one row of numbers each.

Looked at as data, before any runtime loads it. What is refused could read files, run code of its own, repeat itself
without end, or be larger than anybody's network.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message

from competition.sandbox.bounds import (
    LEAST_SIDE_PX,
    MOST_ELEMENTS,
    MOST_MESSAGES,
    MOST_NODES,
    MOST_SIDE_PX,
    MOST_TENSORS,
    MOST_WEIGHTS,
    RefusedError,
    one_line,
)

DOMAINS = ("", "ai.onnx")
LEAST_OPSET = 7  # of 2018; what came before means other things by the same names
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
ASKED_FOR = ("logits", "probabilities")  # of several outputs
MOST_BATCH = 1024
_FLOATS = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
)


@dataclass(frozen=True)
class Look:
    """How a network is asked.

    pictures:  the name of its input.
    answers:   the name of its output, float32 (n, n_classes).
    side_px:   of its square pictures.
    batch:     how many pictures it takes at once; 0 where it takes any number.
    is_float:  it takes float32 from 0 to 1, else uint8.
    is_planar: (n, 3, side, side), else (n, side, side, 3).
    """

    pictures: str
    answers: str
    side_px: int
    batch: int
    is_float: bool
    is_planar: bool


def read(data: bytes) -> onnx.ModelProto:
    """Return the model that `data` is. Raises RefusedError where it is none, or holds more than a plain graph."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise RefusedError(f"Expected an ONNX network; found {len(data):,} bytes that are none.") from error
    refuse(model)
    return model


def refuse(model: onnx.ModelProto) -> None:
    """Raise RefusedError if `model` holds more than a plain graph."""
    _refuse_kinds(model)
    nodes = len(model.graph.node)
    if not 1 <= nodes <= MOST_NODES:
        raise RefusedError(f"Expected 1 to {MOST_NODES:,} nodes; found {nodes:,}.")
    n_weights = n_tensors = 0
    for message in _messages(model):
        if isinstance(message, onnx.NodeProto):
            _refuse_node(message)
        elif isinstance(message, onnx.TensorProto):
            n_weights, n_tensors = n_weights + _n_elements(message), n_tensors + 1
        elif isinstance(message, onnx.SparseTensorProto):
            raise RefusedError("Expected plain tensors; found a sparse one.")
        elif isinstance(message, onnx.GraphProto) and message is not model.graph:
            raise RefusedError("Expected one graph; found another within it.")
    if n_tensors > MOST_TENSORS:
        raise RefusedError(f"Expected at most {MOST_TENSORS:,} tensors of weights; found {n_tensors:,}.")
    if n_weights > MOST_WEIGHTS:
        raise RefusedError(f"Expected at most {MOST_WEIGHTS:,} weights; found {n_weights:,}.")


def _refuse_kinds(model: onnx.ModelProto) -> None:
    if model.functions:
        raise RefusedError(
            f"Expected a plain graph; found a function of its own, {_named(model.functions[0])}."
        )
    if model.training_info:
        raise RefusedError("Expected a network that is trained; found one that says how to train it.")
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        # Converters name sets of operators that no node is of; nodes say what they need.
        if opset.domain in DOMAINS and not LEAST_OPSET <= opset.version <= newest:
            raise RefusedError(
                f"Expected a set of operators from {LEAST_OPSET} to {newest}; found {opset.version}."
            )
    if not any(opset.domain in DOMAINS for opset in model.opset_import):
        raise RefusedError("Expected a network that says which set of ONNX operators it is written in.")


def _refuse_node(node: onnx.NodeProto) -> None:
    if node.domain not in DOMAINS:
        raise RefusedError(
            f"Expected ONNX's own operators; found {_named(node)} of {one_line(node.domain, 80)!r}."
        )
    if node.op_type in CONTROL_FLOW:
        raise RefusedError(f"Expected a graph without control flow; found {_named(node)}.")
    if not onnx.defs.has(node.op_type):
        raise RefusedError(f"Expected ONNX's own operators; found {_named(node)}.")


def _named(node: Any) -> str:
    kind = getattr(node, "op_type", "")
    return one_line(f"{kind} {node.name!r}" if kind else repr(node.name), 80)


def _n_elements(tensor: onnx.TensorProto) -> int:
    """Return how many numbers a tensor holds. Raises RefusedError where they are elsewhere, or no numbers."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        where = next((each.value for each in tensor.external_data if each.key == "location"), "another file")
        raise RefusedError(
            f"Expected all weights in the file itself; those of {one_line(tensor.name, 80)!r} are in "
            f"{one_line(where, 80)!r}."
        )
    if tensor.data_type == onnx.TensorProto.STRING:
        raise RefusedError(f"Expected numbers; found texts in {one_line(tensor.name, 80)!r}.")
    if any(side < 0 for side in tensor.dims):
        raise RefusedError(
            f"Expected sides of 0 or more; found {list(tensor.dims)} in {one_line(tensor.name, 80)!r}."
        )
    return prod(tensor.dims)


def _messages(root: Message) -> Iterator[Message]:
    """Yield `root` and all messages within it, however deep, so that nothing hides in a place that nobody expects."""
    waiting, n_found = [root], 0
    while waiting:
        message = waiting.pop()
        n_found += 1
        if n_found > MOST_MESSAGES:
            raise RefusedError(f"Expected a network of at most {MOST_MESSAGES:,} parts; found more.")
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting.extend(value if hasattr(value, "__len__") else [value])


def look(model: onnx.ModelProto, n_classes: int) -> Look:
    """Return how `model` is asked. Raises RefusedError unless it takes pictures and answers for `n_classes`."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise RefusedError(f"Expected one input, a batch of pictures; found {len(inputs)}.")
    kind, shape = _type(inputs[0]), _shape(inputs[0])
    wanted = f"(n, 3, s, s) or (n, s, s, 3) with s from {LEAST_SIDE_PX} to {MOST_SIDE_PX}"
    is_planar = len(shape) == 4 and shape[1] == 3 and shape[2] == shape[3]
    is_rows = len(shape) == 4 and shape[3] == 3 and shape[1] == shape[2]
    side = shape[2] if len(shape) == 4 else 0
    if kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8):
        raise RefusedError(f"Expected pictures as float32 or uint8; found {_kind(kind)}.")
    if not (is_planar or is_rows) or not LEAST_SIDE_PX <= side <= MOST_SIDE_PX:
        raise RefusedError(f"Expected pictures of shape {wanted}; found {_told(shape)}.")
    if shape[0] > MOST_BATCH:
        raise RefusedError(f"Expected at most {MOST_BATCH:,} pictures at once; found {shape[0]:,}.")
    answers = _answers(model, n_classes)
    return Look(inputs[0].name, answers, side, max(0, shape[0]), kind == onnx.TensorProto.FLOAT, is_planar)


def _answers(model: onnx.ModelProto, n_classes: int) -> str:
    """Return the name of the output that is asked for."""
    outputs = list(model.graph.output)
    named = [output for output in outputs if output.name in ASKED_FOR]
    if len(outputs) != 1 and len(named) != 1:
        raise RefusedError(
            f"Expected one output, or one of several named {' or '.join(ASKED_FOR)}; found {len(outputs)}."
        )
    output = named[0] if named else outputs[0]
    shape = _shape(output)
    if _type(output) != onnx.TensorProto.FLOAT:
        raise RefusedError(f"Expected answers as float32; found {_kind(_type(output))}.")
    if output.type.tensor_type.HasField("shape") and (len(shape) != 2 or shape[1] not in (-1, n_classes)):
        raise RefusedError(f"Expected answers of shape (n, {n_classes}); found {_told(shape)}.")
    return str(output.name)


def _type(value: onnx.ValueInfoProto) -> int:
    kind: int = value.type.tensor_type.elem_type
    return kind


def _kind(kind: int) -> str:
    names = {number: str(name).lower() for name, number in onnx.TensorProto.DataType.items()}
    return names.get(kind, f"kind {kind}")


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return its sides; -1 where one is not fixed."""
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else -1 for side in sides)


def _told(shape: tuple[int, ...]) -> str:
    return one_line(f"({', '.join('n' if side < 0 else str(side) for side in shape)})", 80)


def classes_of(model: onnx.ModelProto) -> list[str] | None:
    """Return the classes that the file names in the order of its answers; None where it names none."""
    said = next((each.value for each in model.metadata_props if each.key == "classes"), None)
    if said is None:
        return None
    try:
        classes = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise RefusedError("Expected the classes in the file's metadata as a list in JSON.") from error
    return classes if isinstance(classes, list) else None


def columns(said: Sequence[str] | None, wanted: Sequence[str]) -> list[int]:
    """Return where in a network's answers each of the contest's classes is.

    said:   the network's classes in their order; None where it has those of the contest in theirs.
    Raises RefusedError unless they are the same.
    """
    if said is None:
        return list(range(len(wanted)))
    place = {wnid: i for i, wnid in enumerate(said) if isinstance(wnid, str)}
    if missing := [wnid for wnid in wanted if wnid not in place]:
        raise RefusedError(f"Expected a network of this contest's classes; it has no {missing[0]}.")
    if len(said) != len(wanted):
        raise RefusedError(f"Expected {len(wanted)} classes; the network names {len(said)}.")
    return [place[wnid] for wnid in wanted]


def refuse_large_values(shapes: dict[str, tuple[int, ...]], batch: int) -> None:
    """Raise RefusedError if a value between two nodes is larger than any network needs for one picture.

    shapes: of each value where that is known, for `batch` pictures.
    """
    for name, shape in shapes.items():
        if all(side >= 0 for side in shape) and prod(shape) > MOST_ELEMENTS * batch:
            raise RefusedError(
                f"Expected at most {MOST_ELEMENTS:,} numbers in each value for one picture; "
                f"found the shape {_told(shape)} of {one_line(name, 80)!r}."
            )


def n_parameters(model: onnx.ModelProto) -> int:
    """Return how many fractions its tensors hold: its weights, and statistics that it does not learn any more."""
    tensors = (each for each in _messages(model) if isinstance(each, onnx.TensorProto))
    return sum(prod(each.dims) for each in tensors if each.dims and each.data_type in _FLOATS)


def refuse_answers(answers: Any, n: int, n_classes: int) -> None:
    """Raise RefusedError unless what a network answered is float32 (n, n_classes)."""
    shape, kind = getattr(answers, "shape", None), getattr(answers, "dtype", type(answers).__name__)
    if shape != (n, n_classes) or str(kind) != "float32":
        raise RefusedError(
            f"Expected answers as float32 of shape ({n}, {n_classes}); found {kind} of shape {shape}."
        )
