"""One change at random for each picture: of its colours, its sharpness, or where things are.

Source: after Müller & Hutter (2021), TrivialAugment, arXiv:2103.10158: one of some changes each, and how strong is
drawn, so that nothing has to be tuned. Milder than theirs, since pictures are cropped and mirrored besides.
Each change takes pictures (n, 3, size, size) float32 from 0 to 1, and for each a strength from 0 to 1 and a way, -1
or 1, (n, 1, 1, 1) both; it returns such pictures.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from training.classifier import LUMINANCE

Change = Callable[[Tensor, Tensor, Tensor], Tensor]
FEWEST_BITS, MOST_BITS = 3, 8
TURN = math.radians(20)
SHEAR = 0.3
BRIGHTNESS, MOST_AWAY = 0.7, 0.9


def changed(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return `inputs` (batch, 3, size, size), float32 from 0 to 1, each picture changed in one way; so is the result.

    In a random order, pictures take turns with CHANGES and with being left alone: so each is as likely to be changed
    in any way, and a GPU is told how many of each there are without being waited for.
    """
    n, device = len(inputs), inputs.device
    order = torch.rand(n, generator=generator, device=device).argsort()
    strength, way = torch.rand((2, n, 1, 1, 1), generator=generator, device=device)
    way = (way < 0.5).float() * 2 - 1
    found = inputs.clone()
    for number, change in enumerate(CHANGES):
        rows = order[number :: len(CHANGES) + 1]
        if len(rows):
            found[rows] = change(inputs[rows], strength[rows], way[rows])
    return found


def brighter(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    return (pictures * (1 + BRIGHTNESS * way * strength)).clamp_(0, 1)


def contrasted(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    mean = _grey(pictures).mean(dim=(1, 2, 3), keepdim=True)
    return _away_from(mean, pictures, way * strength)


def coloured(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    return _away_from(_grey(pictures), pictures, way * strength)


def sharpened(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    """Sharpen, or smooth, by what a pixel is above the mean over it and its eight neighbours."""
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return _away_from(functional.avg_pool2d(padded, 3, stride=1), pictures, way * strength)


def stretched(pictures: Tensor, _strength: Tensor, _way: Tensor) -> Tensor:
    """Stretch each channel to go from 0 to 1."""
    low, high = pictures.amin(dim=(2, 3), keepdim=True), pictures.amax(dim=(2, 3), keepdim=True)
    return (pictures - low) / (high - low).clamp_min(1 / 255)


def equalised(pictures: Tensor, _strength: Tensor, _way: Tensor) -> Tensor:
    """Have each channel show every brightness about as often: a pixel becomes the share of pixels below it."""
    values = pictures.reshape(len(pictures) * 3, -1).contiguous()  # (n * 3, pixels)
    ranked = values.sort(dim=1).values
    n_below = torch.searchsorted(ranked, values) + torch.searchsorted(ranked, values, right=True)
    return (n_below.to(pictures.dtype) / (2 * values.shape[1])).reshape(pictures.shape)


def solarised(pictures: Tensor, strength: Tensor, _way: Tensor) -> Tensor:
    """Turn what is brighter than a threshold into its negative."""
    return torch.where(pictures >= 1 - strength, 1 - pictures, pictures)


def posterised(pictures: Tensor, strength: Tensor, _way: Tensor) -> Tensor:
    """Keep the first bits of each byte, from eight down to three."""
    step = 2 ** (strength * (MOST_BITS - FEWEST_BITS)).floor()
    return (pictures * 255 / step).floor() * step / 255


def turned(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    angle = (TURN * way * strength).flatten()
    return _taken_from(pictures, angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def sheared_along(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    slant = (SHEAR * way * strength).flatten()
    one, none = torch.ones_like(slant), torch.zeros_like(slant)
    return _taken_from(pictures, one, slant, none, one)


def sheared_down(pictures: Tensor, strength: Tensor, way: Tensor) -> Tensor:
    slant = (SHEAR * way * strength).flatten()
    one, none = torch.ones_like(slant), torch.zeros_like(slant)
    return _taken_from(pictures, one, none, slant, one)


CHANGES: tuple[Change, ...] = (
    brighter, contrasted, coloured, sharpened, stretched, equalised, solarised, posterised, turned, sheared_along,
    sheared_down,
)  # fmt: skip


def _grey(pictures: Tensor) -> Tensor:
    red, green, blue = LUMINANCE
    return pictures[:, :1] * red + pictures[:, 1:2] * green + pictures[:, 2:] * blue  # (n, 1, size, size)


def _away_from(other: Tensor, pictures: Tensor, share: Tensor) -> Tensor:
    """Move `pictures` away from `other` by a share of what lies between, or towards it where that is below 0."""
    return (pictures + MOST_AWAY * share * (pictures - other)).clamp_(0, 1)


def _taken_from(pictures: Tensor, xx: Tensor, xy: Tensor, yx: Tensor, yy: Tensor) -> Tensor:
    """Take what goes to (x, y), counted from the middle, from (xx x + xy y, yx x + yy y); edges are mirrors."""
    none = torch.zeros_like(xx)
    where = torch.stack([xx, xy, none, yx, yy, none], dim=1).view(-1, 2, 3)
    grid = functional.affine_grid(where, list(pictures.shape), align_corners=False)
    return functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
