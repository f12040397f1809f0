"""Pictures that look alike: which pairs are remembered, and what their owner decides."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.intake import IncomingPicture, add_pictures, take_in
from labeling.likeness import nearest_earlier
from labeling.models import Image, NearDuplicate, Report
from labeling.models.duplicates import MOST_NEAR
from tests.factories import make_collection, make_lease, make_photograph, make_picture, make_user
from tests.labeling.grids import make_verifying

pytestmark = pytest.mark.django_db

SIZES = [(320, 240), (160, 120), (240, 180)]


def add(collection, *pictures):
    """Take pictures in one after the other; return their rows in that order."""
    report = add_pictures(
        collection, [IncomingPicture(f"{i}", data) for i, data in enumerate(pictures)], source="a test"
    )
    return [Image.objects.get(questions=report.questions[name]) for name in sorted(report.questions, key=int)]


def alike(seed=1, n=2):
    return [make_photograph(seed, size) for size in SIZES[:n]]


@pytest.fixture
def collection():
    return make_collection(owner=make_user())


@pytest.fixture
def owner(client, collection):
    client.force_login(collection.owner)
    return collection.owner


def page_of(collection):
    return reverse("labeling:duplicates", args=[collection.slug])


def shown(client, collection):
    """The pairs on the page, each as its two pictures."""
    return [set(pair.pictures) for pair in client.get(page_of(collection)).context["pairs"]]


# --- Which are remembered ---------------------------------------------------------------------------------


def test_two_sizes_of_one_photograph_are_a_pair_and_another_photograph_is_none(collection):
    large, small, _other = add(collection, *alike(), make_photograph(2, (320, 240)))

    [pair] = NearDuplicate.objects.all()
    assert (pair.image, pair.other) == (small, large)


def test_a_pair_that_comes_in_two_batches_is_one(collection):
    first, second = alike()
    add(collection, first)
    add(collection, second)
    add(collection, first, second)

    assert NearDuplicate.objects.count() == 1


def test_a_picture_that_the_site_knows_is_compared_where_it_is_new(collection):
    large, small = alike()
    add(make_collection(), large)
    add(collection, small)
    assert not NearDuplicate.objects.exists()

    add(collection, large)

    assert NearDuplicate.objects.get().collection == collection


def test_the_report_of_an_intake_names_what_a_picture_looks_like(collection):
    large, small = alike()
    [there] = add(collection, large)

    [outcome] = take_in(collection, [IncomingPicture("b", small)], source="a test")

    assert outcome.near == (there.sha256,)


def test_a_collection_that_verifies_has_each_pair_once():
    collection = make_verifying()
    add(collection, *alike())

    assert collection.near_duplicates.count() == 1


def test_of_many_alike_only_the_nearest_earlier_ones_are_remembered():
    of_one = [(10, other, other % 3) for other in range(10)]

    assert nearest_earlier(of_one, 4) == [(10, 0, 0), (10, 3, 0), (10, 6, 0), (10, 9, 0)]


def test_a_pair_told_either_way_round_is_one():
    assert nearest_earlier([(1, 2, 3), (2, 1, 3)], MOST_NEAR) == [(2, 1, 3)]


def test_pictures_of_before_are_paired_by_the_migration(collection):
    add(collection, *alike(n=3), make_picture())
    add(make_collection(), *alike(seed=5))
    before = set(NearDuplicate.objects.values_list("collection", "image", "other", "distance"))
    NearDuplicate.objects.all().delete()

    import_module("labeling.migrations.0016_near_duplicates").find_pairs(apps, None)

    assert len(before) == 4
    assert set(NearDuplicate.objects.values_list("collection", "image", "other", "distance")) == before


# --- The page ---------------------------------------------------------------------------------------------


def test_the_owner_sees_the_earlier_picture_beside_the_later_one(client, collection, owner):
    large, small = add(collection, *alike())

    [pair] = client.get(page_of(collection)).context["pairs"]

    assert pair.pictures == (large, small)
    assert pair.larger == large


def test_the_page_is_the_owners_and_the_staffs(client, collection, owner):
    assert client.get(page_of(collection)).status_code == 200
    client.force_login(make_user(is_staff=True))
    assert client.get(page_of(collection)).status_code == 200

    client.force_login(make_user())
    assert client.get(page_of(collection)).status_code == 404


def test_a_page_of_pairs_asks_as_much_as_one_pair(client, collection, owner):
    add(collection, *alike(1))
    client.get(page_of(collection))
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(page_of(collection))
    for seed in range(2, 7):
        add(collection, *alike(seed))

    with CaptureQueriesContext(connection) as many:
        response = client.get(page_of(collection))

    assert len(response.context["pairs"]) == 6
    assert len(many) == len(few)


def test_further_pairs_are_on_further_pages(client, collection, owner, monkeypatch):
    monkeypatch.setattr("labeling.duplicates_views.PAIRS", 2)
    add(collection, *alike(n=3))

    first, second = (client.get(page_of(collection), {"page": n}).context["pairs"] for n in (1, 2))

    assert (len(first), len(second)) == (2, 1)
    assert not {pair.near for pair in first} & {pair.near for pair in second}


def test_a_pair_that_is_kept_is_never_shown_again(client, collection, owner):
    large, small = add(collection, *alike())
    pair = NearDuplicate.objects.get()

    client.post(page_of(collection), {"pair": pair.pk})
    add(collection, *alike())  # they come in once more

    assert shown(client, collection) == []
    assert set(Image.objects.shown()) == {large, small}


def test_all_of_a_page_are_kept_at_once(client, collection, owner):
    add(collection, *alike(n=3))

    client.post(page_of(collection), {"pair": [pair.pk for pair in NearDuplicate.objects.all()]})

    assert not NearDuplicate.objects.undecided().exists()


def test_one_picture_is_withdrawn_and_the_others_stay_a_pair(client, collection, owner):
    first, second, third = add(collection, *alike(n=3))
    pair = NearDuplicate.objects.get(image=second, other=first)

    response = client.post(page_of(collection), {"pair": pair.pk, "withdraw": second.sha256}, follow=True)

    assert "Withdrawn" in response.content.decode()
    assert set(Image.objects.shown()) == {first, third}
    assert shown(client, collection) == [{first, third}]


def test_a_withdrawing_ends_loans_and_can_be_taken_back(client, collection, owner):
    first, second = add(collection, *alike())
    make_lease(collection)
    make_lease(collection, make_user())
    pair = NearDuplicate.objects.get()
    client.post(page_of(collection), {"pair": pair.pk, "withdraw": first.sha256})
    assert set(Image.objects.shown()) == {second}

    [report] = client.get(reverse("labeling:reports", args=[collection.slug])).context["withdrawn"]
    client.post(reverse("labeling:put-back", args=[report.image.sha256]))

    assert set(Image.objects.shown()) == {first, second}
    assert shown(client, collection) == [{first, second}]


def test_withdrawing_closes_a_report_that_the_owner_had_made(client, collection, owner):
    first, _second = add(collection, *alike())
    collection.reports.create(image=first, reporter=owner, reason="broken")
    pair = NearDuplicate.objects.get()

    client.post(page_of(collection), {"pair": pair.pk, "withdraw": first.sha256})

    assert Report.objects.get().outcome == "withdrawn"


def test_a_picture_in_somebody_elses_collection_is_for_staff_to_withdraw(client, collection, owner):
    first, _second = add(collection, *alike())
    add(make_collection(owner=make_user()), alike()[0])
    pair = collection.near_duplicates.get()
    decision = {"pair": pair.pk, "withdraw": first.sha256}

    assert client.post(page_of(collection), decision).status_code == 403
    assert not Report.objects.exists()
    assert set(Image.objects.shown()) >= {first}

    client.force_login(make_user(is_staff=True))
    assert client.post(page_of(collection), decision).status_code == 302
    assert first not in Image.objects.shown()


def test_a_third_picture_cannot_be_withdrawn_through_a_pair(client, collection, owner):
    add(collection, *alike())
    [third] = add(collection, make_photograph(9, (320, 240)))
    pair = NearDuplicate.objects.get()

    response = client.post(page_of(collection), {"pair": pair.pk, "withdraw": third.sha256}, follow=True)

    assert "Choose one of the two pictures" in response.content.decode()
    assert third in Image.objects.shown()


def test_pairs_of_another_collection_are_not_decided_here(client, collection, owner):
    other = make_collection(owner=make_user())
    add(other, *alike())
    pair = other.near_duplicates.get()

    client.post(page_of(collection), {"pair": pair.pk})
    refused = client.post(page_of(collection), {"pair": pair.pk, "withdraw": pair.image.sha256})

    assert refused.status_code == 404
    assert set(NearDuplicate.objects.undecided()) == {pair}


@pytest.mark.parametrize("pair", ["", "x", "9" * 30])
def test_a_number_that_is_no_pair_changes_nothing(client, collection, owner, pair):
    add(collection, *alike())

    client.post(page_of(collection), {"pair": pair})

    assert NearDuplicate.objects.undecided().count() == 1


def test_what_withdrawing_changes_is_counted_in_collections_not_in_questions(client):
    collection = make_verifying(owner=make_user())
    client.force_login(collection.owner)
    add(collection, *alike())

    page = client.get(page_of(collection)).content.decode()

    assert "It leaves 1 collection." in page
