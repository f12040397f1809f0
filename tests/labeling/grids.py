"""Collections that verify, for tests of their pages."""

from collections.abc import Iterable

from accounts.models import User
from labeling import quiz
from labeling.models import Collection, Example, Question
from tests.factories import make_collection


def make_verifying(n_pictures: int = 1, known_to: User | None = None, **fields) -> Collection:
    """Make one that asks about cat and dog of each picture, without gold. `known_to` has passed its quizzes."""
    collection = make_collection(n_pictures, **{"gold_share": 0, "kind": Collection.Kind.VERIFY, **fields})
    if known_to:
        pass_quizzes(collection, known_to)
    return collection


def pass_quizzes(collection: Collection, user: User) -> None:
    for noun in collection.ordered_classes():
        quiz.pass_(collection, user, noun)


def make_examples(collection: Collection, kinds: Iterable[bool]) -> list[Example]:
    """Make an example of the first noun for each of `kinds`: whether it is a good one."""
    noun = collection.ordered_classes()[0]
    training = Question.objects.filter(collection=collection, about=noun, image__split="train")
    return [
        collection.examples.choose(collection, noun, question.image, is_good=is_good, note=f"note {i}")
        for i, (is_good, question) in enumerate(zip(kinds, training.select_related("image"), strict=False))
    ]
