"""Which class of a snapshot a label belongs to: a label is any noun, classes are chosen at any depth. Pure."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

TOO_COARSE = "too coarse"  # the label is above classes, and which of them it is nobody said
SEVERAL = "several classes"  # it is a kind of two classes that are no kinds of each other
OUTSIDE = "no class"  # it is neither above nor below a class
LOOKS_ALIKE = "looks alike"  # the picture looks like one of a later part
REASONS = (TOO_COARSE, SEVERAL, OUTSIDE, LOOKS_ALIKE)
UNTOLD = "test picture"  # what is counted in place of the first three where they would tell of a secret label


@dataclass
class RollUp:
    """Rolls labels up to the nearest class at or above them.

    classes: their ids; above: for each noun that is asked about, and each class, every noun above it, itself left
    out. What is missing from `above` has nothing above it.
    """

    classes: AbstractSet[str]
    above: Mapping[str, AbstractSet[str]]
    _found: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def place(self, label: str) -> tuple[str | None, str]:
        """Return (class, "") of a label; or (None, why) where it has none, one of REASONS."""
        if label not in self._found:
            self._found[label] = self._place(label)
        return self._found[label]

    def _place(self, label: str) -> tuple[str | None, str]:
        if label in self.classes:
            return label, ""
        at_or_above = self.above.get(label, frozenset()) & self.classes
        lowest = self.lowest(at_or_above)
        if len(lowest) == 1:
            return lowest.pop(), ""
        if lowest:
            return None, SEVERAL
        is_above = any(label in self.above.get(each, ()) for each in self.classes)
        return None, TOO_COARSE if is_above else OUTSIDE

    def lowest(self, nouns: Iterable[str]) -> set[str]:
        """Return those of `nouns` that are above none of the others."""
        nouns = set(nouns)
        return nouns.difference(*(self.above.get(each, frozenset()) for each in nouns))
