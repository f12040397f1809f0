"""What a volunteer is asked before their first grid of a noun: which meaning is its own, and whether a picture or
two show it.

A quiz that was drawn is kept with the session, as primary keys in the order in which it is shown. The page names
places in that order alone, so no answer can be read from it; answers are looked up when they are marked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any, Self

from accounts.models import User
from labeling.models import Collection, Example, QuizPass
from taxonomy.models import Ancestry, Synset, SynsetQuerySet

MOST_MEANINGS = 4  # to choose from
MOST_PICTURES = 2


@dataclass(frozen=True)
class Missed:
    """What was answered wrongly, for the page that says so: another noun's meaning, or a picture."""

    meaning: Synset | None = None
    picture: Example | None = None


@dataclass(frozen=True)
class Quiz:
    """One drawn quiz about `synset`, which is one of `meanings`."""

    synset: Synset
    meanings: list[Synset]
    pictures: list[Example]

    @classmethod
    def draw(cls, collection: Collection, synset: Synset, random: Random | None = None) -> Self | None:
        """Draw meanings and pictures anew; None where no other noun's meaning could be taken for that of `synset`."""
        random = random or SystemRandom()
        meanings = _distractors(collection, synset, random)
        if not meanings:
            return None
        meanings.append(synset)
        random.shuffle(meanings)
        return cls(synset, meanings, _pictures(collection, synset, random))

    @classmethod
    def restore(cls, kept: Mapping[str, Any], collection: Collection, synset: Synset) -> Self | None:
        """Return what `keep` kept; None where that is another quiz, or a part of it has gone since."""
        if (kept.get("collection"), kept.get("synset")) != (collection.pk, synset.pk):
            return None
        nouns = Synset.objects.shown().in_bulk(kept["meanings"])
        examples = collection.examples.shown().filter(synset=synset).in_bulk(kept["pictures"])
        if len(nouns) < len(kept["meanings"]) or len(examples) < len(kept["pictures"]):
            return None
        return cls(synset, [nouns[pk] for pk in kept["meanings"]], [examples[pk] for pk in kept["pictures"]])

    def keep(self, collection: Collection) -> dict[str, Any]:
        return {
            "collection": collection.pk,
            "synset": self.synset.pk,
            "meanings": [noun.pk for noun in self.meanings],
            "pictures": [example.pk for example in self.pictures],
        }

    def mark(self, meaning: int, pictures: list[bool]) -> list[Missed]:
        """Return what is wrong. meaning: the place that was chosen; pictures: of each, whether it was said to show
        the noun.
        """
        chosen = self.meanings[meaning]
        missed = [] if chosen == self.synset else [Missed(meaning=chosen)]
        said = zip(self.pictures, pictures, strict=True)
        return [*missed, *(Missed(picture=example) for example, shows in said if shows != example.is_good)]


def is_due(collection: Collection, annotator: User, synset: Synset) -> bool:
    """Say whether `annotator` has still to answer about `synset` here. Nobody has where there is nothing to ask."""
    passed = QuizPass.objects.filter(annotator=annotator, collection=collection, synset=synset)
    return not passed.exists() and bool(_confusable(collection, synset))


def pass_(collection: Collection, annotator: User, synset: Synset) -> QuizPass:
    """Ask `annotator` no more about `synset` here. Passing twice does no harm."""
    passed, _is_new = QuizPass.objects.get_or_create(
        annotator=annotator, collection=collection, synset=synset
    )
    return passed


def _confusable(collection: Collection, synset: Synset) -> dict[int, bool]:
    """Return the nouns whose meanings are beside that of `synset`: its siblings and the other classes, each with
    whether it is both. None that is wider or narrower than it, since its meaning would not be wrong.
    """
    if not synset.gloss:
        return {}
    usable = Synset.objects.shown().exclude(gloss__in=["", synset.gloss])
    usable = usable.exclude(pk__in=Ancestry.objects.above(synset))
    usable = usable.exclude(pk__in=Ancestry.objects.below(synset))
    siblings = _keys(usable.filter(hypernyms__in=synset.hypernyms.all()))
    classes = _keys(usable.filter(collections=collection))
    return {pk: pk in siblings and pk in classes for pk in siblings | classes}


def _keys(synsets: SynsetQuerySet) -> set[int]:
    return set(synsets.order_by().values_list("pk", flat=True))


def _distractors(collection: Collection, synset: Synset, random: Random) -> list[Synset]:
    """Return the other meanings to choose from, no two the same: of classes that are siblings first."""
    near = sorted(_confusable(collection, synset).items(), key=lambda each: (not each[1], random.random()))
    # A few to spare, as several nouns may share one meaning.
    nouns = Synset.objects.in_bulk([pk for pk, _is_both in near[: 4 * MOST_MEANINGS]])
    by_gloss = {nouns[pk].gloss: nouns[pk] for pk, _is_both in near if pk in nouns}
    return list(by_gloss.values())[: MOST_MEANINGS - 1]


def _pictures(collection: Collection, synset: Synset, random: Random) -> list[Example]:
    """Return one example that shows the noun and one that only seems to, where there are both."""
    examples = list(collection.examples.shown().filter(synset=synset))
    random.shuffle(examples)
    first = {example.is_good: example for example in examples}
    chosen = list(first.values()) if len(first) == MOST_PICTURES else examples[:MOST_PICTURES]
    random.shuffle(chosen)
    return chosen
