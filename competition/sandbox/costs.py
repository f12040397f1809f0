"""What an ONNX graph costs for one picture: products that are each added to a sum, by the shapes of its values."""

from collections.abc import Callable
from math import prod

import onnx
from onnx import shape_inference

from competition.sandbox.bounds import RefusedError, one_line
from competition.sandbox.graphs import Look

Shape = tuple[int, ...]
Shapes = dict[str, Shape]
# Shapes are worked out from small tensors, which say how to reshape something; of large ones only the sides matter.
FEW_ELEMENTS = 1024
# Their multiplications are not counted here, so where one of them is the cost is not known.
NOT_COUNTED = ("LSTM", "GRU", "RNN", "Einsum", "Attention", "DeformConv", "DFT", "STFT")


def shapes_of(model: onnx.ModelProto, asked: Look) -> Shapes:
    """Return the shape of each value where it can be known, for one picture or a fixed batch; a side that is not
    known is -1. `model` stays as it is. Raises RefusedError where the shapes contradict each other.
    """
    light = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, graph=_without_weights(model.graph)
    )
    for value in light.graph.input:
        if value.name == asked.pictures:
            value.type.tensor_type.shape.dim[0].dim_value = asked.batch or 1
    try:
        graph = shape_inference.infer_shapes(light, data_prop=True).graph
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise RefusedError(f"Expected shapes that fit together: {one_line(str(error))}") from error
    found: Shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            sides = value.type.tensor_type.shape.dim
            found[value.name] = tuple(s.dim_value if s.HasField("dim_value") else -1 for s in sides)
    return found


def _without_weights(graph: onnx.GraphProto) -> onnx.GraphProto:
    """Return a copy whose large tensors are empty, and in which only the ends say what shape they have."""
    light = onnx.GraphProto(name=graph.name, node=graph.node, input=graph.input, output=graph.output)
    for tensor in graph.initializer:
        if prod(tensor.dims) <= FEW_ELEMENTS:
            light.initializer.append(tensor)
        else:
            light.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    return light


def multiply_adds(model: onnx.ModelProto, shapes: Shapes, batch: int) -> int | None:
    """Return how many multiply-adds one picture costs in convolutions and products of matrices, which is nearly all.

    shapes: of each value, for `batch` pictures.
    None where a shape, or what an operator does, is not known.
    """
    total = 0
    for node in model.graph.node:
        if node.op_type in NOT_COUNTED:
            return None
        if (count := _COUNTS.get(node.op_type)) is None:
            continue
        inputs = [shapes.get(name, (-1,)) for name in node.input]
        output = shapes.get(node.output[0], (-1,))
        found = count(node, inputs, output)
        if found is None:
            return None
        total += found
    return total // batch


Count = Callable[[onnx.NodeProto, list[Shape], Shape], int | None]


def _known(*shapes: Shape) -> bool:
    return all(side >= 0 for shape in shapes for side in shape)


def _convolution(weights_at: int) -> Count:
    def count(_node: onnx.NodeProto, inputs: list[Shape], output: Shape) -> int | None:
        weights = inputs[weights_at]  # (n_outputs, n_inputs / groups, rows, columns)
        return prod(output) * prod(weights[1:]) if _known(output, weights) else None

    return count


def _transposed_convolution(_node: onnx.NodeProto, inputs: list[Shape], _output: Shape) -> int | None:
    values, weights = inputs[:2]  # (n_inputs, n_outputs / groups, rows, columns)
    return prod(values) * prod(weights[1:]) if _known(values, weights) else None


def _product(_node: onnx.NodeProto, inputs: list[Shape], output: Shape) -> int | None:
    return prod(output) * inputs[0][-1] if _known(output, inputs[0][-1:]) else None


def _general_product(node: onnx.NodeProto, inputs: list[Shape], output: Shape) -> int | None:
    is_turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    if not _known(inputs[0], output) or len(inputs[0]) != 2:
        return None
    return prod(output) * inputs[0][0 if is_turned else 1]


_COUNTS: dict[str, Count] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed_convolution,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _general_product,
}
