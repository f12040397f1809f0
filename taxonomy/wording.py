"""What a change does, step by step, in words for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from taxonomy.models import Synset
from taxonomy.patch import Edit, Patch

MOST_EXAMPLES = 8


@dataclass(frozen=True)
class Step:
    """One sort of thing that a change does, with some of the nouns that it does it to."""

    what: str
    count: int
    examples: tuple[str, ...]

    @property
    def n_more(self) -> int:
        return self.count - len(self.examples)


def steps(patch: Patch) -> list[Step]:
    """Return what `patch` does, in the order in which it is told. One query, however large it is."""
    groups: list[tuple[str, list[Any]]] = [
        (_("Enters the tree"), list(patch.added)),
        (_("Leaves the tree"), list(patch.removed)),
        (_("Becomes a kind of"), list(patch.linked)),
        (_("Is no longer a kind of"), list(patch.unlinked)),
        *((what, [edit for edit in patch.edited if edit.field == name]) for name, what in _fields().items()),
    ]
    shown = [(what, len(facts), facts[:MOST_EXAMPLES]) for what, facts in groups if facts]
    names = _names(fact for _what, _count, facts in shown for fact in facts)
    return [Step(what, count, tuple(_say(fact, names) for fact in facts)) for what, count, facts in shown]


def _fields() -> dict[str, str]:
    return {
        "lemmas": _("Words"),
        "gloss": _("Gloss"),
        "is_imageable": _("Can be seen in a picture"),
        "sensitive_reason": _("Sensitive"),
        "becomes": _("Votes count as"),
    }


def _names(facts: Iterable[Any]) -> dict[str, str]:
    wnids = {part for fact in facts for part in _wnids(fact)}
    return dict(Synset.objects.filter(wnid__in=wnids).values_list("wnid", "name"))


def _wnids(fact: Any) -> list[str]:
    if isinstance(fact, str):
        return [fact]
    if isinstance(fact, Edit):
        stand_ins = [fact.before, fact.after] if fact.field == "becomes" else []
        return [fact.wnid, *filter(None, stand_ins)]
    return [fact.hyponym, fact.hypernym]


def _say(fact: Any, names: dict[str, str]) -> str:
    if isinstance(fact, str):
        return names[fact]
    if not isinstance(fact, Edit):
        return f"{names[fact.hyponym]} › {names[fact.hypernym]}"
    before, after = (_value(fact.field, value, names) for value in (fact.before, fact.after))
    return f"{names[fact.wnid]}: {before} → {after}"


def _value(field: str, value: Any, names: dict[str, str]) -> str:
    if field == "lemmas":
        return ", ".join(text for text, _sense, _key in value)
    if field == "becomes":
        return names[value] if value else _("nothing")
    if field == "is_imageable":
        return _("yes") if value else _("no")
    return f"“{value}”" if value else _("no")
