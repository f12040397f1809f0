"""How far a collection and the whole site have come, for the pages that everybody sees.

Where there are many votes it is what was last counted; pictures are looked up when they are shown, so that one which
was withdrawn is gone at once. See labeling.counting.
"""

from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from accounts.listing import LISTED
from accounts.models import User
from labeling.models import Collection, Figures, Image, Question, Standing, label_words
from taxonomy.models import Synset, Tally

SHOWN = 24  # settled pictures on a collection's page
SPARE = 2 * SHOWN  # that are kept, since some may be withdrawn before they are shown

N_IMAGES, A_MINUTE_S = "labeling.progress.n_images", 60

Found = dict[str, Any]  # what can be kept as JSON


def of(collection: Collection) -> Found:
    """Return the numbers of questions, votes and voters, and how often labels are right; when they were counted."""
    kept = Figures.objects.of(collection)
    if kept:
        return {**kept.found["progress"], "counted": kept}
    voters = User.objects.counts_of_voters(votes__question__collection=collection)
    return {**_questions(collection), **voters, "counted": None}


def of_site() -> Found:
    """Return the numbers of pictures, votes, settled questions and voters of all collections."""
    kept = Figures.objects.of_site()
    n_images: int | None
    if kept is None:
        counts = Question.objects.counts()
        voters = User.objects.counts_of_voters()
        n_votes, n_settled, n_images = counts["n_votes"], counts["n_settled"], Image.objects.count()
    else:
        voters = Standing.objects.voters()
        n_votes, n_settled = kept.n_votes, kept.n_settled
        n_images = _n_images()
    return {"n_images": n_images, "n_votes": n_votes, "n_settled": n_settled, **voters, "counted": kept}


def _n_images() -> int:
    """Return the number of pictures as it was within the last minute; counted where the cache does not answer."""
    try:
        return cache.get_or_set(N_IMAGES, Image.objects.count, timeout=A_MINUTE_S) or 0
    except RedisError:
        return Image.objects.count()


def settled(collection: Collection) -> tuple[list[Question], list[tuple[Synset, str, int]]]:
    """Return settled pictures to show; and each noun, in words, with the number of pictures that settled as it."""
    kept = Figures.objects.of(collection)
    examples = Question.objects.examples().order_by("position")
    if kept is None:
        examples, labels = examples.filter(collection=collection), _labels(collection)
    else:
        examples, labels = examples.filter(pk__in=kept.found["examples"]), kept.found["labels"]
    return examples[:SHOWN].telling_inner(), _by_label(collection, labels)


def of_noun(synset: Synset) -> tuple[int, list[Question]]:
    """Return how many pictures are settled as a noun or one below it, and some of them to show. Of very many it is
    what was last tallied.
    """
    below = Question.objects.filter(label__in=Synset.objects.shown().below(synset))
    n_pictures = below.labelled()[:LISTED].count()
    if n_pictures == LISTED:
        tallied = Tally.objects.filter(synset=synset).values_list("n_pictures", flat=True).first()
        n_pictures = max(n_pictures, tallied or 0)
    return n_pictures, below.examples().first_few(SHOWN, n_pictures).telling_inner()


def measure(collection: Collection) -> Found:
    """Count all of this but the voters, whose standings are there already."""
    examples = collection.questions.examples().order_by("position").values_list("pk", flat=True)
    return {
        "progress": {**_questions(collection), **collection.standings.all().voters()},
        "labels": _labels(collection),
        "examples": list(examples[:SPARE]),
    }


def _questions(collection: Collection) -> Found:
    return {**collection.questions.counts(), "accuracy": collection.questions.accuracy()}


def _labels(collection: Collection) -> list[tuple[int, int]]:
    return collection.questions.settled().by_label()


def _by_label(collection: Collection, counted: list[tuple[int, int]]) -> list[tuple[Synset, str, int]]:
    labels = [label for label, _n in counted]
    shown, inner = Synset.objects.filter(is_sensitive=False).in_bulk(labels), collection.inner_among(labels)
    return [
        (shown[label], label_words(shown[label], label in inner), n) for label, n in counted if label in shown
    ]
