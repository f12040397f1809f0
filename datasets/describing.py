"""A Snapshot -> what people and programs are told of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation

from datasets.account import Account, read
from datasets.markdown import markdown
from datasets.models import Edition, Snapshot
from datasets.public import read_public_batches
from datasets.publishing import MANIFEST
from datasets.reading import CONFIDENCES
from labeling.models import Image
from labeling.splits import TRAIN
from taxonomy.models import Synset

EXAMPLES, LOOKED_THROUGH = 12, 2_000  # pictures that are shown; rows among which they are looked for


def account(snapshot: Snapshot, *, tells_test: bool) -> Account:
    """Return what its card says. tells_test: whether the reader may know how many test pictures each noun has."""
    hidden = set(snapshot.sensitive_classes().values_list("wnid", flat=True))
    return read(snapshot.card, snapshot.taxonomy, CONFIDENCES, hidden=hidden, tells_test=tells_test)


def card_markdown(snapshot: Snapshot) -> str:
    """Return the data card as Markdown, the same whoever asks for it."""
    with translation.override(settings.LANGUAGE_CODE):
        return markdown(snapshot, account(snapshot, tells_test=False))


@dataclass(frozen=True)
class ShownPicture:
    """A training picture with its label."""

    image: Image
    label: Synset
    label_words: str


def examples(edition: Edition) -> list[ShownPicture]:
    """Return some training pictures, of as many nouns as that allows. None is withdrawn or of a sensitive noun."""
    labels = _spread(_first_labels(edition))
    images = {image.sha256: image for image in Image.objects.shown().filter(sha256__in=labels)}
    nouns = Synset.objects.filter(wnid__in=set(labels.values()), is_sensitive=False).in_bulk(
        field_name="wnid"
    )
    names = edition.snapshot.taxonomy["nouns"]
    return [
        ShownPicture(images[sha256], nouns[wnid], names[wnid]["name"])
        for sha256, wnid in labels.items()
        if sha256 in images and wnid in nouns
    ]


def _first_labels(edition: Edition) -> list[tuple[str, str]]:
    """Return (sha256, wnid) of the first training pictures. Their order is that of hashes, and so a random one."""
    with edition.open(MANIFEST) as file:
        batch = next(read_public_batches(file, ["sha256", "split", "wnid"]), None)
    if batch is None:
        return []
    columns = (batch.slice(0, LOOKED_THROUGH)[name].to_pylist() for name in ("sha256", "split", "wnid"))
    return [(sha256, wnid) for sha256, split, wnid in zip(*columns, strict=True) if split == TRAIN]


def _spread(labels: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return EXAMPLES of these at most: the first of each noun, then the second of each, and so on."""
    turns: dict[str, int] = {}
    in_turn = []
    for place, (sha256, wnid) in enumerate(labels):
        turns[wnid] = turns.get(wnid, 0) + 1
        in_turn.append((turns[wnid], place, sha256, wnid))
    return {sha256: wnid for _turn, _place, sha256, wnid in sorted(in_turn)[:EXAMPLES]}
