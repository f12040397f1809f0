"""The page of disputed labels, and what programs are told of them and tell themselves."""

import pytest
from django.urls import reverse

from accounts.models import ApiToken
from labeling import aggregation, disputing
from labeling.models import Collection, Dispute, Prediction, Question
from tests.factories import make_collection, make_user
from tests.labeling.foretold import in_turns, make_voted, of_part, say
from tests.labeling.grids import make_verifying

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def collection(owner, monkeypatch):
    """One of whose labels a network disputes four, all cats that it takes for dogs."""
    monkeypatch.setattr(disputing, "MOST_SHARE", 0.5)
    collection = make_voted(120, target_confidence=0.9, owner=owner)
    say(collection, wrong=of_part(collection, "train")[:8:2], sure=0.9999)
    aggregation.refit(Collection.objects.get(pk=collection.pk))
    assert Dispute.objects.count() == 4
    return collection


def page(client, collection, user, **query):
    client.force_login(user)
    return client.get(reverse("labeling:disputes", args=[collection.slug]), query)


def ask(client, user, path, data=None):
    _token, key = ApiToken.objects.create(user, expiry=None)
    headers = {"Authorization": f"Token {key}"}
    if data is None:
        return client.get(path, headers=headers)
    return client.post(path, data, content_type="application/json", headers=headers)


def words(response):
    return " ".join(response.content.decode().split())


# The page


def test_the_page_shows_what_is_disputed_by_whom_and_what_came_of_it(client, collection, owner):
    changed, upheld, given_up, _asked = Dispute.objects.order_by("pk")
    for dispute, state, label in (
        (changed, "settled", changed.claim),
        (upheld, "settled", upheld.label),
        (given_up, "undecided", upheld.label),
    ):
        Question.objects.filter(pk=dispute.question_id).update(
            state=state, label=label, n_votes=4, open_places=0
        )

    found = page(client, collection, owner)

    said = words(found)
    assert "<b>4</b> labels were disputed. People changed <b>1</b> and upheld <b>1</b>." in said
    assert said.count("people upheld the label") == 1
    assert "people changed the label: <b><bdi>dog</bdi></b>" in said
    assert said.count("people could not decide") == 1
    assert said.count("being asked again </p>") == 1
    assert said.count("says the network") == 4
    assert found.context["findings"] == {"open": 1, "upheld": 1, "changed": 1, "undecided": 1}


def test_the_page_says_how_the_network_is_read(client, collection, owner):
    found = page(client, collection, owner)

    assert found.context["network"].name == "a network"
    assert 0 < found.context["reliability"].ignorance < 0.2
    assert "Gold questions and pictures that are kept apart" in words(found)


def test_a_page_costs_as_many_queries_for_one_as_for_four(
    client, collection, owner, django_assert_max_num_queries
):
    page(client, collection, owner)
    with django_assert_max_num_queries(16) as few:
        page(client, collection, owner)
    Dispute.objects.filter(pk=Dispute.objects.first().pk).delete()
    with django_assert_max_num_queries(len(few)):
        page(client, collection, owner)


def test_withdrawn_pictures_and_sensitive_nouns_are_not_shown(client, collection, owner):
    first, *_others = Dispute.objects.order_by("pk")
    first.question.image.withdraw()
    noun = first.claim
    noun.is_sensitive, noun.sensitive_reason = True, "a test"
    noun.save()

    said = words(page(client, collection, owner))

    assert said.count("says the network") == 3
    assert "a noun that is not shown" in said


def test_without_a_network_the_page_says_what_will_be_there(client, owner):
    assert "No network has said anything yet" in words(page(client, make_collection(owner=owner), owner))


def test_a_network_that_was_not_measured_yet_is_told_of(client, owner):
    collection = make_voted(2, owner=owner)
    say(collection)

    assert "once twenty pictures with votes measure it" in words(page(client, collection, owner))


def test_one_that_verifies_says_why_there_is_none(client, owner):
    assert "takes no network’s word" in words(page(client, make_verifying(owner=owner), owner))


def test_strangers_do_not_find_it(client, collection):
    assert page(client, collection, make_user()).status_code == 404


@pytest.mark.parametrize("name", ["dashboard", "quality"])
def test_the_owners_pages_lead_there(client, collection, owner, name):
    client.force_login(owner)

    found = client.get(reverse(f"labeling:{name}", args=[collection.slug]))

    assert reverse("labeling:disputes", args=[collection.slug]) in found.content.decode()


# Programs


def test_programs_read_the_disputes(client, collection, owner):
    found = ask(client, owner, f"/api/collections/{collection.slug}/disputes/").json()

    assert found["count"] == 4
    assert found["findings"] == {"open": 4, "upheld": 0, "changed": 0, "undecided": 0}
    first = found["results"][0]
    assert (first["before"]["name"], first["claim"]["name"], first["finding"]) == ("cat", "dog", "open")
    assert first["network"] == "a network"
    assert first["n_votes"] == 3


def test_strangers_read_none(client, collection):
    assert ask(client, make_user(), f"/api/collections/{collection.slug}/disputes/").status_code == 404


def send(client, user, collection, **changes):
    sha256 = in_turns(collection)[0].image.sha256
    data = {
        "network": "theirs",
        "predictions": [{"picture": sha256, "probabilities": {"cat": 0.9}}],
        **changes,
    }
    return ask(client, user, f"/api/collections/{collection.slug}/predictions/", data)


def test_programs_send_what_a_network_says(client, owner):
    collection = make_collection(1, owner=owner)

    found = send(client, owner, collection)

    assert (found.status_code, found.json()) == (200, {"network": "theirs", "n_kept": 1})
    assert Prediction.objects.get().network.name == "theirs"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"predictions": [{"picture": "x", "probabilities": {"cat": 1}}]},
            "predictions[0]: expected the SHA-256",
        ),
        (
            {"predictions": [{"picture": "x", "probabilities": {"cat": 2}}]},
            "expected a probability from 0 to 1",
        ),
        ({"predictions": []}, "at least 1 element"),
        ({"network": ""}, "may not be blank"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(client, owner, changes, sentence):
    collection = make_collection(1, owner=owner)

    found = send(client, owner, collection, **changes)

    assert found.status_code == 400
    assert sentence in found.content.decode()
    assert not Prediction.objects.exists()


def test_strangers_send_nothing(client):
    assert send(client, make_user(), make_collection(1)).status_code == 404


def test_the_owner_lets_a_network_help(client, owner):
    collection = make_collection(owner=owner)
    client.force_login(owner)
    sent = {
        "name": collection.name, "slug": collection.slug, "kind": "choose", "root": collection.root.wnid,
        "guide": "", "target_confidence": 0.98, "min_votes": 2, "max_votes": 10, "gold_share": 0.05,
        "uses_predictions": "on",
    }  # fmt: skip

    client.post(reverse("labeling:edit", args=[collection.slug]), sent)

    collection.refresh_from_db()
    assert collection.uses_predictions
