"""Maps of what speaks for and against a class, as pictures and in words. Pure: NumPy and Pillow.

Blue speaks for it and orange against it: two colours that people tell apart whatever colours they see, and of which
one is dark and the other one light. They are laid over the picture in grays.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# Okabe & Ito (2008), "Color Universal Design": blue and orange.
FOR, AGAINST = (0, 114, 178), (230, 159, 0)
FULL_AT = 0.99  # the share of pixels that are weaker than full colour: a few outliers would pale all others
MOST_OPAQUE = 0.9
PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "middle", "right"),
    ("lower left", "bottom", "lower right"),
)


def full_colour(map_: Map) -> float:
    """Return the strength from which a map's colours are full; 0 where it says nothing."""
    strength = np.abs(map_)
    full = float(np.quantile(strength, FULL_AT))
    return full or float(strength.max())


def overlay(map_: Map) -> bytes:
    """Return a PNG of the map's own size: clear where it says nothing, and the more opaque the more it says."""
    full = full_colour(map_)
    strength = np.clip(np.abs(map_) / full, 0, 1) if full else np.zeros_like(map_)
    pixels = np.empty((*map_.shape, 4), np.uint8)
    pixels[..., :3] = np.where((map_ > 0)[..., None], FOR, AGAINST)
    pixels[..., 3] = (255 * MOST_OPAQUE * strength).round()
    return _png(Image.fromarray(pixels, "RGBA"))


def in_grays(picture: Bytes) -> bytes:
    """Return a PNG of `picture`, (size, size, 3) RGB, in grays that leave room for colours to be seen on them."""
    grays = np.asarray(Image.fromarray(picture, "RGB").convert("L"), np.float32)
    return _png(Image.fromarray((96 + grays * (255 - 96) / 255).round().astype(np.uint8), "L"))


def as_seen(picture: Bytes) -> bytes:
    """Return a PNG of `picture`, (size, size, 3) RGB, as the network sees it."""
    return _png(Image.fromarray(picture, "RGB"))


def strongest_places(map_: Map) -> tuple[tuple[str, float], tuple[str, float]]:
    """Return in which ninth of the picture most speaks for the class and in which most speaks against it, each with
    its share of all that does so; a share of 0 where nothing does.
    """
    return _strongest(np.maximum(map_, 0)), _strongest(np.maximum(-map_, 0))


def _strongest(strength: Map) -> tuple[str, float]:
    rows = [np.array_split(row, 3, axis=1) for row in np.array_split(strength.astype(np.float64), 3, axis=0)]
    sums = np.array([[each.sum() for each in row] for row in rows])
    i, j = divmod(int(sums.argmax()), 3)
    total = sums.sum()
    return PLACES[i][j], float(sums[i, j] / total) if total else 0.0


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
