"""A finished Run and a picture -> what its network says. For the web process: ONNX Runtime, never PyTorch.

A process keeps the networks that were asked last, as many as fit into MOST_BYTES, so that an answer costs
milliseconds. What lies between the layers is asked of a second session, since a graph that has to hand everything out
cannot put its operations together, and most people only want the answer.
"""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from training.certainty import softmax
from training.exported import FEATURES, LOGITS, PICTURES
from training.looking import Between, Look
from training.models import Run
from training.novelty import Novelty
from training.sessions import session_of

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
MOST_BYTES = 600 * 2**20  # of networks in memory; AlexNet of 2012 is 250 million bytes


class NoNetworkError(ValueError):
    """The run has no network that could be asked; says why."""


@dataclass(frozen=True)
class Answer:
    """What a network says of one picture.

    logits, probabilities: (n_classes,); the probabilities at the temperature that fits validation pictures best.
    is_unfamiliar:         it is unlike anything that the network was trained on; None where that is not known.
    strangeness:           how far from it, as a multiple of what is still ordinary; None likewise.
    """

    logits: Floats
    features: Floats
    probabilities: NDArray[np.float64]
    is_unfamiliar: bool | None
    strangeness: float | None


class Asked:
    """A network that is asked."""

    def __init__(self, run: Run) -> None:
        self._data = _read(run.onnx)
        self._answering = session_of(self._data)
        self.metadata: dict[str, str] = self._answering.get_modelmeta().custom_metadata_map
        told = self.metadata
        # Files made before there were other views say whether the mirror image is one.
        self.n_views: int = (
            json.loads(told["n_views"]) if "n_views" in told else 1 + json.loads(told["mirrors"])
        )
        self.layers: list[dict[str, str]] = json.loads(self.metadata["layers"])
        self.novelty: Novelty | None = None
        self.temperature = 1.0
        if run.novelty:
            self.novelty, more = Novelty.from_bytes(_read(run.novelty))
            self.temperature = float(more.get("temperature", 1.0))

    @property
    def n_bytes(self) -> int:
        """About what it takes in memory: its file, and what is made of that."""
        return len(self._data) * (2 + ("_looking" in self.__dict__) + ("weights" in self.__dict__))

    @cached_property
    def _looking(self) -> onnxruntime.InferenceSession:
        model = onnx.load_model_from_string(self._data)
        here = {output.name for output in model.graph.output}
        between = {layer["value"]: None for layer in self.layers}  # in their order, each once
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in between if name not in here)
        return session_of(model.SerializeToString())

    @cached_property
    def weights(self) -> dict[str, Floats]:
        """What each layer learnt, by its name as in the file of weights."""
        model = onnx.load_model_from_string(self._data)
        return {
            tensor.name.removeprefix("network."): onnx.numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
        }

    def answer(self, pixels: Bytes) -> Answer:
        """pixels: (size_px, size_px, 3)."""
        logits, features = self._answering.run([LOGITS, FEATURES], {PICTURES: scaled(pixels)})
        is_unfamiliar = strangeness = None
        if self.novelty is not None:
            strangeness = float(self.novelty.strangeness(features, pixels[None])[0] / self.novelty.threshold)
            is_unfamiliar = strangeness > 1
        probabilities = softmax(logits[0], self.temperature)
        return Answer(logits[0], features[0], probabilities, is_unfamiliar, strangeness)

    def look(self, pixels: Bytes) -> Look:
        """Return what each layer makes of a picture, on its way through them."""
        values = list(dict.fromkeys([FEATURES, *(layer["value"] for layer in self.layers)]))
        found = self._looking.run(values, {PICTURES: scaled(pixels)})
        outputs = dict(zip(values, found, strict=True))
        between = [Between(each["name"], each["kind"], outputs[each["value"]][0]) for each in self.layers]
        return Look(pixels, between, outputs[FEATURES][0], self.weights)


def scaled(pixels: Bytes) -> Floats:
    """Turn bytes (size, size, 3) into float32 (1, 3, size, size) from 0 to 1."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)


_kept: OrderedDict[tuple[Any, ...], Asked] = OrderedDict()
_lock = threading.Lock()


def network_of(run: Run) -> Asked:
    """Return the network of a finished run, ready to be asked. Raises NoNetworkError where there is none."""
    if not run.onnx:
        raise NoNetworkError(f"Expected a finished run with a network that can be asked; {run} has none.")
    key = (run.pk, run.onnx.name, run.finished_at)  # one that was trained again is another one
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    asked = Asked(run)  # without the lock: others need not wait while a file is read
    with _lock:
        _kept[key] = asked
        while len(_kept) > 1 and sum(each.n_bytes for each in _kept.values()) > MOST_BYTES:
            _kept.popitem(last=False)
    return asked


def forget_networks() -> None:
    """Let go of every network, for tests and benchmarks."""
    with _lock:
        _kept.clear()


def _read(file: Any) -> bytes:
    try:
        with file.open("rb") as opened:
            data: bytes = opened.read()
    except FileNotFoundError as error:
        raise NoNetworkError(f"Expected the file {file.name} in the storage; it is not there.") from error
    return data
