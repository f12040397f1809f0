"""A kit in miniature, laid out as that of ILSVRC 2010: entity (2) > animal (1) > (cat, dog), entity > car."""

import json

import numpy as np
import pytest
from scipy.io import savemat

from benchmarks import ilsvrc2010

COSTS = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]], dtype=np.float64)


@pytest.fixture
def kit(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "data").mkdir()
    # Of a cat, a dog, and a car: right at first, right at second, and never right; one guess is left out.
    (tmp_path / "evaluation/demo.val.pred.txt").write_text("1 2 3 3 3\n1 2 3 3 3\n1 2\n")
    (tmp_path / "data/ILSVRC2010_validation_ground_truth.txt").write_text("1\n2\n3\n")
    savemat(tmp_path / "data/meta.mat", {"cost_matrix": COSTS})
    return tmp_path


def test_a_kit_is_scored_as_it_says(kit, capsys):
    ilsvrc2010.on_its_demo_files(kit)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["flat"] for line in told] == [0.66667, *[0.33333] * 4]
    # Of one guess 0 + 1 + 2 levels; from the second on the dog is met, and the car stays two levels away.
    assert [line["hierarchical"] for line in told] == [1.0, *[0.66667] * 4]
    assert (told[4]["flat_published"], told[4]["hierarchical_published"]) == (0.8003, 6.7695)


def test_a_line_may_have_fewer_guesses(kit):
    assert ilsvrc2010.read_guesses(kit / "evaluation/demo.val.pred.txt")[2].tolist() == [0, 1, -1, -1, -1]
