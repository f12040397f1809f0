"""The page that freezes a collection, now or by itself, and the one that tells how far that is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from datasets.models import FreezePolicy, Freezing, Snapshot
from labeling.models import Figures
from tests.factories import (
    freeze_all,
    make_collection,
    make_settled_collection,
    make_snapshot,
    make_synset,
    make_user,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner(client):
    user = make_user()
    client.force_login(user)
    return user


@pytest.fixture
def collection(owner):
    """Ten pictures of cats and dogs by turns, six to train, two to validate, two to test."""
    return make_settled_collection(10, owner=owner)


def at(collection):
    return reverse("datasets:freeze", args=[collection.slug])


def press(client, collection, button, **fields):
    return client.post(at(collection), {"min_confidence": "0.98", **fields, button: ""})


def html(response) -> str:
    assert response.status_code == 200
    return response.content.decode()


# --- A large collection -----------------------------------------------------------------------------------


@pytest.fixture
def large(collection, monkeypatch):
    """As if a third of a second were needed to count it."""
    monkeypatch.setattr("labeling.models.figures.LIVE", 0)
    monkeypatch.setattr("datasets.freeze_views.MANY", 9)
    Figures.objects.update_or_create(
        collection=collection, defaults={"n_votes": 10, "n_settled": 10, "counted_at": timezone.now()}
    )
    return collection


def test_of_a_large_collection_the_form_is_shown_first_and_counted_then(client, large):
    shown = html(client.get(at(large)))
    part = html(client.get(at(large), headers=HTMX))

    assert "Counting takes some seconds." in shown
    assert 'hx-trigger="load"' in shown
    assert "under <b>2</b> nouns" not in shown
    assert "under <b>2</b> nouns" in part
    assert "<form" not in part


def test_a_large_collection_is_counted_without_scripts_too(client, large):
    assert "under <b>2</b> nouns" in html(client.get(at(large), {"count": ""}))
    assert "under <b>2</b> nouns" in html(press(client, large, "count", may_lack="on"))


# --- Who may, and what is told ------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["nobody", "stranger", "staff"])
def test_only_whoever_edits_a_collection_freezes_it(client, user):
    collection = make_settled_collection(10, owner=make_user())
    if user != "nobody":
        client.force_login(make_user(is_staff=user == "staff"))

    response = press(client, collection, "freeze", may_lack="on")

    assert response.status_code == {"nobody": 302, "stranger": 404, "staff": 302}[user]
    assert Freezing.objects.exists() == (user == "staff")
    assert client.get(at(collection)).status_code == {"nobody": 302, "stranger": 404, "staff": 200}[user]


def test_nothing_is_frozen_by_looking(client, collection):
    told = html(client.get(at(collection)))

    assert "<b>10</b> pictures" in told
    assert "6 for training, 2 for validation and 2 for tests" in told
    assert not Freezing.objects.exists()


def test_a_preview_says_what_is_left_out_and_lacking(client, collection):
    cat, dog = collection.ordered_classes()
    collection.questions.filter(label=dog).update(label=cat)
    some = collection.questions.values("pk")[:3]
    collection.questions.filter(pk__in=some).update(confidence=0.9)

    told = html(client.get(at(collection)))

    assert "3 labels have settled, but not as surely as that" in told
    assert "dog (training, validation, test)" in told
    assert "Freezing would be refused" in told


def test_the_preview_is_counted_anew_with_what_was_chosen(client, collection):
    collection.questions.update(confidence=0.9)
    assert "no label has settled as surely as that" in html(client.get(at(collection)))

    part = client.post(at(collection), {"min_confidence": "0.9", "may_lack": "on"}, headers=HTMX)

    assert "<b>10</b> pictures" in html(part)
    assert "<h1>" not in part.content.decode()
    assert not Freezing.objects.exists()


def test_the_page_asks_as_much_for_many_nouns_as_for_few(client, owner):
    few = make_settled_collection(4, owner=owner)
    many = make_settled_collection(20, names=("ant", "bee", "cow", "doe", "emu"), owner=owner)
    counts = []
    for collection in (few, many):
        with CaptureQueriesContext(connection) as queries:
            html(client.get(at(collection)))
        counts.append(len(queries))

    assert counts[0] == counts[1]


# --- Freezing -----------------------------------------------------------------------------------------------


def test_pressing_the_button_has_it_frozen_as_it_was_chosen(
    client, collection, owner, django_capture_on_commit_callbacks
):
    cat, _dog = collection.ordered_classes()
    fields = {"classes": f"cat ({cat.wnid})\n", "with_votes": "on", "may_lack": "on", "min_confidence": "0.9"}

    with django_capture_on_commit_callbacks(execute=True):
        response = press(client, collection, "freeze", **fields)

    freezing = Freezing.objects.get()
    assert response["Location"] == freezing.get_absolute_url()
    assert freezing.options == {
        "min_confidence": 0.9, "classes": [cat.wnid], "with_votes": True, "may_lack": True,
    }  # fmt: skip
    assert (freezing.state, freezing.asked_by, freezing.snapshot.n_images) == ("finished", owner, 5)


def test_what_is_left_as_it_was_follows_the_collection(client, collection):
    press(client, collection, "freeze", may_lack="on")

    options = Freezing.objects.get().options
    assert (options["min_confidence"], options["classes"]) == (None, None)


def test_pressing_twice_freezes_once(client, collection):
    first, second = (press(client, collection, "freeze", may_lack="on") for _ in range(2))

    assert first["Location"] == second["Location"] == Freezing.objects.get().get_absolute_url()
    assert "This collection is being frozen" in html(client.get(at(collection)))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"min_confidence": "1.5"}, "Expected a least confidence above 0 and up to 1; found 1.5."),
        ({"min_confidence": "much"}, "Enter a number."),
        ({"classes": "n99999999"}, "Expected the wnid of a noun of the tree as a class; found “n99999999”."),
        ({"classes": "unicorn"}, "noun in the taxonomy; found &#x27;unicorn&#x27;."),
        (
            {"classes": "\n".join(f"t{n:08}" for n in range(1001))},
            "Expected at most 1000 classes; found 1001.",
        ),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_choice_that_cannot_be_met_is_refused_with_a_sentence(
    client, collection, fields, sentence, headers
):
    data = {"min_confidence": "0.9", "may_lack": "on", **fields, "freeze": ""}
    response = client.post(at(collection), data, headers=headers)

    assert sentence in html(response)
    assert not Freezing.objects.exists()


# --- Choosing classes ---------------------------------------------------------------------------------------


def test_a_noun_is_added_to_the_classes(client, collection):
    cat, dog = collection.ordered_classes()
    husky = make_synset("husky", dog)

    response = press(client, collection, "add", classes=cat.wnid, noun=f"husky ({husky.wnid})", reach="noun")

    assert response.context["form"]["classes"].value() == f"{cat.wnid}\nhusky ({husky.wnid})"
    assert response.context["form"]["noun"].value() == ""
    assert not Freezing.objects.exists()


def test_all_below_a_noun_are_added_to_the_classes(client, collection):
    root = collection.root

    response = press(client, collection, "add", noun=f"{root.name} ({root.wnid})", reach="leaves")

    lines = response.context["form"]["classes"].value().splitlines()
    assert lines == [f"{synset.name} ({synset.wnid})" for synset in collection.ordered_classes()]


def test_what_volunteers_choose_from_is_listed_to_change_it(client, collection):
    response = press(client, collection, "list")

    cat, dog = collection.ordered_classes()
    assert response.context["form"]["classes"].value() == f"cat ({cat.wnid})\ndog ({dog.wnid})"


def test_a_noun_that_is_none_adds_nothing(client, collection):
    response = press(client, collection, "add", noun="unicorn", reach="noun")

    assert "unicorn" in html(response)
    assert not response.context["form"]["classes"].value()


# --- By itself ----------------------------------------------------------------------------------------------


def test_a_collection_is_frozen_by_itself_from_then_on(client, collection):
    response = press(client, collection, "keep", every="500", with_votes="on")

    policy = FreezePolicy.objects.get()
    assert response["Location"] == at(collection)
    assert (policy.collection, policy.every, policy.options["with_votes"]) == (collection, 500, True)
    assert not Freezing.objects.exists()
    assert "whenever 500 new labels have settled; 10 have since the last one" in html(
        client.get(at(collection))
    )


def test_how_often_is_changed(client, collection):
    press(client, collection, "keep", every="500")
    press(client, collection, "keep", every="20", may_lack="on")

    policy = FreezePolicy.objects.get()
    assert (policy.every, policy.options["may_lack"]) == (20, True)


def test_it_is_switched_off(client, collection):
    press(client, collection, "keep", every="500")

    press(client, collection, "stop", min_confidence="")

    assert not FreezePolicy.objects.exists()


@pytest.mark.parametrize(
    ("every", "sentence"), [("", "Say after how many new labels."), ("0", "greater than or equal to 1")]
)
def test_by_itself_needs_a_number(client, collection, every, sentence):
    assert sentence in html(press(client, collection, "keep", every=every))
    assert not FreezePolicy.objects.exists()


# --- How far it is ------------------------------------------------------------------------------------------


def frozen(collection, **fields):
    now = timezone.now()
    known = {
        "cause": "asked",
        "options": {},
        "state": "reading",
        "n_parts": 16,
        "started_at": now,
        "heartbeat_at": now,
    }
    return Freezing.objects.create(collection=collection, **{**known, **fields})


def test_a_page_says_how_far_it_is_and_asks_again(client, collection):
    freezing = frozen(collection)
    freezing.parts.create(number=0, folder="a", found={})

    told = html(client.get(freezing.get_absolute_url()))

    assert "reading labels" in told
    assert "<b>1</b> of 16 parts" in told
    assert '<progress class="more" max="18" value="2"' in told
    assert 'hx-trigger="every 1s"' in told


def test_a_page_says_why_it_was_refused_and_asks_no_more(client, collection):
    freezing = frozen(
        collection, state="failed", error="Expected room; found none.", finished_at=timezone.now()
    )

    told = html(client.get(freezing.get_absolute_url()))

    assert "Expected room; found none." in told
    assert "hx-trigger" not in told
    assert at(collection) in told


def test_whoever_waits_is_led_to_the_snapshot(client, collection):
    snapshot = freeze_all(collection)
    freezing = Freezing.objects.get()

    response = client.get(freezing.get_absolute_url(), headers=HTMX)

    assert response["HX-Redirect"] == snapshot.get_absolute_url()
    assert "Snapshot 1 is made: 10 pictures." in html(client.get(freezing.get_absolute_url()))


def test_a_page_says_that_nothing_has_changed(client, collection):
    snapshot = freeze_all(collection)
    freeze_all(collection)
    freezing = Freezing.objects.latest()

    response = client.get(freezing.get_absolute_url(), headers=HTMX)

    assert "HX-Redirect" not in response
    assert "Nothing has changed since snapshot 1" in html(response)
    assert snapshot.get_absolute_url() in html(response)


def test_a_freezing_is_found_by_those_who_edit_its_collection_alone(client, collection):
    mine = frozen(collection)
    others = frozen(make_collection(owner=make_user()))

    assert client.get(mine.get_absolute_url()).status_code == 200
    assert client.get(others.get_absolute_url()).status_code == 404
    assert client.get(reverse("datasets:freezing", args=[collection.slug, others.pk])).status_code == 404


def test_what_is_refused_on_the_way_makes_no_snapshot(client, owner, django_capture_on_commit_callbacks):
    collection = make_collection(2, owner=owner)

    with django_capture_on_commit_callbacks(execute=True):
        response = press(client, collection, "freeze")

    assert "found none" in html(client.get(response["Location"]))
    assert not Snapshot.objects.exists()
    make_snapshot()  # where there is something it is made
    assert Snapshot.objects.exists()
