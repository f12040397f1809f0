"""A small tree of animals for tests of inner nouns: canines and cats, two kinds of dog among them."""

from itertools import count

from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, Lease, Question
from labeling.splits import TRAIN
from taxonomy.models import Synset
from tests.factories import make_picture_of, make_synset, make_user

_numbers = count(1)
BREEDS = ("husky", "corgi", "wolf", "cat")


def make_menagerie(n_questions: int = 1, split: str = TRAIN, **fields) -> Collection:
    """Make a collection of the classes BREEDS under animal > canine > dog, and pictures of one split that may show
    any.

    animal: canine (dog (husky, corgi), wolf), cat.
    """
    number = next(_numbers)
    animal = make_synset(f"animal {number}")
    canine = make_synset("canine", animal)
    dog = make_synset("dog", canine)
    collection = Collection.objects.create(
        slug=f"menagerie-{number}", name="Menagerie", root=animal, **fields
    )
    collection.set_classes(
        [
            make_synset("husky", dog),
            make_synset("corgi", dog),
            make_synset("wolf", canine),
            make_synset("cat", animal),
        ]
    )
    incoming = [IncomingPicture(f"{i}.png", make_picture_of(split)) for i in range(n_questions)]
    add_pictures(collection, incoming, source="a test")
    return collection


def noun(name: str) -> Synset:
    """Return the latest noun of this name."""
    return Synset.objects.filter(name=name).latest("pk")


def vote(collection: Collection, name: str | None, annotator=None) -> Question:
    """Have somebody say `name` of the next picture; return its question as it is then."""
    [lease] = Lease.objects.hand_out(collection, annotator or make_user(), 1)
    cast = lease.cast(noun(name) if name else None)
    return Question.objects.select_related("label").get(pk=cast.question_id)
