import pytest
import torch

from training.classifier import views
from training.config import Config
from training.network import build

PICTURE = torch.arange(32.0).expand(1, 3, 32, 32)  # each column one brighter than the one before


@pytest.mark.parametrize(
    ("mirrors", "shifts", "n"), [(False, False, 1), (True, False, 2), (False, True, 5), (True, True, 10)]
)
def test_the_picture_itself_comes_first_of_its_views(mirrors, shifts, n):
    found = views(PICTURE, mirrors=mirrors, shifts=shifts)

    assert len(found) == n
    assert torch.equal(found[0], PICTURE)
    assert all(view.shape == PICTURE.shape for view in found)


def test_a_shifted_view_is_mirrored_at_its_edge():
    first = views(PICTURE, mirrors=False, shifts=True)[1]

    assert first[0, 0, 0, :5].tolist() == [2, 1, 0, 1, 2]  # two columns to the right: a sixteenth of 32


def test_a_picture_too_small_to_be_shifted_is_looked_at_as_it_is():
    small = torch.rand(1, 3, 8, 8)

    assert all(torch.equal(view, small) for view in views(small, mirrors=False, shifts=True))


def test_an_answer_is_the_mean_over_the_views():
    torch.manual_seed(1)
    config = Config("mlp", 32, 1, 1, 0.1, hidden=(4,), mirror=True, shifts=True)
    network = build(config, 3).eval()
    picture = torch.rand(1, 3, 32, 32)

    answers = [network.last(network.penultimate(view)) for view in views(picture, mirrors=True, shifts=True)]

    torch.testing.assert_close(network(picture), torch.stack(answers).mean(dim=0))
