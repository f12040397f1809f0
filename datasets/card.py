"""The data card: what the parts of a freezing counted -> one account of the snapshot. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labeling.agreement import Tally
from labeling.splits import SPLITS, TEST

DIGITS = 6  # of shares, so that the order of a sum changes no digest


def card(parts: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """Return the counts of a whole snapshot.

    parts: as `reading.count` and `Reader` found them; classes: wnids in the order of their labels.
    """
    by_class = {wnid: dict.fromkeys(SPLITS, 0) for wnid in classes}
    said = {wnid: [0, 0] for wnid in classes}
    sums: dict[str, Counter[str]] = {name: Counter() for name in ("remainder", "votes", "licences")}
    totals: Counter[str] = Counter()
    confidence: list[int] = []
    tally = Tally(0, 0, {})
    for part in parts:
        for wnid, counts in part["by_class"].items():
            for split, n in zip(SPLITS, counts, strict=True):
                by_class[wnid][split] += n
        for wnid, (n, n_agree) in part["said"].items():
            said[wnid][0] += n
            said[wnid][1] += n_agree
        for name, counter in sums.items():
            counter.update(part[name])
        totals.update({name: part[name] for name in ("n_votes", "n_bytes")})
        confidence = [
            a + b
            for a, b in zip(confidence or [0] * len(part["confidence"]), part["confidence"], strict=True)
        ]
        votes, differing, of_label = part["tally"]
        tally += Tally(votes, differing, {int(label): n for label, n in of_label.items()})
    n_said, n_agree = (sum(each) for each in zip(*said.values(), strict=True)) if said else (0, 0)
    return {
        "by_class": by_class,
        "by_split": {split: sum(counts[split] for counts in by_class.values()) for split in SPLITS},
        "remainder": dict(sorted(sums["remainder"].items())),
        "confidence": confidence,
        "votes": dict(sorted(sums["votes"].items(), key=lambda item: int(item[0]))),
        "licences": dict(sorted(sums["licences"].items())),
        "n_votes": totals["n_votes"],
        "n_bytes": totals["n_bytes"],
        "agreement": {
            "alpha": _rounded(tally.alpha),
            "share": _share(n_agree, n_said),
            "by_class": {wnid: _share(agree, n) for wnid, (n, agree) in said.items()},
        },
    }


def public_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be known of a card: of small test parts, counts by class would tell labels."""
    by_class = {
        wnid: {split: n for split, n in counts.items() if split != TEST}
        for wnid, counts in card["by_class"].items()
    }
    return {**card, "by_class": by_class}


def _share(n: int, of: int) -> float | None:
    return round(n / of, DIGITS) if of else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def lacking(by_class: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    """Return (class, split) of each class that has no picture in a part."""
    return [(wnid, split) for wnid, counts in by_class.items() for split in SPLITS if not counts[split]]
