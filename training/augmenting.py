"""Bytes of pictures -> what the network sees of them: moved, mirrored, recoloured, hidden in part, and blended.

All of it works on whole batches, where the batch is, and waits for no GPU. Equal seeds give equal bits on one kind
of device; a processor and a GPU draw other numbers from the same seed.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeling.kernels import compiled
from training.changing import changed
from training.classifier import LUMINANCE
from training.config import Config
from training.dataset import Bytes, Picked

# How far brightness, contrast and saturation go from 1 at most; what ImageNet recipes have used since 2014.
JITTER = 0.4
# Standard deviation of the 2012 recipe's draws: Krizhevsky et al., section 4.1, doi:10.1145/3065386.
PCA_SPREAD = 0.1
GREY = 0.5
# As much of a training set as its colours are learnt from: so many pictures, and pixels along a side of each.
MOST_LOOKED_AT, MOST_ALONG_A_SIDE = 4096, 64


class Augmenter:
    """What `config` asks to be done to each training batch.

        augment = Augmenter(config, train_split.pictures, n_classes, device)
        inputs, targets = augment(pictures, targets, generator)

    pictures:  (batch, size, size, 3) uint8 on `device`; not modified.
    targets:   (batch,) int64 class indices, or (batch, n_classes) float32, rows summing to 1.
    generator: on `device`; all that is random comes from it.
    Returns    inputs (batch, 3, size, size) float32 from 0 to 1, a pixel's channels side by side in memory
               (torch.channels_last), and the targets: as they came, or with mixup always (batch, n_classes) float32.
    """

    def __init__(
        self, config: Config, pictures: Bytes | Picked, n_classes: int, device: torch.device
    ) -> None:
        """`pictures` are the training split's, (n, size, size, 3) uint8: "pca" learns their colours, once."""
        self.crop, self.flip, self.colour, self.mixup = config.crop, config.flip, config.colour, config.mixup
        self.changes = config.changes
        self.hidden_px = round(config.erase * config.size_px)
        self.n_classes = n_classes
        if self.colour == "pca":
            self.axes = torch.from_numpy(principal_colours(pictures)).float().to(device)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is done to pictures but to scale them."""
        asked = (self.crop, self.flip, self.changes, self.colour != "none", self.hidden_px, self.mixup)
        return not any(asked)

    def __call__(
        self, pictures: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        inputs = scaled(moved(pictures, crop=self.crop, flip=self.flip, generator=generator))
        if self.changes:
            inputs = changed(inputs, generator)
        if self.colour == "jitter":
            inputs = jittered(inputs, generator)
        elif self.colour == "pca":
            inputs = tinted(inputs, self.axes, generator)
        if self.hidden_px:
            inputs = hidden(inputs, self.hidden_px, generator)
        if self.mixup:
            return mixed(inputs, one_hot(targets, self.n_classes), self.mixup, generator)
        return inputs, targets


def scaled(pictures: Tensor) -> Tensor:
    """Turn bytes (batch, size, size, 3) into float32 (batch, 3, size, size) from 0 (black) to 1 (white).

    The same for every data set, so that weights mean something without a file of means beside them. A pixel's
    channels stay side by side in memory: the result is torch.channels_last.
    """
    if pictures.is_floating_point():
        return pictures  # Feed.scale() did so beforehand
    return pictures.permute(0, 3, 1, 2).float().div_(255)


def moved(pictures: Tensor, *, crop: bool, flip: bool, generator: torch.Generator) -> Tensor:
    """Shift each picture by up to an eighth of its side and mirror half of them, as asked.

    pictures:  (batch, size, size, 3) uint8 on the generator's device; not modified.
    Where a shift uncovers what was never there, the picture is mirrored at its edge.
    """
    if not (crop or flip):
        return pictures
    n, size = pictures.shape[:2]
    device = pictures.device
    furthest = size // 8 if crop else 0
    moves = torch.randint(-furthest, furthest + 1, (2, n), generator=generator, device=device)
    is_mirrored = torch.rand(n, generator=generator, device=device) < (0.5 if flip else 0)
    if device.type == "cpu":
        # Three times as fast as gathering: one pass, and no table of where each pixel comes from.
        result = torch.empty(pictures.shape, dtype=torch.uint8)
        _move(pictures.numpy(), moves.numpy(), is_mirrored.numpy(), result.numpy())
        return result
    return gathered(pictures, moves, is_mirrored)


def gathered(pictures: Tensor, moves: Tensor, is_mirrored: Tensor) -> Tensor:
    """Shift picture i by moves[:, i] pixels and mirror it if is_mirrored[i], by torch's own operations.

    moves: (2, batch) int64, rows and columns further down and right that each pixel comes from.
    """
    n, size = pictures.shape[:2]
    along = torch.arange(size, device=pictures.device)
    rows = reflected(along + moves[0, :, None], size)  # (batch, size): where each row comes from
    columns = torch.where(is_mirrored[:, None], along.flip(0), along)
    columns = reflected(columns + moves[1, :, None], size)
    first = torch.arange(n, device=pictures.device)[:, None, None] * size**2
    pixel = first + rows[:, :, None] * size + columns[:, None, :]  # (batch, size, size)
    found: Tensor = pictures.reshape(-1, 3).index_select(0, pixel.flatten())  # (batch size size, 3)
    return found.view(pictures.shape)


def reflected(places: Tensor, size: int) -> Tensor:
    """Return `places` within 0..size - 1, those beyond an edge by less than `size` mirrored at it."""
    return (size - 1) - ((size - 1) - places.abs()).abs()


def jittered(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Change each picture's brightness, contrast and saturation by a factor from 0.6 to 1.4 each.

    inputs: (batch, 3, size, size) float32 from 0 to 1; so is the result. The three are done in this order and cut
    off to 0..1 once, at the end, since together they are one sum: a pixel, its grey and the picture's mean grey.
    """
    n, device = len(inputs), inputs.device
    draws = torch.rand((3, n, 1, 1, 1), generator=generator, device=device)
    brightness, contrast, saturation = 1 + JITTER * (2 * draws - 1)
    red, green, blue = LUMINANCE
    grey = inputs[:, :1] * red + inputs[:, 1:2] * green + inputs[:, 2:] * blue  # (batch, 1, size, size)
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    changed: Tensor = inputs * (brightness * contrast * saturation)
    changed += grey * (brightness * contrast * (1 - saturation)) + mean * (brightness * (1 - contrast))
    return changed.clamp_(0, 1)


