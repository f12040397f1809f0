"""A data card as Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from datasets.account import Account
from datasets.models import Snapshot
from datasets.wording import (
    PARTS,
    WHY_LEFT_OUT,
    annotators,
    confidence_words,
    how_asked,
    limits,
    sentence,
    votes_words,
)
from labeling.splits import TRAIN, VAL


def markdown(snapshot: Snapshot, told: Account) -> str:
    """Return the data card of a snapshot as Markdown, with what its account tells."""
    blocks = [
        f"# {_escaped(snapshot)}",
        sentence(told),
        *_what_it_is(snapshot),
        *_how_made(snapshot, told),
        *_lists(told),
        "## " + _("Known limits"),
        "\n".join(f"- {_escaped(limit)}" for limit in limits(told)),
        *_by_noun(told),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _what_it_is(snapshot: Snapshot) -> list[str]:
    rows: list[tuple[Any, ...]] = [
        (_("Frozen"), f"{snapshot.created_at:%Y-%m-%d %H:%M} UTC"),
        (_("Digest"), f"`{snapshot.digest}`"),
        (_("Least confidence of a label"), f"{snapshot.min_confidence:g}"),
        (_("Version of the tree of nouns"), snapshot.taxonomy_version),
    ]
    return ["## " + _("What it is"), _table((_("What"), ""), rows)]


def _how_made(snapshot: Snapshot, told: Account) -> list[str]:
    rows: list[tuple[Any, ...]] = [
        (_("Voters: %(kind)s") % {"kind": kind}, n) for kind, n in annotators(told)
    ]
    rows += [(words, value) for words, value in _measures(told) if value is not None]
    guide = "\n".join(f"> {_escaped(line)}" for line in str(snapshot.card.get("guide", "")).splitlines())
    return ["## " + _("How its labels were made"), how_asked(told), guide, _table((_("What"), ""), rows)]


def _measures(told: Account) -> list[tuple[str, Any]]:
    policy = told.policy
    return [
        (_("Votes"), told.n_votes),
        (_("A label settled at"), policy.get("target_confidence")),
        (_("Votes on a picture at least"), policy.get("min_votes")),
        (_("Votes on a picture at most"), policy.get("max_votes")),
        (_("Krippendorff’s alpha"), told.alpha and round(told.alpha, 3)),
        (_("Share of votes that say the label"), told.share and round(told.share, 3)),
        (_("Share of known answers that were found"), told.accuracy and round(told.accuracy, 3)),
    ]


def _lists(told: Account) -> list[str]:
    found = []
    for title, head, rows in (
        (
            _("Confidence of labels"),
            _("Confidence"),
            [(confidence_words(bar), bar) for bar in told.confidence],
        ),
        (_("Votes on a picture"), _("Votes"), [(votes_words(bar), bar) for bar in told.votes]),
        (_("Licences"), _("Licence"), [(bar.name or _("not said"), bar) for bar in told.licences]),
        (_("Left out"), _("Why"), [(WHY_LEFT_OUT[bar.name], bar) for bar in told.remainder]),
    ):
        if rows:
            table = _table((head, _("Pictures")), [(_escaped(words), f"{bar.n:,}") for words, bar in rows])
            found += [f"## {title}", table]
    return found


def _by_noun(told: Account) -> list[str]:
    head = (
        _("Label"),
        _("Noun"),
        "wnid",
        *(str(PARTS[split]) for split in (TRAIN, VAL)),
        _("votes that say it"),
    )
    rows = [
        (
            noun.label,
            _escaped(noun.name),
            noun.wnid,
            *noun.counts[:2],
            "–" if noun.share is None else noun.share,
        )
        for noun in told.nouns
    ]
    hidden = ngettext(
        "%(n)d noun is not listed: it has been marked as sensitive.",
        "%(n)d nouns are not listed: they have been marked as sensitive.",
        told.n_hidden,
    ) % {"n": told.n_hidden}
    return [
        "## " + _("Pictures by noun"),
        _("Labels of test pictures are secret, and so are their numbers by noun."),
        hidden if told.n_hidden else "",
        _table(head, rows),
    ]


def _table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _escaped(text: Any) -> str:
    """Return a text as Markdown that shows just it, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(str(text).split()))
