import numpy as np

from tests.training.explanations import make_deletion
from training.faithfulness import Deletion
from training.falling import fall


def test_curves_go_from_the_left_to_the_right_and_down_from_certainty():
    line = np.linspace(1, 0, 21, dtype=np.float32)
    lots = np.stack([line, line / 2])

    found = fall(Deletion(line, line, lots))

    assert found.marked.split()[::10] == ["0.0,0.0", "300.0,100.0", "600.0,200.0"]
    assert found.at_random.split()[0] == "0.0,50.0"
    # Along the upper edge, and back along the lower one.
    between = found.between.split()
    assert (between[0], between[20], between[21], between[-1]) == (
        "0.0,0.0",
        "600.0,200.0",
        "600.0,200.0",
        "0.0,100.0",
    )


def test_the_table_has_every_fifth_of_the_squares():
    deletion = make_deletion()

    rows = fall(deletion).rows

    assert [row[0] for row in rows] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    np.testing.assert_allclose([row[1] for row in rows], deletion.marked[::4])
