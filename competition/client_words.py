"""What the command line client writes: a bar while a file is sent, tables, and scores. Pure text."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

MIB = 2**20
WIDTH = 30  # of the bar
DRAW_EVERY_S = 0.1
RANGED = ("top1_error", "top5_error", "calibration_error")  # shares, told in percent


class Bar:
    """How far a file is, on a terminal alone, so that log files stay short."""

    def __init__(self, what: str, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._out, self._clock = what, out, clock
        self._is_shown, self._began, self._drawn = out.isatty(), clock(), 0.0

    def __call__(self, n_done: int, n_bytes: int) -> None:
        """Draw it, ten times a second at most, and at the end."""
        now = self._clock()
        if not self._is_shown or (n_done < n_bytes and now - self._drawn < DRAW_EVERY_S):
            return
        self._drawn = now
        share = n_done / n_bytes if n_bytes else 1.0
        speed = n_done / MIB / max(now - self._began, 1e-3)
        filled = "#" * int(share * WIDTH)
        self._out.write(
            f"\r{self._what} [{filled:.<{WIDTH}}] {share:4.0%} of {n_bytes / MIB:,.1f} MiB, {speed:,.1f} MiB/s "
        )
        self._out.flush()

    def close(self) -> None:
        if self._is_shown and self._drawn:
            self._out.write("\n")


def plain(text: object) -> str:
    """Return `text` without what a terminal would take for an order: others chose these names."""
    return "".join(each if each.isprintable() else "?" for each in str(text))


def plain_lines(text: str) -> str:
    """Return the same of a text of several lines."""
    return "\n".join(map(plain, text.split("\n")))


def number(metric: str, value: float) -> str:
    return f"{value:.1%}" if metric in RANGED else f"{value:.3f}"


def interval(metric: str, told: dict[str, Any] | None) -> str:
    """Return a value with its interval, as far as these are told."""
    if told is None or told["value"] is None:
        return "not told"
    text = number(metric, told["value"])
    if told.get("low") is None or told.get("high") is None:
        return text
    return f"{text} ({number(metric, told['low'])} to {number(metric, told['high'])})"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return lines of columns that are as wide as what stands in them."""
    lines = [header, *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def contest_lines(found: Iterable[dict[str, Any]]) -> str:
    rows = [(each["slug"], each["year"], each["state"], each["ranked_by"], each["name"]) for each in found]
    return table(("slug", "year", "state", "ranked by", "name"), rows) if rows else "No contest is here yet."


def board_lines(rows: Iterable[dict[str, Any]], metric: str) -> str:
    """Return the leaderboard as text: ranks as intervals, and the metric that the contest ranks by."""
    lines = [
        (
            ranks(row),
            row["team"] or "(baseline)",
            row["method"],
            interval(metric, row["metrics"].get(metric)),
            row["grade"],
        )
        for row in rows
    ]
    if not lines:
        return "Nobody has been ranked yet."
    return table(("rank", "team", "method", metric, "grade"), lines)


def ranks(row: dict[str, Any]) -> str:
    """Return where an entry may stand: 2-4 where these data cannot tell it from two others."""
    if row["rank"] is None:
        return "late"
    low, high = row["rank_low"], row["rank_high"]
    return str(low) if low == high else f"{low}-{high}"


def state_words(entry: dict[str, Any]) -> str:
    """Return one line on where an entry is."""
    if entry["status"] == "queued" and (place := entry["place_in_queue"]) and place > 1:
        return f"queued, {place - 1} before it"
    return "being scored" if entry["status"] == "running" else str(entry["status"])


def score_lines(entry: dict[str, Any]) -> str:
    """Return what is told of an entry's scores; a score that is not told yet says why."""
    rows = [
        (
            score["metric"],
            score["part"],
            score["n_images"],
            "no better than your best so far" if score["value"] is None else interval(score["metric"], score),
        )
        for score in entry["scores"]
    ]
    return table(("metric", "part", "pictures", "value"), rows) if rows else "Nothing is told of it yet."
