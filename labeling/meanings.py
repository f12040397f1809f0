"""What nouns mean in a collection, with a few pictures of each, for whoever has to choose between them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Choices, Collection, Image
from labeling.walking import spread
from taxonomy.models import Synset

MOST_NOUNS = 12  # that are told of at once
MOST_SAMPLES = 4  # of one noun that show it, and as many that only seem to
LOOKED_AT = 50  # settled pictures of a noun, of which the surest are shown: there may be a million


@dataclass(frozen=True)
class Sample:
    """A picture that shows a noun, or only seems to; its note says what to look at."""

    image: Image
    is_good: bool
    note: str = ""


@dataclass(frozen=True)
class Meaning:
    noun: Synset
    good: list[Sample]
    bad: list[Sample]


def meanings(collection: Collection, nouns: Sequence[Synset]) -> list[Meaning]:
    """Return each of `nouns` with the pictures that the guide of `collection` has of it; where that has none which
    show it, with the surest settled ones. Gold questions are none of those: they are still to be asked.
    """
    choices = Choices.now(collection)
    chosen: dict[tuple[int, bool], list[Sample]] = defaultdict(list)
    for each in collection.examples.shown().filter(synset__in=nouns):
        chosen[each.synset_id, each.is_good].append(Sample(each.image, each.is_good, each.note))
    return [
        Meaning(
            noun,
            chosen[noun.pk, True][:MOST_SAMPLES] or _settled(collection, choices, noun),
            chosen[noun.pk, False][:MOST_SAMPLES],
        )
        for noun in nouns
    ]


def _settled(collection: Collection, choices: Choices, noun: Synset) -> list[Sample]:
    """Return pictures that settled as `noun`; where it is an inner one, each as another class below it."""
    classes = (
        [choices.synsets[place] for place in choices.offered_below(noun)]
        if noun.pk in choices.broader
        else []
    )
    labels = [classes[place] for place in spread(range(len(classes)), MOST_SAMPLES)] or [noun]
    n_each = MOST_SAMPLES // len(labels)
    return [sample for label in labels for sample in _surest(collection, label)[:n_each]]


def _surest(collection: Collection, label: Synset) -> list[Sample]:
    settled = collection.questions.examples().filter(label=label, is_gold=False)[:LOOKED_AT]
    return [Sample(each.image, True) for each in sorted(settled, key=lambda each: -(each.confidence or 0))]
