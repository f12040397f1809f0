"""Collections with votes whose pictures are known, for tests of how good labels are."""

from typing import Any

from accounts.models import User
from labeling.models import Collection, Question, Skill, Vote
from tests.factories import make_user
from tests.labeling.trees import make_menagerie, noun


def say(question: Question, name: str, annotator: User | None = None, **fields: Any) -> None:
    """Have somebody say a noun of a question's picture."""
    vote = Vote.objects.create(
        question=question,
        annotator=annotator or make_user(),
        synset=noun(name),
        answer="present",
        taxonomy_version=1,
    )
    Vote.objects.filter(pk=vote.pk).update(**fields)
    Question.objects.filter(pk=question.pk).update(n_votes=question.votes.count())


def settle(collection: Collection, *names: str) -> list[Question]:
    """Settle the questions as these nouns, one after the other; return them."""
    questions = list(collection.questions.order_by("pk")[: len(names)])
    for question, name in zip(questions, names, strict=True):
        Question.objects.filter(pk=question.pk).update(state="settled", label=noun(name), confidence=0.99)
    return questions


def make_judged(n_questions: int = 24, **fields: Any) -> Collection:
    """Make a collection with something to say of its quality: kin that are confused, gold and known answers, people
    of all skills, and one who says husky of everything.
    """
    collection = make_menagerie(n_questions, **fields)
    names = ("husky", "corgi", "wolf", "cat")
    labels = [names[i % len(names)] for i in range(n_questions)]
    people = [make_user() for _ in range(3)]
    clicker = User.objects.create_guest()
    for i, question in enumerate(settle(collection, *labels)):
        label = labels[i]
        kin = {"husky": "corgi", "corgi": "husky", "wolf": "husky", "cat": "cat"}[label]
        for annotator, said in zip(people, (label, label, kin if i % 3 else "dog"), strict=True):
            say(question, said, annotator)
        say(question, "husky", clicker)
        known: dict[str, Any] = {"truth": noun(label if i % 7 else kin), "confidence": 0.9 + 0.004 * i}
        if i % 8 == 0:
            known = {"truth": noun(label), "is_gold": True}
        Question.objects.filter(pk=question.pk).update(**known)
    for annotator, right, wrong in zip([*people, clicker], (190, 60, 9, 1), (10, 20, 6, 99), strict=True):
        Skill.objects.create(collection=collection, annotator=annotator, right=right, wrong=wrong)
    return collection
