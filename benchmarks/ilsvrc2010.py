"""The development kit of ILSVRC 2010 on its own demo files: what it published, and what our metrics make of them.

The kit, of Berg, Deng & Fei-Fei, is not ours to hand on; a folder as it comes out of its archive holds

    evaluation/demo.val.pred.txt                    a line a picture: up to five classes from 1, the best first
    data/ILSVRC2010_validation_ground_truth.txt     a line a picture: its class, from 1
    data/meta.mat                                   cost_matrix, [guess, truth]: heights of lowest common hypernyms
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from benchmarks.reporting import report
from competition.metrics import hierarchical_error, top_k_error

N_GUESSES = 5
# By number of guesses, from its readme.
FLAT = (0.9101, 0.8716, 0.8422, 0.8191, 0.8003)
HIERARCHICAL = (10.3468, 8.7489, 7.8510, 7.2221, 6.7695)


def on_its_demo_files(folder: Path) -> None:
    """Report both errors for one to five guesses, beside the published ones."""
    guesses = read_guesses(folder / "evaluation/demo.val.pred.txt")
    truth = np.loadtxt(folder / "data/ILSVRC2010_validation_ground_truth.txt", dtype=np.int64, ndmin=1) - 1
    heights = loadmat(str(folder / "data/meta.mat"))["cost_matrix"]
    for k in range(1, N_GUESSES + 1):
        report(
            "ILSVRC 2010 kit",
            guesses=k,
            flat=top_k_error(guesses, truth, k),
            flat_published=FLAT[k - 1],
            hierarchical=hierarchical_error(guesses[:, :k], truth, heights),
            hierarchical_published=HIERARCHICAL[k - 1],
        )


def read_guesses(path: Path) -> NDArray[np.int64]:
    """Return the guesses of each line, (n_images, 5), from 0; -1 where a line has fewer."""
    lines = [line.split()[:N_GUESSES] for line in path.read_text().splitlines() if line.strip()]
    guesses = np.zeros((len(lines), N_GUESSES), dtype=np.int64)
    for row, line in enumerate(lines):
        guesses[row, : len(line)] = line
    return guesses - 1
