"""crowd-kit's ways of turning votes into labels, each run in a process of its own that may take too long or die.

    python -m benchmarks.rivals NAME FOLDER OPTIONS LIMIT_S

reads FOLDER/votes.npz and writes FOLDER/labels.npz; `label` starts that and answers with what came of it. crowd-kit
is pinned in requirements-dev.txt. Source: Ustalov, Pavlichenko & Tseitlin (2024), doi:10.21105/joss.06227.
"""

import hashlib
import importlib.util
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labeling.consensus import Ints, Votes

RIVALS = ("MajorityVote", "Wawa", "ZeroBasedSkill", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MACE")
# Each of MACE's ten restarts begins from the same seed, so nine of them repeat the first.
OPTIONS: dict[str, dict[str, Any]] = {"MACE": {"n_restarts": 1}}
MEMORY_BYTES = 12 << 30


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a rival. label: (n_items,) int64, or None where it did not finish, and then `failure` says why.

    seconds, cpu_s: of its work alone, without the start of a process, by the clock and of the processors, which other
    work on the machine lengthens less. peak_mib: resident memory beyond what the votes took.
    """

    label: Ints | None
    seconds: float
    peak_mib: float
    failure: str = ""
    cpu_s: float = 0.0


def are_installed() -> bool:
    return importlib.util.find_spec("crowdkit") is not None


def label(
    name: str, votes: Votes, n_items: int, limit_s: float, kept: Path | None = None, **options: Any
) -> Outcome:
    """Run crowd-kit's aggregator `name`, with its defaults but for `options`, and stop it after `limit_s` seconds.

    They are seconds of the processors, so that other work on the machine stops nothing; ten times as many by the
    clock stop it too.

    kept: a folder where outcomes are kept, and read again for the same votes; the votes decide, so only rivals that
    draw no lots of their own can be kept, as all of RIVALS are.
    """
    options = OPTIONS.get(name, {}) | options
    place = kept / _digest(name, votes, options) if kept else None
    if place and (place / "outcome.json").is_file():
        return _read(place, n_items)
    if place:
        place.mkdir(parents=True, exist_ok=True)
        return _run(name, votes, n_items, limit_s, options, place)
    with tempfile.TemporaryDirectory() as folder:
        return _run(name, votes, n_items, limit_s, options, Path(folder))


def _run(
    name: str, votes: Votes, n_items: int, limit_s: float, options: dict[str, Any], folder: Path
) -> Outcome:
    np.savez(folder / "votes.npz", item=votes.item, annotator=votes.annotator, label=votes.label)
    command = [
        sys.executable,
        "-m",
        "benchmarks.rivals",
        name,
        str(folder),
        json.dumps(options),
        f"{limit_s:.0f}",
    ]
    outcome = {"seconds": limit_s, "peak_mib": 0.0, "failure": f"not done after {limit_s:g} s"}
    try:
        done = subprocess.run(command, timeout=10 * limit_s, check=False, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        pass
    else:
        if done.returncode != -signal.SIGXCPU:
            outcome["failure"] = failure(done.returncode, done.stderr)
        outcome |= {} if done.returncode else json.loads(done.stdout)
    (folder / "outcome.json").write_text(json.dumps(outcome))
    (folder / "votes.npz").unlink()
    return _read(folder, n_items)


def failure(returncode: int, errors: str) -> str:
    if returncode == 0:
        return ""
    last = errors.strip().splitlines()[-1] if errors.strip() else f"exit {returncode}"
    return "out of memory" if "MemoryError" in last or returncode == -9 else last


def _read(folder: Path, n_items: int) -> Outcome:
    outcome = json.loads((folder / "outcome.json").read_text())
    if outcome["failure"]:
        return Outcome(None, **outcome)
    with np.load(folder / "labels.npz") as arrays:
        found = np.full(
            n_items, -1, dtype=np.int64
        )  # an item without votes gets no label, which is never right
        found[arrays["item"]] = arrays["label"]
    return Outcome(found, **outcome)


def _digest(name: str, votes: Votes, options: dict[str, Any]) -> str:
    parts = hashlib.sha256(json.dumps([name, options]).encode())
    for column in (votes.item, votes.annotator, votes.label):
        parts.update(column.tobytes())
    return parts.hexdigest()


def main() -> None:
    name, folder, options, limit_s = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
    warnings.simplefilter("ignore")  # what crowd-kit uses of pandas is no matter of ours
    from crowdkit import aggregation
    from crowdkit.aggregation.classification import wawa, zero_based_skill
    from pandas import DataFrame, factorize

    # scikit-learn 1.7 and later refuse to look at what is no estimator of theirs, and crowd-kit asks them to.
    for module in (wawa, zero_based_skill):
        setattr(module, "check_is_fitted", lambda *_, **__: None)  # noqa: B010

    with np.load(folder / "votes.npz") as arrays:
        order = np.lexsort((arrays["annotator"], arrays["label"]))
        item, annotator, said = (arrays[column][order] for column in ("item", "annotator", "label"))
    # MACE takes annotators and labels to be sorted in the order of their first appearance; here they are.
    worker, _ = factorize(annotator)
    frame = DataFrame({"task": item, "worker": worker, "label": said})
    aggregator = getattr(aggregation, name)(**options)
    answer, cost = measured(lambda: aggregator.fit_predict(frame))
    np.savez(folder / "labels.npz", item=answer.index.to_numpy(), label=answer.to_numpy())
    print(json.dumps(cost))


def measured(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return what `call` returns and what it cost, named as an Outcome's fields are."""
    before, cpu, start = peak_mib(), time.process_time(), time.perf_counter()
    result = call()
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    return result, {"seconds": seconds, "cpu_s": cpu_s, "peak_mib": peak_mib() - before}


def peak_mib() -> float:
    """The most memory that this process has had resident, in MiB.

    Not getrusage's, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kib) / 1024


if __name__ == "__main__":
    main()
