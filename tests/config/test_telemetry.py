"""ONNX Runtime 1.29 and later sends telemetry from Linux too, by a thread that it starts when it is imported."""

import subprocess
import sys

COUNT = "import os; import config.settings; import onnxruntime; print(len(os.listdir('/proc/self/task')))"


def test_onnx_runtime_starts_no_sender_of_telemetry_here():
    environment = {"OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": "."}

    found = subprocess.run(
        [sys.executable, "-c", COUNT], env=environment, capture_output=True, check=True, text=True
    )

    assert found.stdout.strip() == "1"
