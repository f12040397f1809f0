"""A trained network -> the files that other programs read: safetensors, and ONNX that also tells what lies between.

The ONNX graph takes `pictures`, float32 (batch, 3, size_px, size_px) from 0 to 1, any number of them, and answers
with `logits` (batch, n_classes) and `features` (batch, n_features), what its last layer sees. What each layer makes
of the pictures has a name in it too, told in its metadata, so that whoever wants to look inside can ask for that as
well and nobody else pays for it; the weights lie on the disk once.
"""

import copy
import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from training.classifier import Classifier
from training.describing import KINDS
from training.exported import BETWEEN, FEATURES, LOGITS, PICTURES

OPSET = 20  # ONNX 1.15 of 2023, which every runtime of today reads
# Layers whose outputs nobody needs to see: dropout changes nothing in a trained network.
UNSEEN = ("dropout",)

# PyTorch says at each first export that it knows no operator of a package which is not installed.
logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)


class _Telling(nn.Module):
    """A network that answers with its logits, its features, and what its layers of these names make of pictures."""

    def __init__(self, network: Classifier, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        seen: dict[str, Tensor] = {}

        def note(name: str) -> Any:
            def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                seen.setdefault(name, output)  # other views of the picture come afterwards

            return keep

        hooks = [self.network.get_submodule(name).register_forward_hook(note(name)) for name in self.names]
        features = self.network.features_of(pictures)  # (batch, n_features)
        logits = self.network.last(features)  # (batch, n_classes)
        for hook in hooks:
            hook.remove()
        return logits, features, *(seen[name] for name in self.names)


def to_onnx(network: Classifier, size_px: int, metadata: Mapping[str, Any]) -> onnx.ModelProto:
    """Return `network` as ONNX, without dropout and on the CPU; itself it stays as it is.

    metadata: told in the file by these names, as text or else as JSON. `layers` is added: for each layer in the order
    in which pictures meet them its `name`, its `kind` (training.describing), and its `value` in the graph; and
    `n_views`: of several views of a picture the features are the mean, and the layers between are those that the
    picture itself went through.
    """
    network = copy.deepcopy(network).to("cpu").eval()
    names = _names_in_order(network, size_px)
    with warnings.catch_warnings():
        # PyTorch 2.13 warns of itself here.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        program = torch.onnx.export(
            _Telling(network, names).eval(),
            # Two of them: of one, the exporter might conclude that there is never another number.
            (torch.zeros(2, 3, size_px, size_px),),
            input_names=[PICTURES],
            output_names=[LOGITS, FEATURES, *(BETWEEN + name for name in names)],
            dynamic_shapes={PICTURES: {0: torch.export.Dim("batch", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("Expected the exporter to return a program; found none.")
    model = program.model_proto
    values = _keep_between(model)
    layers = [
        {"name": name, "kind": KINDS[type(network.get_submodule(name))], "value": values[BETWEEN + name]}
        for name in names
    ]
    told = {**metadata, "size_px": size_px, "n_views": network.n_views, "layers": layers}
    onnx.helper.set_model_props(model, as_text(told))
    return model


def as_text(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return `metadata` as files keep it: texts as they are, all else as JSON."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


def _names_in_order(network: Classifier, size_px: int) -> list[str]:
    """Return the names of the layers that can be looked at, in the order in which a picture meets them."""
    met: list[str] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, _output, name=name: met.append(name))
        for name, module in network.named_modules()
        if KINDS.get(type(module), UNSEEN[0]) not in UNSEEN
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 3, size_px, size_px))
    for hook in hooks:
        hook.remove()
    return list(dict.fromkeys(met))


def _keep_between(model: onnx.ModelProto) -> dict[str, str]:
    """Take what lies between out of the graph's outputs, but not out of the graph; return what it is called there, by
    the name that it had as an output.
    """
    graph = model.graph
    values = {output.name: output.name for output in graph.output}
    # A value that is an output twice was copied for that; what is said of the copy holds of the value itself.
    for node in [node for node in graph.node if node.op_type == "Identity"]:
        if node.output[0].startswith(BETWEEN):
            values[node.output[0]] = node.input[0]
            graph.node.remove(node)
    answers, between = (
        [output for output in graph.output if output.name.startswith(BETWEEN) == is_between]
        for is_between in (False, True)
    )
    del graph.output[:]
    graph.output.extend(answers)
    known = {value.name for value in graph.value_info}
    graph.value_info.extend(
        value for value in between if value.name not in known and values[value.name] == value.name
    )
    return values
