import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from labeling import aggregation
from labeling.models import Image, Lease, Question, Vote
from labeling.tallying import tally
from tests.factories import (
    make_collection,
    make_lease,
    make_question,
    make_settled_collection,
    make_synset,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator(client):
    user = make_user()
    client.force_login(user)
    return user


def press(client, lease: Lease, **data):
    """Press one of the form's buttons, as a browser without JavaScript does."""
    return client.post(reverse("labeling:cast-vote", args=[lease.pk]), {"answer": "present", **data})


# --- Starting ---------------------------------------------------------------------------------------------


def test_a_stranger_starts_with_one_press_as_a_guest(client):
    collection = make_collection(n_questions=1)

    response = client.post(reverse("labeling:start", args=[collection.slug]), follow=True)

    guest = User.objects.get(kind="guest")
    assert response.context["lease"].annotator == guest
    assert not guest.has_usable_password()


def test_a_guest_who_starts_again_stays_the_same_guest(client):
    collection = make_collection(n_questions=1)
    url = reverse("labeling:start", args=[collection.slug])

    client.post(url)
    client.post(url)

    assert User.objects.filter(kind="guest").count() == 1


def test_signing_up_keeps_a_guests_votes(client):
    collection = make_collection(n_questions=1)
    client.post(reverse("labeling:start", args=[collection.slug]))
    lease = Lease.objects.hand_out(collection, User.objects.get(kind="guest"), 1)[0]
    press(client, lease, answer="cannot_tell")
    password = "a rare bird sings"

    client.post(
        reverse("accounts:sign-up"), {"username": "ada", "password1": password, "password2": password}
    )

    vote = Vote.objects.get()
    assert (vote.annotator.username, vote.annotator.kind) == ("ada", "person")
    assert User.objects.filter(kind="guest").count() == 0


def test_a_closed_collection_cannot_be_started(client):
    collection = make_collection(is_open=False)

    assert client.post(reverse("labeling:start", args=[collection.slug])).status_code == 404


def test_starting_is_no_link(client):
    collection = make_collection()

    assert client.get(reverse("labeling:start", args=[collection.slug])).status_code == 405


# --- Labelling -------------------------------------------------------------------------------------------


def test_the_page_shows_a_picture_and_every_class_with_its_key(client, annotator):
    collection = make_collection(n_questions=1)

    page = client.get(reverse("labeling:label", args=[collection.slug])).content.decode()

    assert Question.objects.get().image.get_absolute_url() in page
    for key, synset in enumerate(collection.ordered_classes(), start=1):
        assert f'value="{synset.wnid}"' in page
        assert f'data-key="{key}"' in page


def test_strangers_are_sent_to_sign_in(client):
    collection = make_collection(n_questions=1)

    response = client.get(reverse("labeling:label", args=[collection.slug]))

    assert response.url.startswith(reverse("accounts:sign-in"))


def test_a_pressed_class_is_a_vote_and_the_next_picture_comes(client, annotator):
    collection = make_collection(n_questions=2)
    lease = make_lease(collection, annotator)
    cat = collection.ordered_classes()[0]

    response = press(client, lease, synset=cat.wnid, seconds="2.5")

    vote = Vote.objects.get()
    assert (vote.synset, vote.seconds) == (cat, 2.5)
    assert response.url == reverse("labeling:label", args=[collection.slug])
    assert client.get(response.url).context["lease"].question != lease.question


def test_cannot_tell_comes_after_the_hidden_answer_and_wins(client, annotator):
    lease = make_lease(annotator=annotator)

    press(client, lease, answer=["present", "cannot_tell"], seconds="")

    assert Vote.objects.get().answer == "cannot_tell"


def test_a_form_without_an_answer_says_what_to_do(client, annotator):
    lease = make_lease(annotator=annotator)

    response = press(client, lease)

    assert "Choose one of the nouns, or say that you cannot tell." in response.content.decode()
    assert not Vote.objects.exists()


def test_a_noun_that_is_no_class_is_refused(client, annotator):
    lease = make_lease(annotator=annotator)

    response = press(client, lease, synset=make_synset("stone").wnid)

    assert response.status_code == 200
    assert not Vote.objects.exists()


def test_a_second_press_of_the_same_button_counts_once(client, annotator):
    lease = make_lease(annotator=annotator)
    wnid = lease.question.collection.ordered_classes()[0].wnid
    press(client, lease, synset=wnid)

    response = client.post(
        reverse("labeling:cast-vote", args=[lease.pk]), {"answer": "present", "synset": wnid}, follow=True
    )

    assert Vote.objects.count() == 1
    assert "That picture already has your answer." in response.content.decode()


def test_an_expired_lease_says_so_and_shows_another_picture(client, annotator):
    lease = make_lease(annotator=annotator)
    Lease.objects.update(expires_at=timezone.now())
    wnid = lease.question.collection.ordered_classes()[0].wnid

    response = client.post(
        reverse("labeling:cast-vote", args=[lease.pk]), {"answer": "present", "synset": wnid}, follow=True
    )

    assert "ran out at" in response.content.decode()
    assert response.context["lease"] is not None
    assert not Vote.objects.exists()


def test_somebody_elses_lease_is_not_found(client, annotator):
    assert press(client, make_lease(), answer="cannot_tell").status_code == 404


def test_the_page_says_honestly_that_nothing_is_left(client, annotator):
    collection = make_collection(n_questions=1)
    press(client, make_lease(collection, annotator), answer="cannot_tell")

    page = client.get(reverse("labeling:label", args=[collection.slug])).content.decode()

    assert "Nothing is left for you here" in page
    assert "nobody is asked the same question twice" in page


# --- Collections -----------------------------------------------------------------------------------------


def test_a_collections_page_shows_its_progress_and_settled_pictures(client):
    collection = make_settled_collection(n_questions=10)

    response = client.get(collection.get_absolute_url())

    assert response.context["progress"]["n_settled"] == 10
    assert [(words, n) for _synset, words, n in response.context["by_class"]] == [("cat", 5), ("dog", 5)]
    # Six of ten are training pictures; the labels of the others may be a contest's secret.
    assert response.content.decode().count("<figure>") == 6


def test_a_new_collections_page_offers_the_first_step(client):
    collection = make_collection(n_questions=1)

    page = client.get(collection.get_absolute_url()).content.decode()

    assert "None yet." in page
    assert reverse("labeling:start", args=[collection.slug]) in page


def test_a_collections_page_takes_as_many_queries_for_many_pictures(client):
    def n_queries(n_questions: int) -> int:
        collection = make_settled_collection(n_questions=n_questions)
        with CaptureQueriesContext(connection) as queries:
            client.get(collection.get_absolute_url())
        return len(queries)

    assert n_queries(10) == n_queries(40)


def test_the_list_of_collections_takes_as_many_queries_for_many(client):
    make_collection()
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("labeling:collections"))
    for _ in range(3):
        make_collection()

    with CaptureQueriesContext(connection) as four:
        client.get(reverse("labeling:collections"))

    assert len(four) == len(one)


