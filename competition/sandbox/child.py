"""The confined process: it is told what to do, gives up everything else, and only then looks at the network.

Everything is imported before, since nothing can be read afterwards. It answers on its standard output with float32
and nothing else, and says what there is to say as lines of JSON on a pipe. competition.sandbox.running starts it.
"""

import json
import os
import sys
import traceback
from typing import Any

# Before NumPy and the runtimes are imported, which start threads: confined is one thread, and those that it starts.
os.environ.update(
    {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
    }
)

from competition.sandbox import namespaces
from competition.sandbox.bounds import RefusedError, one_line
from competition.sandbox.confinement import confine
from competition.sandbox.request import Bytes, Request


def main() -> None:
    """Do what standard input asks for."""
    namespaces.end_with_parent()
    request = Request.read(sys.stdin.buffer)
    asking = _module(request.kind)
    asking.warm_up()
    pictures = request.pictures.map() if request.pictures else None
    try:
        protections = confine(request.limits, {request.network, request.words}, request.required)
    except OSError as error:  # UnprotectedError, or that this process cannot be confined at all
        return _say(request, unprotected=str(error))
    _say(request, in_force=protections.in_force, lacking=protections.lacking)
    try:
        os.lseek(request.network, 0, os.SEEK_SET)  # where it is read from is shared with the worker
        data = os.fdopen(request.network, "rb").read()
        if pictures is None:
            return _say(request, looked=asking.look(data, request))
        network = asking.Network(data, request)
        del data
        _say(request, is_ready=True)
        _answer(network, pictures)
    except RefusedError as error:
        _say(request, refused=str(error))
    except (MemoryError, *asking.FAILURES) as error:
        traceback.print_exc()  # for the organiser
        _say(request, refused=_sentence(error, request))


def _module(kind: str) -> Any:
    """Return the module that looks at networks of this kind and asks them. It takes a while to import, PyTorch
    seconds; so only the one that is needed.
    """
    if kind == "onnx":
        from competition.sandbox import onnx_network

        return onnx_network
    from competition.sandbox import our_network

    return our_network


def _sentence(error: Exception, request: Request) -> str:
    """Return what the author is told of a runtime that could not go on with the network."""
    said = str(error)
    if isinstance(error, MemoryError) or "bad_alloc" in said or "allocate" in said.lower():
        return f"Expected a network that needs at most {request.limits.memory_mib:,} MiB of memory; it needs more."
    return f"The network cannot be asked: {one_line(said) or type(error).__name__}"


def _answer(network: Any, pictures: Bytes) -> None:
    for start in range(0, len(pictures), network.batch):
        left = memoryview(network.answer(pictures[start : start + network.batch]).tobytes())
        while left:
            left = left[os.write(1, left) :]


def _say(request: Request, **words: Any) -> None:
    os.write(request.words, json.dumps(words).encode() + b"\n")
