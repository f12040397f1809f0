"""A line chart as SVG text: the few that docs/benchmarks.md shows."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 60  # margins
# Dark on white and of different dashes, so that neither colour sight nor print is needed to tell lines apart.
STYLES = (
    ("#1a1a1a", "2 4"),
    ("#8a5a00", "8 4"),
    ("#9a1f6b", "8 3 2 3"),
    ("#0b5fa5", ""),
    ("#1b7a3d", "12 3"),
    ("#5b3fa0", "4 2"),
)
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """Words, and the ticks, the first and last of which are its ends."""

    words: str
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where `value` lies between the ends, 0..1 within them."""
        scale = math.log if self.logarithmic else float
        low, high = scale(self.ticks[0]), scale(self.ticks[-1])
        return (scale(value) - low) / (high - low)


@dataclass(frozen=True)
class Chart:
    title: str
    x: Axis
    y: Axis


def draw(chart: Chart, lines: dict[str, Points]) -> str:
    """Return the chart with one line for each name, those points left out that lie beyond the axes.

    Raises ValueError if there are more lines than styles.
    """
    if len(lines) > len(STYLES):
        raise ValueError(f"lines: expected {len(STYLES)} at most; found {len(lines)}.")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(chart.title)}</text>',
        *_axes(chart),
    ]
    for place, (name, points) in enumerate(lines.items()):
        parts += _line(chart, name, points, place)
    return "\n".join([*parts, "</svg>", ""])


def _across(chart: Chart, value: float) -> float:
    return LEFT + chart.x.share(value) * (WIDTH - LEFT - RIGHT)


def _down(chart: Chart, value: float) -> float:
    return HEIGHT - BOTTOM - chart.y.share(value) * (HEIGHT - TOP - BOTTOM)


def _axes(chart: Chart) -> list[str]:
    parts = []
    for tick in chart.x.ticks:
        x = _across(chart, tick)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        anchor = "end" if tick == chart.x.ticks[-1] else "middle"  # or a long number is cut off
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{tick:,.9g}</text>'
        )
    for tick in chart.y.ticks:
        y = _down(chart, tick)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.9g}</text>')
    across, down = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    middle = 'text-anchor="middle"'
    parts.append(f'<text x="{across}" y="{HEIGHT - 16}" {middle}>{escape(chart.x.words)}</text>')
    turned = f'transform="translate(18 {down}) rotate(-90)"'
    parts.append(f"<text {turned} {middle}>{escape(chart.y.words)}</text>")
    return parts


def _line(chart: Chart, name: str, points: Points, place: int) -> list[str]:
    colour, dashes = STYLES[place]
    style = f'stroke="{colour}" stroke-width="2" fill="none" stroke-dasharray="{dashes or "none"}"'
    inside = [(x, y) for x, y in points if 0 <= chart.x.share(x) <= 1 and 0 <= chart.y.share(y) <= 1]
    drawn = " ".join(f"{_across(chart, x):.1f},{_down(chart, y):.1f}" for x, y in inside)
    marks = [
        f'<circle cx="{_across(chart, x):.1f}" cy="{_down(chart, y):.1f}" r="2.5" fill="{colour}"/>'
        for x, y in inside
    ]
    # The key stands at the lower right, where more of x makes more of y and so no line comes.
    y_key = HEIGHT - BOTTOM - 16 - 20 * place
    return [
        f'<polyline points="{drawn}" {style}/>',
        *marks,
        f'<path d="M{WIDTH - RIGHT - 290} {y_key}h36" {style}/>',
        f'<text x="{WIDTH - RIGHT - 246}" y="{y_key + 4}">{escape(name)}</text>',
    ]
