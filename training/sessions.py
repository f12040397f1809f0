"""ONNX files -> what answers by them."""

import onnxruntime

N_THREADS = 2


def session_of(data: bytes) -> onnxruntime.InferenceSession:
    """Return what answers by the ONNX file `data`, on N_THREADS of the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = N_THREADS
    options.inter_op_num_threads = 1
    # Threads that spin while they wait would take a processor from the other requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
