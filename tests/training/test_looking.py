import io

import numpy as np
import pytest
from PIL import Image

from training.looking import Between, Look, NoSuchDrawingError, squeeze

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
SEEN = PIXELS.transpose(2, 0, 1) / 255.0


def mlp():
    """A picture on its way through six sigmoid units and three classes."""
    weights = {
        "hidden.0.weight": RNG.normal(size=(6, 768)) / 30,
        "hidden.0.bias": RNG.normal(size=6),
        "output.weight": RNG.normal(size=(3, 6)),
        "output.bias": RNG.normal(size=3),
    }
    sums = weights["hidden.0.weight"] @ SEEN.reshape(-1) + weights["hidden.0.bias"]
    hidden = 1 / (1 + np.exp(-sums))
    logits = weights["output.weight"] @ hidden + weights["output.bias"]
    between = [
        Between("pixels", "pixels", SEEN),
        Between("hidden.0", "fully connected", sums),
        Between("hidden.1", "sigmoid", hidden),
        Between("output", "fully connected", logits),
    ]
    return Look(PIXELS, between, hidden, weights)


def convolutional():
    """A picture on its way through four filters, of which the last never answers."""
    weights = {
        "features.0.weight": RNG.normal(size=(4, 3, 3, 3)),
        "output.weight": RNG.normal(size=(2, 4)),
        "output.bias": np.zeros(2),
    }
    maps = np.abs(RNG.normal(size=(4, 16, 16)))
    maps[3] = 0
    pooled = maps.max(axis=(1, 2))
    between = [
        Between("pixels", "pixels", SEEN),
        Between("features.0", "convolution", maps - 0.5),
        Between("features.1", "ReLU", maps),
        Between("strongest", "global max pooling", pooled[:, None, None]),
        Between("output", "fully connected", weights["output.weight"] @ pooled),
    ]
    return Look(PIXELS, between, pooled, weights)


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_the_patch_is_where_there_is_most_to_see_and_holds_its_numbers():
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[8:12, 4:8] = (10, 20, 230)

    look = Look(pixels, [], np.zeros(0), {})

    top, left = look.corner
    assert top in (4, 8)
    assert left in (0, 4)
    red, green, blue = look.planes()
    assert [len(plane.cells) for plane in (red, green, blue)] == [64, 64, 64]
    cell = next(cell for cell in blue.cells if (cell.y + top, cell.x + left) == (8, 4))
    assert (cell.value, cell.fill) == (230, "#0000e6")


def test_a_picture_smaller_than_the_patch_is_all_patch():
    assert len(Look(np.zeros((4, 4, 3), np.uint8), [], np.zeros(0), {}).planes()[0].cells) == 16


def test_the_steps_of_a_multi_layer_perceptron_are_its_weights_and_its_sums():
    steps = mlp().steps({})

    assert [(step.kind, step.layer) for step in steps] == [("weights", "hidden.0"), ("units", "hidden.0")]


def test_the_steps_of_a_convolutional_network_are_its_filters_and_its_maps():
    steps = convolutional().steps({})

    assert [step.kind for step in steps] == ["weights", "maps"]
    assert (steps[0].side, steps[1].side, steps[1].n_alive) == (3, 16, 3)


def test_a_sum_is_what_the_network_added_up():
    look = mlp()

    found = look.steps({"hidden.0": 2})[1].sum

    assert found.bias + found.positive + found.negative == pytest.approx(found.total)
    assert found.total == pytest.approx(look.between[1].output[2])
    assert found.parts == []  # of pixels: they are drawn


def test_a_sum_of_units_lists_the_strongest_and_adds_up_with_the_rest():
    look = mlp()
    look.weights["output.weight"] = RNG.normal(size=(3, 6))
    step = look.logits_step(1)

    strength = [abs(part.product) for part in step.sum.parts]

    assert strength == sorted(strength, reverse=True)
    assert step.sum.n_rest == 0
    assert step.drawings == {}


def test_the_last_sum_is_the_logit():
    for look in (mlp(), convolutional()):
        for label in range(len(look.between[-1].output)):
            found = look.logits_step(label).sum
            parts = sum(part.product for part in found.parts)
            assert found.bias + parts + found.rest == pytest.approx(look.between[-1].output[label])


@pytest.mark.parametrize(("asked", "shown"), [(2, 2), (5, 5), (6, None), (-1, None)])
def test_the_most_active_unit_stands_where_no_other_is_asked_for(asked, shown):
    look = mlp()

    step = look.steps({"hidden.0": asked})[1]

    assert step.choice == (int(look.between[1].output.argmax()) if shown is None else shown)


def test_the_point_lies_on_the_curve():
    found = squeeze("sigmoid", 0.0)

    assert (found.after, found.x, found.y) == (0.5, 160, 60)
    assert squeeze("ReLU", -2.0).after == 0
    assert squeeze("ReLU", 3.0).after == 3


def test_every_drawing_that_a_step_names_can_be_drawn_and_is_as_large_as_is_said():
    for look in (mlp(), convolutional()):
        steps = [*look.steps({}), look.logits_step(0)]
        names = {name for step in steps for name in step.drawings.values()}
        assert names
        for name in {*names, "picture"}:
            rows, columns = opened(look.draw(name)).shape[:2]
            assert look.size(name) == (columns, rows)


def test_a_drawing_of_products_is_blue_where_a_pixel_speaks_for_a_unit():
    look = mlp()
    look.weights["hidden.0.weight"][0] = 1

    drawn = opened(look.draw("product-0"))

    assert (drawn[..., 2] > drawn[..., 0]).all()


@pytest.mark.parametrize(
    "name",
    ["", "weight", "weight-6", "weight-x", "weight--1", "maps-99", "maps-1", "map-1-99", "other", "units-0"],
)
def test_a_drawing_that_there_is_not_is_refused(name):
    with pytest.raises(NoSuchDrawingError):
        mlp().draw(name)
