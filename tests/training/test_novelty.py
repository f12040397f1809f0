import numpy as np
import pytest

from training.novelty import MOST_KEPT, Novelty, NoveltyError, looks

RNG = np.random.default_rng(0)


def smooth(n, seed=0):
    """Pictures whose colours change slowly from one corner to the other, a little noise on them."""
    rng = np.random.default_rng(seed)
    share = np.linspace(0, 1, 16)[:, None] * np.linspace(0, 1, 16)
    ends = rng.integers(60, 200, (2, n, 1, 1, 3))
    pictures = ends[0] + (ends[1] - ends[0]) * share[None, :, :, None] + rng.normal(0, 3, (n, 16, 16, 3))
    return np.clip(pictures, 0, 255).astype(np.uint8)


def features(n, seed=0):
    """What a network sees in pictures of two kinds: two directions, with some noise."""
    rng = np.random.default_rng(seed)
    kinds = np.zeros((n, 8))
    kinds[np.arange(n), rng.integers(0, 2, n)] = 5
    return kinds + rng.normal(0, 0.5, (n, 8))


@pytest.fixture(scope="module")
def novelty():
    return Novelty.fit((features(500), smooth(500)), (features(400, 1), smooth(400, 1)))


def test_hardly_any_ordinary_picture_is_called_strange(novelty):
    strange = novelty.strangeness(features(1000, 2), smooth(1000, 2)) > novelty.threshold

    assert strange.mean() < 0.04


def test_noise_is_strange_by_its_looks_though_the_network_sees_a_kind_in_it(novelty):
    noise = RNG.integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)

    assert (novelty.strangeness(features(50, 3), noise) > novelty.threshold).all()


def test_what_the_network_never_saw_is_strange_though_it_looks_ordinary(novelty):
    other = np.zeros((50, 8))
    other[:, 5] = 5

    assert (novelty.strangeness(other, smooth(50, 3)) > novelty.threshold).all()


def test_a_plain_area_looks_of_no_detail():
    plain = np.full((1, 16, 16, 3), 128, np.uint8)

    found = looks(plain)[0]

    np.testing.assert_allclose(found[:6], [128 / 255, 0, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[6:], -3, atol=1e-3)  # the logarithm of what stands for nothing


@pytest.mark.parametrize("size", [8, 17, 32])
def test_pictures_of_any_size_have_looks(size):
    assert np.isfinite(looks(np.zeros((2, size, size, 3), np.uint8))).all()


def test_no_more_is_remembered_than_fits():
    many = MOST_KEPT + 50

    found = Novelty.fit((features(many), smooth(many)), (features(5), smooth(5)))

    assert found.features.shape == (MOST_KEPT, 8)


def test_a_single_training_picture_is_enough(novelty):
    found = Novelty.fit((features(1), smooth(1)), (features(1), smooth(1)))

    assert found.strangeness(features(1), smooth(1)) == pytest.approx(
        found.strangeness(features(1), smooth(1))
    )


def test_without_pictures_nothing_can_be_learnt():
    with pytest.raises(NoveltyError, match="found 0 and 1"):
        Novelty.fit((features(0), smooth(0)), (features(1), smooth(1)))


def test_what_was_learnt_comes_back_from_its_file(novelty):
    again, more = Novelty.from_bytes(novelty.to_bytes(temperature=np.float64(1.5)))

    assert more == {"temperature": 1.5}
    np.testing.assert_array_equal(
        again.strangeness(features(5), smooth(5)), novelty.strangeness(features(5), smooth(5))
    )


def test_another_file_is_refused():
    with pytest.raises(NoveltyError, match="Expected an npz"):
        Novelty.from_bytes(b"no npz")
