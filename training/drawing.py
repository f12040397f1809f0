"""Arrays -> small PNG pictures. Pure: NumPy and Pillow.

What is positive is drawn in blue and what is negative in orange, which people tell apart who see no red or no green;
the fainter, the nearer to nothing. Nothing itself is transparent.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]
# Blue and orange of Okabe & Ito's colours (2008), https://jfly.uni-koeln.de/color, darkened for light pages.
POSITIVE, NEGATIVE = (0, 114, 178), (213, 94, 0)
COLUMNS = 8  # of a sheet


def png(pixels: Bytes) -> bytes:
    """Return pixels (rows, columns), (rows, columns, 3) or (rows, columns, 4) as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def signed(values: Floats, most: float | None = None) -> Bytes:
    """Return values (rows, columns) as colours (rows, columns, 4).

    most: the size that is drawn in full colour; the largest in `values` where it is None.
    """
    values = values.astype(np.float64)
    most = float(np.abs(values).max(initial=0)) if most is None else most
    strength = np.clip(np.abs(values) / most, 0, 1) if most > 0 else np.zeros_like(values)
    drawn = np.empty((*values.shape, 4), dtype=np.uint8)
    drawn[..., :3] = np.where(values[..., None] >= 0, POSITIVE, NEGATIVE)
    drawn[..., 3] = np.round(255 * strength)
    return drawn


def light(values: Floats) -> Bytes:
    """Return values (rows, columns), as gray pixels: 0 and below is black, the largest white."""
    values = np.maximum(values.astype(np.float64), 0)
    most = values.max(initial=0)
    return np.round(255 * values / most).astype(np.uint8) if most > 0 else np.zeros(values.shape, np.uint8)


def sheet(drawings: list[Bytes], columns: int = COLUMNS, gap: int = 1) -> Bytes:
    """Return drawings of one size, one beside the other with transparent gaps, row by row. Gray becomes colour."""
    if not drawings:
        raise ValueError("Expected at least one drawing; found none.")
    tiles = [_rgba(drawing) for drawing in drawings]
    rows, across = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    down = -(-len(tiles) // columns)
    whole = np.zeros((down * (rows + gap) - gap, columns * (across + gap) - gap, 4), dtype=np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (rows + gap), place % columns * (across + gap)
        whole[top : top + rows, left : left + across] = tile
    return whole


def _rgba(drawing: Bytes) -> Bytes:
    if drawing.ndim == 2:
        drawing = np.repeat(drawing[..., None], 3, axis=2)
    if drawing.shape[2] == 4:
        return drawing
    opaque = np.full((*drawing.shape[:2], 1), 255, dtype=np.uint8)
    return np.concatenate([drawing, opaque], axis=2)
