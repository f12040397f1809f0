"""Small ONNX networks for tests, by plain functions with working defaults."""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SIDE = 8
N_CLASSES = 2


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_model(
    nodes: list[NodeProto] | None = None,
    tensors: dict[str, np.ndarray] | None = None,
    *,
    shape: tuple[Any, ...] = ("n", 3, SIDE, SIDE),
    kind: int = TensorProto.FLOAT,
    answers: tuple[Any, ...] | None = ("n", N_CLASSES),
    domains: dict[str, int] | None = None,
    metadata: dict[str, str] | None = None,
    **fields: Any,
) -> ModelProto:
    """Make a network from "pictures" to "answers": one linear layer on the pixels unless nodes are given."""
    if nodes is None:
        nodes = [node("Flatten", "pictures", "pixels"), node("MatMul", ["pixels", "w"], "answers")]
        tensors = {"w": weights(3 * SIDE * SIDE, N_CLASSES)}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pictures", kind, shape)],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, answers)],
        [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in (domains or {"": 17}).items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9, **fields)
    helper.set_model_props(model, metadata or {})
    return model


def node(kind: str, inputs: str | list[str], output: str, domain: str = "", **attributes: Any) -> NodeProto:
    names = [inputs] if isinstance(inputs, str) else inputs
    return helper.make_node(kind, names, [output], name=f"make {output}", domain=domain, **attributes)
