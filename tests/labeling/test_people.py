import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from labeling import people
from labeling.models import Question, Vote
from labeling.splits import TEST, TRAIN
from tests.factories import make_collection, make_user
from tests.factories import make_question as make_any_question
from tests.factories import make_vote as cast_vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection()


def make_question(collection, split=TRAIN, **fields):
    question = make_any_question(collection, split=split)
    Question.objects.filter(pk=question.pk).update(**fields)
    question.refresh_from_db()
    return question


def make_settled(collection, label, split=TRAIN, **fields):
    return make_question(collection, split, state="settled", label=label, confidence=0.99, **fields)


def make_vote(question, annotator, synset):
    return Vote.objects.create(
        question=question,
        annotator=annotator,
        synset=synset,
        answer="present" if synset else "cannot_tell",
        taxonomy_version=1,
    )


def names(response):
    return [(row["rank"], row["name"], row["n_agreed"]) for row in response.context["board"].rows]


def test_the_board_counts_votes_that_say_the_label(client, collection):
    cat, dog = collection.ordered_classes()
    ada, grace = make_user(board_name="Ada"), make_user(board_name="Grace")
    for said_by_ada, said_by_grace in ((cat, cat), (cat, dog), (None, cat)):
        question = make_settled(collection, cat)
        make_vote(question, ada, said_by_ada)
        make_vote(question, grace, said_by_grace)
    make_vote(make_settled(collection, cat), ada, cat)

    assert names(client.get(reverse("labeling:board"))) == [(1, "Ada", 3), (2, "Grace", 2)]


def test_equal_counts_share_a_rank(client, collection):
    cat, _dog = collection.ordered_classes()
    question = make_settled(collection, cat)
    for name in ("Ada", "Grace"):
        make_vote(question, make_user(board_name=name), cat)
    make_vote(make_settled(collection, cat), User.objects.get(board_name="Ada"), cat)
    make_vote(question, make_user(board_name="Mary"), cat)

    assert names(client.get(reverse("labeling:board"))) == [(1, "Ada", 2), (2, "Grace", 1), (2, "Mary", 1)]


def test_who_prefers_no_name_is_counted_and_ranked_and_not_named(client, collection):
    cat, _dog = collection.ordered_classes()
    first, second = make_settled(collection, cat), make_settled(collection, cat)
    nameless, guest, ada = make_user(), User.objects.create_guest(), make_user(board_name="Ada")
    make_vote(first, nameless, cat)
    make_vote(second, nameless, cat)
    make_vote(first, guest, cat)
    make_vote(first, ada, cat)

    response = client.get(reverse("labeling:board"))

    assert names(response) == [(2, "Ada", 1)]
    assert response.context["board"].n_nameless == 2
    assert nameless.username not in response.content.decode()


def test_machines_and_the_forgotten_are_on_no_board(client, collection):
    cat, _dog = collection.ordered_classes()
    question = make_settled(collection, cat)
    forgotten = make_user(board_name="Ada")
    make_vote(question, User.objects.create_simulated("a machine"), cat)
    make_vote(question, forgotten, cat)
    forgotten.forget()

    board = client.get(reverse("labeling:board")).context["board"]

    assert (board.rows, board.n_nameless) == ([], 0)


def test_the_board_counts_no_picture_whose_label_is_a_secret(client, collection):
    cat, _dog = collection.ordered_classes()
    make_vote(make_settled(collection, cat, split=TEST), make_user(board_name="Ada"), cat)
    assert names(client.get(reverse("labeling:board"))) == []

    make_vote(make_settled(collection, cat, split=TRAIN), User.objects.get(board_name="Ada"), cat)

    assert names(client.get(reverse("labeling:board"))) == [(1, "Ada", 1)]


def test_a_collection_has_a_board_of_its_own(client, collection):
    other = make_collection(names=("fork", "spoon"))
    ada = make_user(board_name="Ada")
    for each in (collection, other, other):
        label = each.ordered_classes()[0]
        make_vote(make_settled(each, label), ada, label)

    assert names(client.get(reverse("labeling:collection-board", args=[other.slug]))) == [(1, "Ada", 2)]
    assert names(client.get(reverse("labeling:board"))) == [(1, "Ada", 3)]