def tinted(inputs: Tensor, axes: Tensor, generator: torch.Generator) -> Tensor:
    """Add to each picture one colour: `axes` (see principal_colours) times draws of N(0, 0.1), cut off to 0..1.

    Source: Krizhevsky, Sutskever & Hinton (2012), section 4.1, doi:10.1145/3065386.
    """
    draws = PCA_SPREAD * torch.randn((len(inputs), 1, 3), generator=generator, device=inputs.device)
    shade = (draws * axes).sum(dim=2)  # (batch, 3); no matrix product, which a GPU might round
    return _as_pictures((_as_rows(inputs) + shade.repeat(1, inputs.shape[-1])[:, None]).clamp_(0, 1))


def principal_colours(pictures: Bytes | Picked) -> NDArray[np.float64]:
    """Return the directions in which colours vary, (3, 3): column i is the unit eigenvector i of the covariance of
    red, green and blue, from 0 to 1, times its eigenvalue; its largest component is positive.

    Learnt from at most 4,096 pictures and 64 x 64 pixels of each, evenly spaced.
    """
    n, size = pictures.shape[:2]
    chosen = np.arange(0, n, -(-n // MOST_LOOKED_AT))
    step = -(-size // MOST_ALONG_A_SIDE)
    # Sums of whole numbers below 2^53: the same on every machine, in whatever order they are added up.
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for start in range(0, len(chosen), 256):
        pixels = pictures[chosen[start : start + 256]][:, ::step, ::step].reshape(-1, 3).astype(np.float64)
        count += len(pixels)
        total += pixels.sum(axis=0)
        products += pixels.T @ pixels
    mean = total / count
    covariance = (products / count - np.outer(mean, mean)) / 255**2
    values, vectors = np.linalg.eigh(covariance)
    largest = vectors[np.abs(vectors).argmax(axis=0), range(3)]
    axes: NDArray[np.float64] = vectors * np.sign(largest) * values.clip(min=0)
    return axes


def hidden(inputs: Tensor, side_px: int, generator: torch.Generator) -> Tensor:
    """Grey out a square of `side_px` anywhere within each picture.

    Source: DeVries & Taylor (2017), arXiv:1708.04552, but never cut off at an edge.
    """
    n, size = len(inputs), inputs.shape[-1]
    corner = torch.randint(0, size - side_px + 1, (2, n, 1), generator=generator, device=inputs.device)
    along = torch.arange(size, device=inputs.device)
    within = ((along >= corner) & (along < corner + side_px)).float()  # (2, batch, size): rows, columns
    is_hidden = (
        within[0, :, :, None] * within[1].repeat_interleave(3, dim=1)[:, None]
    )  # (batch, size, 3 size)
    # By a share of 0 or 1 it leaves every bit elsewhere as it was, and takes a fifth of a masked fill's time.
    return _as_pictures(torch.lerp(_as_rows(inputs), inputs.new_full((), GREY), is_hidden))


def mixed(inputs: Tensor, targets: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blend each picture, and its target, with another of the batch: one share for all, from Beta(alpha, alpha).

    inputs: (batch, 3, size, size) float32; targets: (batch, n_classes) float32, rows summing to 1; so the results.
    Source: Zhang et al. (2018), arXiv:1710.09412.
    """
    share = symmetric_beta(alpha, 1, generator).float()[0]
    other = torch.randperm(len(inputs), generator=generator, device=inputs.device)
    others = inputs.permute(0, 2, 3, 1).index_select(0, other).permute(0, 3, 1, 2)  # stays channels_last
    return torch.lerp(others, inputs, share), torch.lerp(targets[other], targets, share)


def symmetric_beta(alpha: float, n: int, generator: torch.Generator) -> Tensor:
    """Return n draws from Beta(alpha, alpha), float64, on the generator's device.

    Student's t with 2 alpha degrees of freedom, by Bailey's polar method, turned into a Beta: two uniform draws
    each and nothing to reject, so that a GPU need not be waited for.
    Source: Devroye (1996), section 4, doi:10.1145/256562.256594.
    """
    u, v = torch.rand((2, n), generator=generator, device=generator.device, dtype=torch.float64)
    rest = (1 - u) ** (1 / alpha)  # from above 0, as u stays below 1; a small alpha may round it to 0 again
    cosine = torch.cos(2 * math.pi * v)
    spread = cosine * torch.sqrt((1 - rest) / (rest + cosine**2 * (1 - rest)))
    return ((1 + spread) / 2).clamp(0, 1)  # rounding may pass 0 by a hair


def one_hot(targets: Tensor, n_classes: int) -> Tensor:
    """Return class indices (batch,) as (batch, n_classes) float32; what has rows already stays as it is."""
    if targets.ndim == 2:
        return targets
    return (targets[:, None] == torch.arange(n_classes, device=targets.device)).float()


def _as_rows(inputs: Tensor) -> Tensor:
    """View (batch, 3, size, size), channels_last, as (batch, size, 3 size): a row of pixels is one row of numbers.

    Three numbers are too few for an inner loop: so it is four times as fast.
    """
    n, _channels, size, _size = inputs.shape
    return inputs.permute(0, 2, 3, 1).reshape(n, size, 3 * size)


def _as_pictures(rows: Tensor) -> Tensor:
    """View what _as_rows() gave as pictures again."""
    n, size = rows.shape[:2]
    return rows.view(n, size, size, 3).permute(0, 3, 1, 2)


def _moving(pictures: Any, moves: Any, is_mirrored: Any, result: Any) -> None:
    """gathered(), compiled for a processor: fills `result`, one picture after the other."""
    n, size = pictures.shape[0], pictures.shape[1]
    last = size - 1
    for i in range(n):
        first, step = (size - 1, -1) if is_mirrored[i] else (0, 1)
        for y in range(size):
            row = last - abs(last - abs(y + moves[0, i]))
            for x in range(size):
                column = last - abs(last - abs(first + step * x + moves[1, i]))
                for channel in range(3):
                    result[i, y, x, channel] = pictures[i, row, column, channel]


_move: Callable[..., None] = compiled(_moving)
