"""What a network makes of one picture -> steps that can be shown to anybody, with their drawings. Pure.

Numbers are those that the network worked with: a sum that is shown is the sum that it added up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.drawing import Bytes, light, png, sheet, signed

Floats = NDArray[np.floating[Any]]
PATCH = 8  # pixels a side that are shown as numbers
MOST_TILES = 64  # weights or maps of one layer that are drawn
MOST_UNITS = 256  # units of one layer that can be chosen from
N_PARTS = 6  # contributions to a sum that are listed
CONVOLUTION, CONNECTED = "convolution", "fully connected"
SQUEEZES = ("ReLU", "sigmoid")
# The drawn curve of a squeeze, in a box of this size, y down.
CURVE_WIDTH, CURVE_HEIGHT = 320, 120


@dataclass(frozen=True)
class Between:
    """One layer, and what it made of one picture: (channels, rows, columns) or (units,)."""

    name: str
    kind: str
    output: Floats


@dataclass(frozen=True)
class Cell:
    """One pixel of the enlarged patch: where it lies, how bright its colour is, and whether dark figures show."""

    x: int
    y: int
    value: int
    fill: str
    is_light: bool


@dataclass(frozen=True)
class Plane:
    """One colour of the patch."""

    name: str
    cells: list[Cell]


@dataclass(frozen=True)
class Part:
    """One of the contributions to a sum: an input, its weight, and their product."""

    source: int  # the place of the input among all of this layer's
    value: float
    weight: float

    @property
    def product(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True)
class Sum:
    """What one unit adds up. `rest` is what all inputs but `parts` contribute together."""

    bias: float
    parts: list[Part]
    n_rest: int
    rest: float
    positive: float  # all that speaks for it together, the bias left out
    negative: float
    total: float


@dataclass(frozen=True)
class Squeeze:
    """How a sum is squeezed: a curve, the point on it, and both as numbers."""

    kind: str
    path: str
    x: float
    y: float
    axis_y: float  # of 0
    axis_x: float
    most: float  # the sum at the right end
    before: float
    after: float


@dataclass(frozen=True)
class Step:
    """One step down the page.

    kind:     "weights", "maps" or "units".
    title:    the layer's kind, as the field calls it.
    shape:    of what comes out.
    drawings: of the step, by what each is; the names under which the pictures are drawn.
    n_more:   weights, maps or units that are not drawn.
    choice:   the number of the unit that is looked at more closely; choices: those that may be chosen.
    """

    kind: str
    layer: str
    title: str
    number: int
    shape: tuple[int, ...]
    drawings: dict[str, str] = field(default_factory=dict)
    n_more: int = 0
    choice: int | None = None
    choices: Sequence[int] = ()
    sum: Sum | None = None
    squeeze: Squeeze | None = None
    side: int = 0  # pixels a side of one weight or map
    side_before: int = 0  # of a map of the step before; 0 where that has none
    n_alive: int = 0  # units or maps that answer at all


class NoSuchDrawingError(LookupError):
    """There is no drawing of this name of this network."""


class Look:
    """One picture on its way through a network.

    pixels:   (size_px, size_px, 3) uint8.
    between:  what its layers made of it, in their order; the last one's are the logits.
    features: (n_features,), what the last layer saw.
    weights:  what they learnt, by name.
    """

    def __init__(
        self, pixels: Bytes, between: Sequence[Between], features: Floats, weights: Mapping[str, Floats]
    ) -> None:
        self.pixels, self.between, self.features, self.weights = pixels, list(between), features, weights

    # --- The picture -----------------------------------------------------------------------------------------------

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column at which the patch begins that is shown as numbers: the one with most to be seen."""
        size = len(self.pixels)
        side = min(PATCH, size)
        gray = self.pixels.mean(axis=2)
        places = [
            (top, left)
            for top in range(0, size - side + 1, max(1, side // 2))
            for left in range(0, size - side + 1, max(1, side // 2))
        ]
        return max(places, key=lambda at: gray[at[0] : at[0] + side, at[1] : at[1] + side].std())

    def planes(self) -> list[Plane]:
        """Return the patch as numbers, once for each colour."""
        top, left = self.corner
        patch = self.pixels[top : top + PATCH, left : left + PATCH]
        planes = []
        for channel, name in enumerate(("red", "green", "blue")):
            cells = []
            for (y, x), value in np.ndenumerate(patch[..., channel]):
                rgb = [0, 0, 0]
                rgb[channel] = int(value)
                # Green looks bright from early on, blue hardly ever: ITU-R BT.601.
                brightness = int(value) * (0.299, 0.587, 0.114)[channel]
                cells.append(Cell(x, y, int(value), "#" + bytes(rgb).hex(), brightness > 75))
            planes.append(Plane(name, cells))
        return planes

    # --- The layers ------------------------------------------------------------------------------------------------

    def steps(self, chosen: Mapping[str, int]) -> list[Step]:
        """Return what happens between the picture and the logits.

        chosen: by the name of a layer the unit or filter that is looked at; the most active one where it names none.
        """
        found = [self._weights_step(chosen)]
        first = self._first
        for place, layer in enumerate(self.between):
            if layer.kind in SQUEEZES and layer.output.ndim == 3 and max(layer.output.shape[1:]) > 1:
                before = found[-1].side if found[-1].kind == "maps" else 0
                found.append(self._maps_step(place, len(found) + 1, before))
            elif layer.kind == CONNECTED and place != len(self.between) - 1:
                found.append(self._units_step(place, len(found) + 1, chosen, is_first=place == first))
        return found

    def logits_step(self, label: int) -> Step:
        """Return what the last layer adds up for one class."""
        place = len(self.between) - 1
        layer = self.between[place]
        return Step(
            "units",
            layer.name,
            layer.kind,
            0,
            layer.output.shape,
            choice=label,
            sum=self._sum(place, label),
            drawings=self._sum_drawings(place, label),
        )

    @property
    def _first(self) -> int:
        """The place of the first layer that learnt something."""
        return next(i for i, layer in enumerate(self.between) if layer.kind in (CONVOLUTION, CONNECTED))

    def _weights_step(self, chosen: Mapping[str, int]) -> Step:
        place = self._first
        layer = self.between[place]
        n = len(layer.output)
        shown = min(n, MOST_TILES)
        choice = self._choice(place, chosen, shown)
        drawings = {"all": "weights", "chosen": f"weight-{choice}"}
        if layer.kind == CONVOLUTION:
            drawings["answer"] = f"map-{place}-{choice}"
            side = self.weights[f"{layer.name}.weight"].shape[2]
        else:
            side = len(self.pixels)
        return Step(
            "weights",
            layer.name,
            layer.kind,
            1,
            layer.output.shape,
            drawings,
            n_more=n - shown,
            choice=choice,
            choices=range(shown),
            side=side,
        )

    def _maps_step(self, place: int, number: int, side_before: int) -> Step:
        layer = self.between[place]
        n = len(layer.output)
        return Step(
            "maps",
            layer.name,
            layer.kind,
            number,
            layer.output.shape,
            {"all": f"maps-{place}"},
            n_more=max(0, n - MOST_TILES),
            side=layer.output.shape[1],
            side_before=side_before,
            n_alive=int((layer.output > 0).any(axis=(1, 2)).sum()),
        )

    def _units_step(self, place: int, number: int, chosen: Mapping[str, int], *, is_first: bool) -> Step:
        layer = self.between[place]
        n = len(layer.output)
        shown = min(n, MOST_TILES if is_first else MOST_UNITS)
        choice = self._choice(place, chosen, shown)
        after = self.between[place + 1] if place + 1 < len(self.between) else None
        is_squeezed = after is not None and after.kind in SQUEEZES
        drawings = {"all": f"units-{place + 1 if is_squeezed else place}"} | self._sum_drawings(place, choice)
        return Step(
            "units",
            layer.name,
            layer.kind,
            number,
            layer.output.shape,
            drawings,
            n_more=n - shown,
            choice=choice,
            choices=range(shown),
            sum=self._sum(place, choice),
            squeeze=squeeze(after.kind, float(layer.output[choice]))
            if after is not None and is_squeezed
            else None,
            n_alive=int((after.output > 0.5 * (after.kind == "sigmoid")).sum()) if after is not None else n,
        )

    def _choice(self, place: int, chosen: Mapping[str, int], n: int) -> int:
        layer = self.between[place]
        choice = chosen.get(layer.name, -1)
        if 0 <= choice < n:
            return choice
        strength = layer.output[:n].reshape(n, -1).max(axis=1)
        return int(strength.argmax())

    def _inputs(self, place: int) -> Floats:
        """What the fully connected layer at `place` was given, (n_inputs,)."""
        is_last = place == len(self.between) - 1
        inputs: Floats = self.features if is_last else self.between[place - 1].output.reshape(-1)
        return inputs

    def _sees_pixels(self, place: int) -> bool:
        return self.between[place - 1].kind == "pixels"

    def _sum(self, place: int, unit: int) -> Sum:
        layer, values = self.between[place], self._inputs(place)
        row = self.weights[f"{layer.name}.weight"][unit]  # (n_inputs,)
        products = row.astype(np.float64) * values
        strongest = np.argsort(-np.abs(products), kind="stable")[:N_PARTS]
        parts = [Part(int(i), float(values[i]), float(row[i])) for i in strongest]
        return Sum(
            bias=float(self.weights[f"{layer.name}.bias"][unit]),
            parts=[] if self._sees_pixels(place) else parts,
            n_rest=len(products) - len(parts),
            rest=float(products.sum() - products[strongest].sum()),
            positive=float(products[products > 0].sum()),
            negative=float(products[products < 0].sum()),
            total=float(layer.output[unit]),
        )

    def _sum_drawings(self, place: int, unit: int) -> dict[str, str]:
        if not self._sees_pixels(place):
            return {}
        return {"weights": f"weighing-{unit}", "products": f"product-{unit}"}

    # --- Drawings --------------------------------------------------------------------------------------------------

    def draw(self, name: str) -> bytes:
        """Return the drawing of this name as a PNG. Raises NoSuchDrawingError."""
        return png(self._drawn(name))

    def size(self, name: str) -> tuple[int, int]:
        """Return how many pixels the drawing of this name is wide, and how many high. Raises NoSuchDrawingError."""
        rows, columns = self._drawn(name).shape[:2]
        return columns, rows

    def _drawn(self, name: str) -> Bytes:
        kind, *numbers = name.split("-")
        draws: dict[str, tuple[int, Callable[..., Bytes]]] = {
            "picture": (0, lambda: self.pixels),
            "weights": (0, self._draw_weights),
            "weight": (1, self._draw_weight),
            "weighing": (1, lambda unit: signed(self._first_weights()[unit].sum(axis=0))),
            "product": (1, self._draw_product),
            "maps": (1, self._draw_maps),
            "map": (2, self._draw_map),
            "units": (1, self._draw_units),
        }
        n_numbers, draw = draws.get(kind, (-1, self._draw_weights))
        if n_numbers != len(numbers) or not all(number.isdecimal() and len(number) < 7 for number in numbers):
            raise NoSuchDrawingError(f"Expected a drawing of this network; found {name[:80]!r}.")
        try:
            return draw(*map(int, numbers))
        except (IndexError, KeyError) as error:
            raise NoSuchDrawingError(f"Expected a drawing of this network; found {name[:80]!r}.") from error

    def _first_weights(self) -> Floats:
        """(n, channels, rows, columns) of the first layer."""
        layer = self.between[self._first]
        weights = self.weights[f"{layer.name}.weight"]
        if layer.kind == CONNECTED:
            size = len(self.pixels)
            weights = weights.reshape(len(weights), -1, size, size)
        return weights

    def _draw_weights(self) -> Bytes:
        # Over the colours: where the sum is positive, brightness speaks for it.
        weights = self._first_weights()[:MOST_TILES].sum(axis=1)  # (n, rows, columns)
        return sheet([signed(each) for each in weights])

    def _draw_weight(self, unit: int) -> Bytes:
        """Draw one unit's weights, once for each colour that it sees."""
        weights = self._first_weights()[unit]
        most = float(np.abs(weights).max())
        return sheet([signed(each, most) for each in weights])

    def _draw_product(self, unit: int) -> Bytes:
        """Draw what each pixel adds to one unit's sum, over the colours together."""
        values = self.between[self._first - 1].output
        return signed((self._first_weights()[unit] * values).sum(axis=0))

    def _draw_maps(self, place: int) -> Bytes:
        output = self._maps(place)
        most = output.max(initial=0) or 1
        # The strongest answer of all maps is white, so that of two maps the brighter one answers more. By roots,
        # since beside it most others would be black.
        shares = np.sqrt(np.clip(output[:MOST_TILES] / most, 0, 1))
        return sheet([np.round(255 * each).astype(np.uint8) for each in shares])

    def _draw_map(self, place: int, channel: int) -> Bytes:
        return signed(self._maps(place)[channel])

    def _maps(self, place: int) -> Floats:
        output = self.between[place].output
        if output.ndim != 3:
            raise IndexError(place)
        return output

    def _draw_units(self, place: int) -> Bytes:
        """Draw what a layer's units answer, as squares row by row: white is the largest."""
        output = self.between[place].output
        if output.ndim != 1:
            raise IndexError(place)
        columns = 32 if len(output) <= 1024 else 128
        squares = np.zeros(-(-len(output) // columns) * columns)
        squares[: len(output)] = output
        return light(squares.reshape(-1, columns))


def squeeze(kind: str, before: float) -> Squeeze:
    """Return the curve of `kind` with the point of a sum on it."""
    most = max(4.0, 1.25 * abs(before))
    xs = np.linspace(-most, most, 65)
    if kind == "sigmoid":
        bottom, top = 0.0, 1.0
    else:
        bottom, top = -0.05 * most, most

    def across(x: float) -> float:
        return round((x + most) / (2 * most) * CURVE_WIDTH, 1)

    def down(y: float) -> float:
        return round((top - y) / (top - bottom) * CURVE_HEIGHT, 1)

    points = [f"{across(float(x))} {down(_squeezed(kind, float(x)))}" for x in xs]
    after = _squeezed(kind, before)
    return Squeeze(
        kind, "M" + "L".join(points), across(before), down(after), down(0.0), across(0.0), most, before, after
    )


def _squeezed(kind: str, value: float) -> float:
    if kind == "sigmoid":
        return float(1 / (1 + np.exp(-value)))
    return max(0.0, value)
