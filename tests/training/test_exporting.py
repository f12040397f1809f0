import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from training.config import Config
from training.exporting import to_onnx
from training.network import build

LEAN = {**Config.default("resnet", 32, 100).to_json(), "width": 8, "lean": True}
NETWORKS = {
    "perceptron": Config.default("perceptron", 16, 100),
    "mlp": Config.default("mlp", 16, 100),
    "small AlexNet": Config.default("alexnet", 32, 100),
    "AlexNet of 2012": Config.default("alexnet", 128, 100),
    "ResNet-9": Config.default("resnet", 32, 100),
    "ResNet-18": Config.from_json({**Config.default("resnet", 32, 100).to_json(), "depth": 18, "width": 16}),
    "mirroring ResNet-9": Config.from_json({**LEAN, "lean": False, "mirror": True}),
    "lean ResNet-9 that looks ten times": Config.from_json({**LEAN, "mirror": True, "shifts": True}),
    "gray mlp": Config.from_json({**Config.default("mlp", 16, 100).to_json(), "grayscale": True, "centred": False}),
}  # fmt: skip


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request):
    """A network that has seen pictures, so that what it normalises by is no start value; and itself as ONNX."""
    config = NETWORKS[request.param]
    torch.manual_seed(1)
    network = build(config, 5)
    with torch.no_grad():
        network.train()(torch.rand(8, 3, config.size_px, config.size_px))
    return network, to_onnx(network, config.size_px, {"classes": ["n1", "n2", "n3", "n4", "n5"], "run": "7"})


def asked(model, pictures, outputs=None):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, {"pictures": pictures})


@pytest.mark.parametrize("batch", [1, 3])
def test_the_file_answers_as_the_network_does(exported, batch):
    network, model = exported
    size_px = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    pictures = torch.rand(batch, 3, size_px, size_px, generator=torch.Generator().manual_seed(batch))

    logits, features = asked(model, pictures.numpy())

    network.eval()
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network(pictures).numpy(), atol=1e-4)
        np.testing.assert_allclose(features, network.features_of(pictures).numpy(), atol=1e-4)


def test_what_lies_between_can_be_asked_for_too(exported):
    network, model = exported
    layers = json.loads(next(prop.value for prop in model.metadata_props if prop.key == "layers"))
    told = [layer["value"] for layer in layers]
    here = {output.name for output in model.graph.output}
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.output.extend(onnx.ValueInfoProto(name=value) for value in {*told} - here)
    size_px = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    pictures = torch.rand(1, 3, size_px, size_px)
    seen = {}
    for layer in layers:

        def keep(_module, _inputs, output, name=layer["name"]):
            seen.setdefault(name, output)

        network.get_submodule(layer["name"]).register_forward_hook(keep)

    found = asked(model, pictures.numpy(), told)

    network.eval()
    with torch.inference_mode():
        network(pictures)
    assert layers[0]["kind"] == "pixels"
    assert [layer["name"] for layer in layers] == list(seen)
    for array, tensor in zip(found, seen.values(), strict=True):
        np.testing.assert_allclose(array, tensor.numpy(), atol=1e-4)


def test_the_file_says_what_it_is(exported):
    _network, model = exported

    told = {prop.key: prop.value for prop in model.metadata_props}

    assert json.loads(told["classes"]) == ["n1", "n2", "n3", "n4", "n5"]
    assert told["run"] == "7"
    assert [output.name for output in model.graph.output] == ["logits", "features"]
    onnx.checker.check_model(model)


def test_exporting_leaves_the_network_as_it_was():
    network = build(NETWORKS["small AlexNet"], 5).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    to_onnx(network, 32, {})

    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