def test_progress_is_a_part_of_a_page(client):
    collection = make_collection(n_questions=1)

    page = client.get(reverse("labeling:progress", args=[collection.slug])).content.decode()

    assert "<html" not in page
    assert 'id="progress"' in page


def test_a_nouns_pictures_include_those_of_the_nouns_below_it(client):
    collection = make_settled_collection(n_questions=10)

    response = client.get(reverse("labeling:synset-pictures", args=[collection.root.wnid]))

    assert response.context["n_pictures"] == 10


def test_a_nouns_page_has_its_pictures_where_few_were_counted_and_fetches_them_where_many_were(
    client, monkeypatch
):
    root = make_settled_collection(n_questions=10).root
    part = reverse("labeling:synset-pictures", args=[root.wnid])

    uncounted = client.get(root.get_absolute_url()).content.decode()
    tally()
    few = client.get(root.get_absolute_url()).content.decode()
    monkeypatch.setattr("labeling.templatetags.noun_pictures.MOST_AT_ONCE", 9)
    many = client.get(root.get_absolute_url()).content.decode()

    assert [f'hx-get="{part}"' in page for page in (uncounted, few, many)] == [True, False, True]
    assert ["<figure>" in page for page in (uncounted, few, many)] == [False, True, False]


def test_of_very_many_pictures_of_a_noun_those_at_the_lowest_positions_are_shown_and_the_tally_is_told(
    client, monkeypatch
):
    collection = make_settled_collection(n_questions=40)
    tally()
    monkeypatch.setattr("labeling.noun_pictures.LISTED", 5)

    response = client.get(reverse("labeling:synset-pictures", args=[collection.root.wnid]))

    shown = Question.objects.examples().order_by("position")[:24]
    assert response.context["n_pictures"] == 40
    assert response.context["examples"] == list(shown)


@pytest.mark.parametrize("page", ["disputes", "why"])
def test_pages_do_not_read_what_a_fit_has_learnt_which_is_large_of_many_classes(client, page):
    collection = make_collection(n_questions=1, owner=make_user())
    vote = make_lease(collection).cast(collection.ordered_classes()[0])
    aggregation.refit(collection)
    client.force_login(collection.owner)
    more = [vote.question_id] if page == "why" else []
    url = reverse(f"labeling:{page}", args=[collection.slug, *more])
    client.get(url)  # from now on the choices are kept

    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200

    statements = [query["sql"] or "" for query in asked]  # None: some that PostgreSQL was sent prepared
    of_fits = [sql for sql in statements if "labeling_consensusfit" in sql]
    assert of_fits
    assert not any("parameters" in sql for sql in of_fits)


@pytest.mark.parametrize(
    "positions", [range(40), range(2**31 - 41, 2**31 - 1), range(0, 2**31 - 1, 2**31 // 40)]
)
def test_the_first_few_are_those_at_the_lowest_positions_wherever_they_lie(positions):
    questions = make_settled_collection(n_questions=40).questions.order_by("pk")
    for question, position in zip(questions, positions, strict=False):
        questions.filter(pk=question.pk).update(position=position)

    few = Question.objects.settled().first_few(5, among_about=1_000_000)

    assert list(few) == list(questions[:5])


# --- Pictures ---------------------------------------------------------------------------------------------


def test_a_picture_is_sent_as_what_it_was_checked_to_be_and_may_be_kept_for_a_day(client):
    image = make_question().image

    response = client.get(image.get_absolute_url())

    assert b"".join(response.streaming_content).startswith(b"\x89PNG")
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "max-age=86400" in response["Cache-Control"]


def test_a_small_picture_is_its_own_thumbnail(client):
    image = make_question().image

    response = client.get(image.get_thumbnail_url())

    assert b"".join(response.streaming_content).startswith(b"\x89PNG")


def test_a_withdrawn_picture_is_not_found(client):
    image = make_question().image
    Image.objects.update(withdrawn_at=timezone.now())

    assert client.get(image.get_absolute_url()).status_code == 404
    assert client.get(image.get_thumbnail_url()).status_code == 404


def test_a_picture_that_the_storage_lost_is_not_found(client):
    image = make_question().image
    default_storage.delete(image.file.name)

    assert client.get(image.get_absolute_url()).status_code == 404
