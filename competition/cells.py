"""Measures -> the words of a table's cells, and where their intervals are drawn. Pure.

A board has a hundred rows of six cells: made here, they cost a fraction of what partial templates would.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape

WIDTH = 1000  # of the drawing, in its own units
PERCENT, LEVELS, PLAIN = "percent", "levels", "plain"
Said = Mapping[
    str, float | None
]  # value, low and high of one metric; the last two None where they are not known


@dataclass(frozen=True)
class Cell:
    """One measure of one entry: its words, and in units of the drawing where it lies."""

    label: str  # the name of its column
    text: str
    low_text: str = ""
    high_text: str = ""
    x: int = 0
    low: int = 0
    high: int = 0
    human: int | None = None  # where people lie
    is_drawn: bool = False
    to: str = "–"  # between the ends of the interval

    @property
    def markup(self) -> str:
        """All that the cell shows, as HTML: numbers and our own words, so that it may stand in a page as it is."""
        ends = ""
        if self.low_text:
            ends = (
                f'<span class="small soft within">{self.low_text} {escape(self.to)} {self.high_text}</span>'
            )
        return f"<b>{escape(self.text)}</b>{self.drawing}{ends}"

    @property
    def drawing(self) -> str:
        """The cell's drawing as SVG."""
        if not self.is_drawn:
            return ""
        people = "" if self.human is None else f'<path class="people" d="M{self.human} -6V26"/>'
        return (
            '<svg class="interval" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">'
            f'<path class="axis" d="M0 10H{WIDTH}"/>{people}<path class="span" d="M{self.low} 10H{self.high}"/>'
            f'<path class="point" d="M{self.x} 10h0"/></svg>'
        )


def words(value: float | None, unit: str, point: str = ".") -> str:
    """Return a value as it is read: a share as percent with one digit after the point, else three; – for None.

    A share just short of 1 never reads as all. Blanks do not break. point: what stands before decimals, by language.
    """
    if value is None:
        return "–"
    if unit != PERCENT:
        return f"{value:.3f}".replace(".", point)
    tenths = round(1000 * value)
    if tenths == 1000:
        return "100\u00a0%" if value >= 1 else f">\u00a099{point}9\u00a0%"
    return f"{tenths // 10}{point}{tenths % 10}\u00a0%"


def axis_end(said: Iterable[Said | None]) -> float:
    """Return where an axis ends that begins at 0 and has all of these on it."""
    ends = [each["high"] if each["high"] is not None else each["value"] for each in said if each]
    return max((end for end in ends if end is not None), default=0.0) or 1.0


def cell(
    label: str, said: Said | None, unit: str, end: float, human: int | None = None, point: str = "."
) -> Cell:
    """Return the cell of one measure, drawn on an axis from 0 to `end`; an empty one for None.

    human: where people lie on that axis, in units of the drawing.
    """
    if said is None or said["value"] is None:
        return Cell(label, "–")
    value, low, high = said["value"], said["low"], said["high"]
    x = place(value, end)
    drawn = Cell(label, words(value, unit, point), x=x, low=x, high=x, human=human, is_drawn=True)
    if low is None or high is None:
        return drawn
    return replace(
        drawn,
        low_text=words(low, unit, point),
        high_text=words(high, unit, point),
        low=place(low, end),
        high=place(high, end),
    )


def place(value: float, end: float) -> int:
    """Return where on the drawing `value` lies, if `end` is at its right edge."""
    return round(WIDTH * min(max(value / end, 0.0), 1.0))


def ranks_words(low: int, high: int) -> str:
    """Return an interval of ranks as it is read: 3, or 2–4."""
    return str(low) if low == high else f"{low}–{high}"