def test_a_board_of_many_names_has_pages_and_asks_once(client, collection, monkeypatch):
    monkeypatch.setattr(people, "NAMES", 2)
    cat, _dog = collection.ordered_classes()
    question = make_settled(collection, cat)
    for name in ("Ada", "Grace", "Mary"):
        make_vote(question, make_user(board_name=name), cat)
    url = reverse("labeling:board")

    with CaptureQueriesContext(connection) as queries:
        first = client.get(url)

    assert len(queries) == 2
    assert (len(names(first)), len(names(client.get(url, {"page": 2})))) == (2, 1)
    for page in ("3", "0", "x", "9" * 30):
        assert client.get(url, {"page": page}).status_code == 404


def votes_page(client, **query):
    return client.get(reverse("labeling:my-votes"), query)


def test_my_votes_say_what_their_pictures_settled_as(client, collection):
    cat, dog = collection.ordered_classes()
    me = make_user()
    make_vote(make_settled(collection, dog), me, cat)
    make_vote(make_question(collection, state="undecided", label=cat), me, cat)
    make_vote(make_question(collection, state="open", label=cat), me, cat)
    client.force_login(me)

    votes = votes_page(client).context["votes"]

    assert [vote.outcome for vote in votes] == [
        {"word": "open"},
        {"word": "undecided"},
        {"word": "settled", "label": dog, "words": "dog"},
    ]


@pytest.mark.parametrize("state", ["open", "settled", "undecided"])
def test_my_votes_never_tell_the_label_of_a_test_picture(client, collection, state):
    cat, dog = collection.ordered_classes()
    me = make_user()
    make_vote(make_question(collection, split=TEST, state=state, label=dog, truth=dog), me, cat)
    client.force_login(me)

    page = votes_page(client).content.decode()

    assert "kept secret for a contest" in page
    assert "dog" not in page


def test_numbers_about_my_votes_do_not_move_with_a_test_picture(client, collection):
    cat, _dog = collection.ordered_classes()
    me = make_user()
    make_vote(make_settled(collection, cat, split=TEST, truth=cat), me, cat)

    assert people.accuracy(me) == people.Accuracy(n_right=0, n_known=0)
    assert people.place(me) == people.Place(n_agreed=0, n_judged=0, rank=0, n_ranked=0)


def test_accuracy_is_over_gold_questions(collection):
    cat, dog = collection.ordered_classes()
    me = make_user()
    make_vote(make_question(collection, truth=cat), me, cat)
    make_vote(make_question(collection, truth=cat), me, dog)
    make_vote(make_question(collection, truth=cat), me, None)
    make_vote(make_question(collection), me, cat)

    assert people.accuracy(me) == people.Accuracy(n_right=1, n_known=2)


def test_standing_counts_those_who_agree_more_often(client, collection):
    cat, dog = collection.ordered_classes()
    me, better = make_user(), make_user()
    for said in (cat, dog):
        question = make_settled(collection, cat)
        make_vote(question, me, said)
        make_vote(question, better, cat)
    client.force_login(me)

    found = client.get(reverse("labeling:standing")).context["place"]

    assert found == people.Place(n_agreed=1, n_judged=2, rank=2, n_ranked=2)


def test_my_votes_go_on_below_the_last_one(client, collection, monkeypatch):
    monkeypatch.setattr(people, "OWN_VOTES", 2)
    me = make_user()
    votes = [make_vote(make_question(collection), me, None) for _ in range(3)]
    client.force_login(me)

    first = votes_page(client)
    second = votes_page(client, before=first.context["next_before"])

    assert [*first.context["votes"], *second.context["votes"]] == votes[::-1]
    assert second.context["next_before"] is None
    assert votes_page(client, before="x").status_code == 404


def test_my_votes_ask_as_much_for_many_as_for_one(client, collection):
    me = make_user()
    client.force_login(me)
    make_vote(make_question(collection), me, None)
    with CaptureQueriesContext(connection) as for_one:
        votes_page(client)

    for _ in range(3):
        make_vote(make_question(collection), me, None)

    with CaptureQueriesContext(connection) as for_many:
        votes_page(client)
    assert len(for_many) == len(for_one)


def test_my_votes_are_mine_alone(client):
    collection = make_collection(n_questions=1)
    cast_vote(collection, None, make_user())
    client.force_login(make_user())

    assert votes_page(client).context["votes"] == []


@pytest.mark.parametrize("name", ["labeling:my-votes", "labeling:standing"])
def test_strangers_are_led_to_the_sign_in(client, name):
    assert client.get(reverse(name)).status_code == 302
