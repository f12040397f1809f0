"""One JSON object a line: what every benchmark prints, and the clock they share."""

import json
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def report(name: str, **figures: Any) -> None:
    """Print one line that says `what` was measured, floats to five digits after the point."""
    rounded = {key: round(x, 5) if isinstance(x, float) else x for key, x in figures.items()}
    print(json.dumps({"what": name} | rounded), flush=True)


def report_machine() -> None:
    report(
        "machine",
        cpu=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        numpy=np.__version__,
    )


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what `call` returns, and the seconds it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
