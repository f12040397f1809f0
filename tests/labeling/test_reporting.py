import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from labeling import reporting
from labeling.models import Image, Lease, LeaseExpiredError, Question, Report
from tests.factories import (
    freeze_all,
    make_collection,
    make_image,
    make_lease,
    make_settled_collection,
    make_user,
    make_vote,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def collection(owner):
    return make_collection(n_questions=1, owner=owner)


@pytest.fixture
def image(collection):
    return collection.questions.get().image


def make_report(image, reporter=None, **fields):
    collection = image.questions.order_by("pk").first().collection
    fields.setdefault("reason", "broken")
    return Report.objects.create(
        image=image, collection=collection, reporter=reporter or make_user(), **fields
    )


def report_by_page(client, image, reason="private", **query):
    url = reverse("labeling:report", args=[image.sha256], query=query)
    return client.post(url, {"reason": reason, "note": "That is me."})


def decide(client, name, image):
    return client.post(reverse(f"labeling:{name}", args=[image.sha256]))


def pictures(response):
    return [picture.sha256 for picture in response.context["page"]]


# --- Reporting --------------------------------------------------------------------------------------------


def test_a_report_goes_to_the_queue_of_the_owner(client, owner, image):
    client.force_login(make_user())
    report_by_page(client, image)

    client.force_login(owner)
    response = client.get(reverse("labeling:reports", args=[image.questions.get().collection.slug]))

    assert pictures(response) == [image.sha256]
    assert "That is me." in response.content.decode()


def test_a_stranger_who_reports_becomes_a_guest(client, image):
    report_by_page(client, image)

    assert Report.objects.get().reporter == User.objects.get(kind="guest")


def test_looking_at_the_form_makes_nobody_a_guest(client, image):
    assert client.get(reverse("labeling:report", args=[image.sha256])).status_code == 200
    assert not User.objects.filter(kind="guest").exists()


def test_a_report_needs_one_of_the_reasons(client, image):
    client.force_login(make_user())

    refused = report_by_page(client, image, reason="ugly")

    assert "reason" in refused.context["form"].errors
    assert not Report.objects.exists()


def test_one_open_report_a_person_and_picture(client, image):
    reporter = make_user()
    client.force_login(reporter)
    report_by_page(client, image)

    again = report_by_page(client, image)

    assert again.context["is_reported"]
    with pytest.raises(IntegrityError), transaction.atomic():
        make_report(image, reporter)


def test_once_it_is_handled_one_may_report_again(image, owner):
    reporter = make_user()
    make_report(image, reporter)
    reporting.keep(image, owner)

    make_report(image, reporter)

    assert Report.objects.open().count() == 1


def test_a_report_goes_to_the_collection_that_the_picture_was_seen_in(client, image):
    other = make_collection()
    Question.objects.create(collection=other, image=image, position=1)
    client.force_login(make_user())

    report_by_page(client, image, collection=other.slug)

    assert Report.objects.get().collection == other


# --- The queue --------------------------------------------------------------------------------------------


def test_the_queue_is_for_the_owner_and_staff(client, owner, collection):
    url = reverse("labeling:reports", args=[collection.slug])

    assert client.get(url).status_code == 302
    for user, status in ((make_user(), 403), (owner, 200), (make_user(is_staff=True), 200)):
        client.force_login(user)
        assert client.get(url).status_code == status


def test_an_owners_queue_holds_their_own_collections_alone(client, owner, image):
    make_report(image)
    other = make_report(make_image())
    client.force_login(owner)
    assert pictures(client.get(reverse("labeling:all-reports"))) == [image.sha256]

    client.force_login(make_user(is_staff=True))

    assert set(pictures(client.get(reverse("labeling:all-reports")))) == {image.sha256, other.image.sha256}


def test_the_queue_says_in_numbers_what_a_withdrawing_changes(owner, collection, image):
    make_vote(collection, None)
    make_lease(collection)
    make_report(image)
    make_report(image)

    [found] = reporting.queue(owner, collection)

    assert (found.n_collections, found.n_votes, found.n_leases, found.n_of_others) == (1, 1, 1, 0)
    assert len(found.open_reports) == 2


def test_the_queue_asks_as_much_for_many_as_for_one(client, owner):
    collection = make_collection(n_questions=4, owner=owner)
    images = [question.image for question in collection.questions.all()]
    client.force_login(owner)
    make_report(images[0])
    with CaptureQueriesContext(connection) as for_one:
        client.get(reverse("labeling:all-reports"))

    for image in images[1:]:
        make_report(image)

    with CaptureQueriesContext(connection) as for_many:
        client.get(reverse("labeling:all-reports"))
    assert len(for_many) == len(for_one)


# --- Deciding ---------------------------------------------------------------------------------------------


def test_a_picture_that_is_kept_stays_where_it_is(client, owner, image):
    report = make_report(image)
    client.force_login(owner)

    decide(client, "keep", image)

    report.refresh_from_db()
    assert (report.outcome, report.handled_by) == ("kept", owner)
    assert Image.objects.shown().get() == image


def test_a_withdrawing_closes_every_report_of_the_picture(client, owner, image):
    make_report(image)
    make_report(image)
    client.force_login(owner)

    decide(client, "withdraw", image)

    assert {report.outcome for report in Report.objects.all()} == {"withdrawn"}
    assert not Image.objects.shown().exists()


@pytest.mark.parametrize("name", ["keep", "withdraw", "put-back"])
def test_only_its_owner_and_staff_decide(client, image, name):
    make_report(image)

    assert decide(client, name, image).status_code == 302
    client.force_login(make_user())
    assert decide(client, name, image).status_code == 403

    client.force_login(make_user(is_staff=True))
    decide(client, "withdraw", image)
    assert client.get(reverse("labeling:keep", args=[image.sha256])).status_code == 405
    assert Report.objects.open().count() == 0


def test_a_picture_in_a_collection_of_another_is_for_staff_to_withdraw(client, owner, image):
    Question.objects.create(collection=make_collection(), image=image, position=1)
    make_report(image)
    client.force_login(owner)
    assert decide(client, "withdraw", image).status_code == 403

    client.force_login(make_user(is_staff=True))

    assert decide(client, "withdraw", image).status_code == 302
    assert not Image.objects.shown().filter(pk=image.pk).exists()


def test_an_owner_puts_back_what_they_withdrew_and_not_what_staff_did(client, owner, image):
    make_report(image)
    client.force_login(owner)
    decide(client, "withdraw", image)
    assert decide(client, "put-back", image).status_code == 302
    assert Image.objects.shown().exists()

    make_report(image)
    reporting.withdraw(image, make_user(is_staff=True))

    assert decide(client, "put-back", image).status_code == 403
    assert not Image.objects.shown().exists()


def test_a_report_is_handled_as_a_whole(image):
    report = make_report(image)

    with pytest.raises(IntegrityError, match="labeling_report_handled_as_a_whole"), transaction.atomic():
        Report.objects.filter(pk=report.pk).update(outcome="kept")
    with pytest.raises(IntegrityError, match="labeling_report_handled_as_a_whole"), transaction.atomic():
        Report.objects.filter(pk=report.pk).update(handled_at=timezone.now())


# --- Withdrawn everywhere ---------------------------------------------------------------------------------


def test_withdrawing_ends_leases_and_closes_places(collection, image):
    lease = make_lease(collection)

    assert image.withdraw() == 1

    assert not Lease.objects.exists()
    assert Question.objects.get().open_places == 0
    with pytest.raises(LeaseExpiredError):
        lease.cast(None)


def test_a_withdrawn_picture_is_handed_out_to_nobody(collection, image):
    image.withdraw()
    Question.objects.reopen_forgotten()
    volunteer = make_user()

    assert Lease.objects.hand_out(collection, volunteer, 1) == []
    assert not Lease.objects.might_come(collection, volunteer)

    image.put_back()
    assert len(Lease.objects.hand_out(collection, volunteer, 1)) == 1


def test_a_picture_that_is_put_back_is_asked_of_as_many_as_before(collection, image):
    make_vote(collection, None)
    before = Question.objects.get().open_places
    image.withdraw()

    image.put_back()

    assert Question.objects.get().open_places == before


def test_withdrawing_twice_keeps_the_first_moment(image):
    image.withdraw()
    first = image.withdrawn_at

    image.withdraw()

    assert image.withdrawn_at == first


def test_votes_and_labels_of_a_withdrawn_picture_stay(collection, image):
    vote = make_vote(collection, collection.ordered_classes()[0])
    before = Question.objects.values("state", "label", "n_votes").get()

    image.withdraw()

    assert Question.objects.values("state", "label", "n_votes").get() == before
    assert vote in image.questions.get().votes.all()


@pytest.mark.parametrize("name", ["picture", "thumbnail", "about", "report"])
def test_a_withdrawn_pictures_addresses_are_not_found(client, image, name):
    url = reverse(f"labeling:{name}", args=[image.sha256])
    assert client.get(url).getvalue()

    image.withdraw()

    assert client.get(url).status_code == 404


def test_no_page_shows_a_withdrawn_picture(client):
    me = make_user(is_staff=True)
    collection = make_settled_collection(n_questions=10, names=("cat",))
    cat = collection.ordered_classes()[0]
    question = collection.questions.examples().first()
    question.votes.create(annotator=me, synset=cat, answer="present", taxonomy_version=1)
    make_report(question.image)
    client.force_login(me)
    pages = [
        "/",
        collection.get_absolute_url(),
        reverse("labeling:synset-pictures", args=[cat.wnid]),
        reverse("labeling:my-votes"),
        reverse("labeling:all-reports"),
    ]
    address = f'src="{question.image.get_absolute_url()}'
    assert all(address in client.get(page).content.decode() for page in pages)

    question.image.withdraw()

    assert not any(address in client.get(page).content.decode() for page in pages)


def test_a_withdrawn_picture_is_in_no_new_snapshot():
    collection = make_settled_collection(n_questions=10)
    image = collection.questions.first().image
    assert image.sha256 in {row.sha256 for row in freeze_all(collection).rows()}

    image.withdraw()

    assert image.sha256 not in {row.sha256 for row in freeze_all(collection).rows()}
