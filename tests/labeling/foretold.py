"""Collections of whose pictures a network has said something."""

from typing import Any

from labeling import foretelling
from labeling.models import Collection, Question, Vote
from labeling.prediction_files import Saying
from tests.factories import make_collection, make_user


def make_voted(n_questions: int = 60, n_voters: int = 3, **fields: Any) -> Collection:
    """Make a collection of cats and dogs in turns, of six training pictures in ten, on which people agree."""
    collection = make_collection(n_questions, **fields)
    classes = collection.ordered_classes()
    Vote.objects.bulk_create(
        Vote(
            question=question,
            annotator=annotator,
            synset=classes[place % 2],
            answer="present",
            taxonomy_version=1,
        )
        for annotator in [make_user() for _ in range(n_voters)]
        for place, question in enumerate(in_turns(collection))
    )
    collection.questions.update(n_votes=n_voters, state="open", open_places=1)
    return collection


def in_turns(collection: Collection) -> list[Question]:
    """Return the questions: a cat, a dog, a cat and so on."""
    return list(collection.questions.select_related("image", "label").order_by("pk"))


def say(
    collection: Collection,
    wrong: list[Question] | None = None,
    name: str = "a network",
    *,
    sure: float = 0.98,
    learnt: bool = False,
    of: list[Question] | None = None,
) -> int:
    """Have a network say what each picture shows, and the other noun of those that are `wrong`."""
    names = [synset.wnid for synset in collection.ordered_classes()]
    mistaken = {question.pk for question in wrong or ()}
    chosen = None if of is None else {question.pk for question in of}
    sayings = []
    for place, question in enumerate(in_turns(collection)):
        if chosen is None or question.pk in chosen:
            noun = names[(place + (question.pk in mistaken)) % 2]
            sayings.append(Saying(f"row {place}", question.image.sha256, {noun: sure}, learnt))
    return foretelling.take_in(collection, name, sayings)


def of_part(collection: Collection, *splits: str) -> list[Question]:
    """Return the questions about pictures of these parts."""
    return [question for question in in_turns(collection) if question.image.split in splits]
