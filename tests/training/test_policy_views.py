"""What an organiser has trained by itself."""

import pytest
from django.urls import reverse

from tests.factories import freeze_all, make_collection, make_settled_collection, make_user
from tests.labeling.organisers import make_organiser
from training.config import Config
from training.models import TrainingPolicy

pytestmark = pytest.mark.django_db

SAID = {"networks": ["mlp", "resnet"], "size_px": 32}


@pytest.fixture
def owner(client):
    owner = make_organiser()
    client.force_login(owner)
    return owner


@pytest.fixture
def collection(owner):
    return make_settled_collection(10, owner=owner)


def address(collection):
    return reverse("training:policy", args=[collection.slug])


def keep(client, collection, **change):
    return client.post(address(collection), SAID | {"keep": ""} | change)


def test_an_owner_has_networks_trained_on_every_new_snapshot(client, owner, collection):
    freeze_all(collection)

    response = keep(client, collection)

    policy = TrainingPolicy.objects.get()
    assert response["Location"] == address(collection)
    assert (policy.collection, policy.networks, policy.size_px) == (collection, ["mlp", "resnet"], 32)
    assert (policy.after, policy.author) == (1, owner)  # snapshot 1 is there already
    assert "It is switched on: mlp, resnet at 32 px" in client.get(address(collection)).content.decode()


def test_before_the_first_snapshot_every_one_is_new(client, collection):
    keep(client, collection)

    assert TrainingPolicy.objects.get().after == 0


def test_what_is_said_again_counts_from_the_snapshot_of_that_day(client, collection):
    keep(client, collection)
    freeze_all(collection)

    keep(client, collection, networks=["perceptron"])

    policy = TrainingPolicy.objects.get()
    assert (policy.networks, policy.after) == (["perceptron"], 1)


def test_it_is_switched_off(client, collection):
    keep(client, collection)

    client.post(address(collection), {"stop": ""})

    assert not TrainingPolicy.objects.exists()
    assert "Nothing is trained by itself now." in client.get(address(collection)).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"networks": []}, "Tick one network at least, or switch it off."),
        ({"size_px": 7}, "Expected a whole number from 8 to 1024."),
        ({"networks": ["resnext"]}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(client, collection, change, said):
    response = keep(client, collection, **change)

    assert list(response.context["form"].errors) == list(change)
    assert said in response.content.decode()
    assert not TrainingPolicy.objects.exists()


def test_what_would_happen_is_said_in_words_before_it_does(client, collection):
    freeze_all(collection)

    response = client.post(address(collection), SAID | {"preview": ""})

    foretold = response.context["foretold"]
    usual = [(name, Config.default(name, 32, 6).epochs) for name in SAID["networks"]]
    assert (foretold.number, foretold.n_pictures, foretold.epochs) == (2, 6, usual)
    assert "From snapshot 2 on, as soon as it is frozen, at 32 px" in response.content.decode()
    assert not TrainingPolicy.objects.exists()


def test_htmx_is_given_the_preview_alone(client, collection):
    page = client.post(address(collection), SAID, headers={"HX-Request": "true"}).content.decode()

    assert "From snapshot 1 on" in page
    assert "<form" not in page
    assert not TrainingPolicy.objects.exists()


def test_the_usual_size_is_filled_in(client, collection):
    freeze_all(collection)

    assert client.get(address(collection)).context["form"].initial["size_px"] == 16


@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_do_not_find_it(client, collection, method):
    client.force_login(make_organiser())

    assert getattr(client, method)(address(collection), SAID | {"keep": ""}).status_code == 404
    assert not TrainingPolicy.objects.exists()


def test_staff_say_it_for_any_collection(client, collection):
    client.force_login(make_user(is_staff=True))

    keep(client, collection)

    assert TrainingPolicy.objects.get().collection == collection


def test_an_owners_page_leads_there(client, owner):
    empty = make_collection(owner=owner)

    assert address(empty) in client.get(f"/collections/{empty.slug}/freeze/").content.decode()
    assert "this collection has none yet" in client.get(address(empty)).content.decode()
