"""An ONNX file that was handed in, looked at and asked. In the confined process alone."""

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from competition.sandbox import costs, graphs
from competition.sandbox.request import Bytes, Request

Floats = NDArray[np.float32]
# What the runtime raises where it cannot go on; its own errors have nothing in common.
FAILURES = (
    RuntimeError,
    ValueError,
    *(each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception)),
)
# Of pictures in one batch, where the network leaves the number open.
BATCH_BYTES, MOST_IN_BATCH = 2**23, 64


def warm_up() -> None:
    """Nothing: ONNX Runtime reads no file later."""


def look(data: bytes, request: Request) -> dict[str, Any]:
    """Return how large its pictures are and what it costs. Raises RefusedError if it is not to be asked."""
    model = graphs.read(data)
    asked = graphs.look(model, len(request.classes))
    graphs.columns(graphs.classes_of(model), request.classes)
    shapes = costs.shapes_of(model, asked)
    graphs.refuse_large_values(shapes, asked.batch or 1)
    return {
        "side_px": asked.side_px,
        "n_parameters": graphs.n_parameters(model),
        "n_multiply_adds": costs.multiply_adds(model, shapes, asked.batch or 1),
    }


class Network:
    """A network that is asked. Its own words about shapes are not trusted: each batch of answers is looked at."""

    def __init__(self, data: bytes, request: Request) -> None:
        model = graphs.read(data)
        self._asked = graphs.look(model, len(request.classes))
        self._columns = graphs.columns(graphs.classes_of(model), request.classes)
        del model
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.limits.n_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors alone
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        usual = max(1, min(MOST_IN_BATCH, BATCH_BYTES // (3 * self._asked.side_px**2)))
        self.batch = self._asked.batch or usual

    def answer(self, pictures: Bytes) -> Floats:
        """Return what it says of `pictures` (n, side_px, side_px, 3), n at most `batch`: (n, n_classes)."""
        n = len(pictures)
        if self._asked.batch > n:
            pictures = np.concatenate(
                [pictures, np.zeros_like(pictures, shape=(self.batch - n, *pictures.shape[1:]))]
            )
        turned = pictures.transpose(0, 3, 1, 2) if self._asked.is_planar else pictures
        shown: Bytes | Floats = np.ascontiguousarray(turned)
        if self._asked.is_float:
            shown = shown.astype(np.float32) / np.float32(255)
        [answers] = self._session.run([self._asked.answers], {self._asked.pictures: shown})
        graphs.refuse_answers(answers, len(pictures), len(self._columns))
        return np.ascontiguousarray(answers[:n, self._columns])
