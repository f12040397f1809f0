"""The grid page, by its URLs, as a browser without JavaScript uses it; and what its script fetches."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from labeling.models import GRID, Lease, Vote
from tests.factories import make_collection, make_user
from tests.labeling.grids import make_verifying

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator(client):
    user = make_user()
    client.force_login(user)
    return user


def open_grid(client, collection, **query):
    return client.get(reverse("labeling:label", args=[collection.slug]), query)


def shown(response) -> list[int]:
    return [lease.pk for lease in response.context["leases"]]


def send(client, collection, leases, **data):
    address = reverse("labeling:cast-grid", args=[collection.slug])
    noun = collection.ordered_classes()[0].wnid
    return client.post(address, {"shown": leases, "noun": noun, **data}, follow=True)


def answers() -> list[str]:
    return list(Vote.objects.order_by("lease_number").values_list("answer", flat=True))


# --- The grid ----------------------------------------------------------------------------------------------


def test_the_page_shows_one_noun_as_a_guide_does_and_boxes_for_each_picture(client, annotator):
    collection = make_verifying(3, known_to=annotator)

    page = open_grid(client, collection).content.decode()

    assert '<h1 class="noun"><bdi>cat</bdi></h1>' in page
    assert "what cat means" in page
    assert f"<li><bdi>{collection.root.name}</bdi></li>" in page
    for lease in Lease.objects.all():
        assert f'name="present" value="{lease.pk}"' in page
        assert f'name="cannot_tell" value="{lease.pk}"' in page
        assert lease.question.image.get_thumbnail_url() in page


def test_a_stranger_starts_at_once_as_a_guest(client):
    collection = make_verifying(3)

    response = client.post(reverse("labeling:start", args=[collection.slug]), follow=True)

    assert response.context["noun"] == collection.ordered_classes()[0]
    assert User.objects.get(kind="guest")


def test_a_grid_has_48_pictures_at_most_and_of_one_noun(client, annotator):
    collection = make_verifying(GRID + 2, known_to=annotator)

    leases = open_grid(client, collection).context["leases"]

    assert len(leases) == GRID
    assert {lease.question.about for lease in leases} == {collection.ordered_classes()[0]}


def test_loading_the_page_again_shows_the_same_grid(client, annotator):
    collection = make_verifying(5, known_to=annotator)

    assert shown(open_grid(client, collection)) == shown(open_grid(client, collection))


def test_the_order_of_the_pictures_does_not_tell_which_are_gold(client, annotator):
    collection = make_verifying(6, known_to=annotator, gold_share=0.5)
    cat = collection.ordered_classes()[0]
    gold = collection.questions.filter(about=cat).order_by("-image__sha256")[:2]
    collection.questions.filter(pk__in=[question.pk for question in gold]).update(
        is_gold=True, truth=cat, state="settled", label=cat
    )

    leases = open_grid(client, collection).context["leases"]

    pictures = [lease.question.image.sha256 for lease in leases]
    assert pictures == sorted(pictures)


def test_a_certain_noun_can_be_asked_for(client, annotator):
    collection = make_verifying(3, known_to=annotator)
    dog = collection.ordered_classes()[1]

    assert open_grid(client, collection, noun=dog.wnid).context["noun"] == dog
    assert open_grid(client, collection, noun="n00000000").context["noun"] is not None


def test_the_grid_takes_as_many_queries_for_many_pictures(client, annotator):
    def n_queries(n_pictures: int) -> int:
        collection = make_verifying(n_pictures, known_to=annotator)
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(open_grid(client, collection))) == n_pictures
        return len(queries)

    assert n_queries(5) == n_queries(25)


def test_strangers_are_sent_to_sign_in(client):
    collection = make_verifying(1)

    for name in ("label", "grid-ahead"):
        response = client.get(reverse(f"labeling:{name}", args=[collection.slug]))
        assert response.url.startswith(reverse("accounts:sign-in"))
    for name in ("cast-grid", "another-noun"):
        response = client.post(reverse(f"labeling:{name}", args=[collection.slug]))
        assert response.url.startswith(reverse("accounts:sign-in"))


# --- Sending -----------------------------------------------------------------------------------------------


def test_what_is_ticked_shows_the_noun_and_the_rest_does_not(client, annotator):
    collection = make_verifying(4, known_to=annotator)
    leases = sorted(shown(open_grid(client, collection)))

    response = send(client, collection, leases, present=leases[:1], cannot_tell=leases[1:2])

    assert answers() == ["present", "cannot_tell", "absent", "absent"]
    assert "4 answers are kept." in response.content.decode()


def test_a_picture_that_is_marked_in_both_ways_cannot_be_told(client, annotator):
    collection = make_verifying(1, known_to=annotator)
    leases = shown(open_grid(client, collection))

    send(client, collection, leases, present=leases, cannot_tell=leases)

    assert answers() == ["cannot_tell"]


def test_the_time_that_a_grid_took_is_shared_among_its_pictures(client, annotator):
    collection = make_verifying(4, known_to=annotator)

    send(client, collection, shown(open_grid(client, collection)), seconds="10")

    assert set(Vote.objects.values_list("seconds", flat=True)) == {2.5}


def test_the_next_grid_is_of_the_same_noun_while_it_has_pictures(client, annotator):
    collection = make_verifying(GRID + 1, known_to=annotator)
    first = shown(open_grid(client, collection))

    response = send(client, collection, first)

    assert response.context["noun"] == collection.ordered_classes()[0]
    assert len(shown(response)) == 1


def test_behind_the_last_grid_of_a_noun_comes_another_noun(client, annotator):
    collection = make_verifying(2, known_to=annotator)

    response = send(client, collection, shown(open_grid(client, collection)))

    assert response.context["noun"] == collection.ordered_classes()[1]


def test_a_grid_that_is_sent_twice_counts_once(client, annotator):
    collection = make_verifying(3, known_to=annotator)
    leases = shown(open_grid(client, collection))
    send(client, collection, leases, present=leases)

    response = send(client, collection, leases, present=leases)

    assert answers() == ["present"] * 3
    assert "3 answers are kept." in response.content.decode()
    assert "so what you said" not in response.content.decode()


def test_a_picture_whose_loan_ran_out_is_told_kindly_and_the_others_count(client, annotator):
    collection = make_verifying(3, known_to=annotator)
    leases = sorted(shown(open_grid(client, collection)))
    Lease.objects.filter(pk=leases[0]).update(expires_at=timezone.now())

    response = send(client, collection, leases)

    assert list(Vote.objects.values_list("lease_number", flat=True)) == leases[1:]
    page = response.content.decode()
    assert "1 picture had been open for too long" in page
    assert "2 answers are kept." in page


def test_nobody_answers_what_is_on_loan_to_others(client, annotator):
    collection = make_verifying(1, known_to=annotator)
    theirs = Lease.objects.hand_out_grid(collection, make_user()).leases[0].pk

    send(client, collection, [theirs])

    assert not Vote.objects.exists()
    assert Lease.objects.filter(pk=theirs).exists()


@pytest.mark.parametrize("present", ["999999999", "cat", "-1", "9" * 30])
def test_a_mark_on_what_was_not_shown_is_refused(client, annotator, present):
    collection = make_verifying(1, known_to=annotator)
    leases = shown(open_grid(client, collection))

    response = send(client, collection, leases, present=[present])

    assert "Expected" in response.content.decode()
    assert not Vote.objects.exists()


# --- Another noun, and none --------------------------------------------------------------------------------


def ask_for_another(client, collection):
    noun = collection.ordered_classes()[0].wnid
    return client.post(reverse("labeling:another-noun", args=[collection.slug]), {"noun": noun}, follow=True)


def test_another_noun_can_be_asked_for_and_gives_these_pictures_back(client, annotator):
    collection = make_verifying(2, known_to=annotator)
    first = shown(open_grid(client, collection))

    response = ask_for_another(client, collection)

    assert response.context["noun"] == collection.ordered_classes()[1]
    assert not Lease.objects.filter(pk__in=first).exists()


def test_where_no_other_noun_has_pictures_it_says_so_and_stays(client, annotator):
    collection = make_verifying(2, known_to=annotator)
    cat, dog = collection.ordered_classes()
    collection.questions.filter(about=dog).delete()
    first = shown(open_grid(client, collection))

    response = ask_for_another(client, collection)

    assert "No other noun has pictures for you just now." in response.content.decode()
    assert response.context["noun"] == cat
    assert shown(response) == first


def test_the_page_says_honestly_that_nothing_is_left(client, annotator):
    collection = make_verifying(1, known_to=annotator)
    send(client, collection, shown(open_grid(client, collection)))
    send(client, collection, shown(open_grid(client, collection)))

    page = open_grid(client, collection).content.decode()

    assert "Nothing is left for you here" in page
    assert "You have judged 2 pictures in this collection." in page


def test_a_closed_collection_asks_nothing(client, annotator):
    collection = make_verifying(1, known_to=annotator, is_open=False)

    assert "This collection is closed" in open_grid(client, collection).content.decode()


# --- The grid ahead ----------------------------------------------------------------------------------------


def fetch_ahead(client, collection, after=None, noun=None):
    noun = noun or collection.ordered_classes()[0]
    query = {"noun": noun.wnid} | ({"after": after} if after else {})
    return client.get(reverse("labeling:grid-ahead", args=[collection.slug]), query)


def test_the_grid_ahead_has_other_pictures_and_leaves_those_on_show(client, annotator):
    collection = make_verifying(GRID + 3, known_to=annotator)
    first = shown(open_grid(client, collection))

    response = fetch_ahead(client, collection, after=max(first))

    assert len(shown(response)) == 3
    assert set(shown(response)).isdisjoint(first)
    assert "<html" not in response.content.decode()
    assert shown(open_grid(client, collection)) == first


def test_without_more_pictures_of_the_noun_no_grid_is_ahead(client, annotator):
    collection = make_verifying(3, known_to=annotator)
    first = shown(open_grid(client, collection))

    assert fetch_ahead(client, collection, after=max(first)).status_code == 204


def test_a_grid_ahead_leaves_alone_the_noun_of_another_window(client, annotator):
    collection = make_verifying(3, known_to=annotator)
    cat, dog = collection.ordered_classes()
    of_dog = shown(open_grid(client, collection, noun=dog.wnid))

    response = fetch_ahead(client, collection, noun=cat)

    assert response.status_code == 204
    assert shown(open_grid(client, collection)) == of_dog


def test_fetching_ahead_lends_what_is_on_show_for_longer(client, annotator):
    collection = make_verifying(2, known_to=annotator)
    first = shown(open_grid(client, collection))
    soon = timezone.now() + timedelta(minutes=2)
    Lease.objects.update(expires_at=soon)

    fetch_ahead(client, collection, after=max(first))

    assert Lease.objects.filter(pk__in=first, expires_at__gt=soon).count() == 2


def test_a_collection_that_names_pictures_has_no_grid(client, annotator):
    collection = make_collection(1)

    assert fetch_ahead(client, collection).status_code == 404
    assert open_grid(client, collection).context["lease"].annotator == annotator
