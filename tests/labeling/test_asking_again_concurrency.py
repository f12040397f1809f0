"""Several who ask people again about the same labels, at the same moment."""

import pytest

from labeling.asking_again import ask_again
from labeling.models import Dispute
from tests.factories import make_settled_collection, make_user
from tests.labeling.foretold import of_part
from tests.labeling.test_asking_again import NETWORK, doubt
from tests.labeling.test_concurrency import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_who_ask_at_once_ask_one_person():
    collection = make_settled_collection(10)
    questions = of_part(collection, "val")
    doubts = [doubt(question) for question in questions]

    asked = together(
        lambda user: ask_again(collection, NETWORK, doubts, user), [make_user() for _ in range(8)]
    )

    assert sum(each.n_asked for each in asked) == len(questions) == Dispute.objects.count()
    assert {question.open_places for question in of_part(collection, "val")} == {1}
