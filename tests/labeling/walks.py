"""A collection with too many nouns to show at once, for tests of the walk down to one."""

from itertools import count
from typing import Any

from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection
from taxonomy.models import Synset
from tests.factories import make_picture, make_synset

_numbers = count(1)


def make_zoo(n_questions: int = 8, **fields: Any) -> Collection:
    """Make a collection of twelve classes; a husky is reached in two ways.

    animal: bird (macaw, owl, robin, wren), canine (dog (corgi, husky, poodle), fox, wolf), pet (cat, goldfish,
    husky), snail.
    """
    number = next(_numbers)
    animal = make_synset(f"animal {number}")
    bird, canine, pet = (make_synset(name, animal) for name in ("bird", "canine", "pet"))
    dog = make_synset("dog", canine)
    below = {
        bird: ("macaw", "owl", "robin", "wren"),
        dog: ("corgi", "poodle"),
        canine: ("fox", "wolf"),
        pet: ("cat", "goldfish"),
        animal: ("snail",),
    }
    classes = [make_synset(name, hypernym) for hypernym, names in below.items() for name in names]
    classes.append(make_synset("husky", dog, pet))
    collection = Collection.objects.create(
        slug=f"zoo-{number}", name="Zoo", root=animal, **{"gold_share": 0, **fields}
    )
    collection.set_classes(classes)
    incoming = [IncomingPicture(f"{i}.png", make_picture()) for i in range(n_questions)]
    add_pictures(collection, incoming, source="a test")
    return collection


def noun(name: str) -> Synset:
    """Return the latest noun of this name."""
    return Synset.objects.filter(name=name).latest("pk")
