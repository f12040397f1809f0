from dataclasses import asdict

import numpy as np
import pytest

from tests.training.explanations import make_explained
from training.explained import Explained, ExplanationFileError


@pytest.mark.parametrize("methods", [("gradients", "occlusion", "grad-cam"), ("gradients", "occlusion")])
def test_what_is_kept_is_read_back(methods):
    explained = make_explained(methods=methods)

    found = Explained.from_bytes(explained.to_bytes())

    np.testing.assert_equal(asdict(found), asdict(explained))


@pytest.mark.parametrize("data", [b"", b"no npz", make_explained().to_bytes()[:-40]])
def test_what_is_none_is_refused(data):
    with pytest.raises(ExplanationFileError, match="Expected the file of an explanation"):
        Explained.from_bytes(data)


def test_an_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", picture=np.zeros(3))

    with pytest.raises(ExplanationFileError, match="probabilities"):
        Explained.from_bytes((tmp_path / "a.npz").read_bytes())


def test_maps_have_names():
    explained = make_explained()

    assert explained.map_named("gradients") is explained.maps["gradients"]
    assert explained.map_named("stage-4") is explained.stages[4]
    assert [explained.map_named(name) for name in ("stage-5", "stage-", "stage-x", "lime")] == [None] * 4
