"""Answers that name no noun, pictures passed over, and votes taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.models import (
    SKIP,
    Answer,
    AnsweredOtherwiseError,
    Lease,
    LeaseExpiredError,
    NotUndoneError,
    Question,
    Retraction,
    Skip,
    Vote,
)
from tests.factories import make_collection, make_lease, make_user

pytestmark = pytest.mark.django_db
NONE = Vote.Answer.NONE_OF_THESE


def answer(lease, kind, wnid=""):
    [outcome] = Lease.objects.cast(lease.annotator, [Answer(lease.pk, wnid, kind)])
    return outcome


def places(question):
    return Question.objects.values_list("state", "open_places").get(pk=question.pk)


# --- None of these ----------------------------------------------------------------------------------------


def test_a_picture_that_shows_none_of_the_nouns_is_given_up_when_enough_people_say_so():
    collection = make_collection(n_questions=1, min_votes=2, max_votes=10)
    for _ in range(2):
        answer(make_lease(collection), NONE)

    question = Question.objects.get()
    assert (question.state, question.n_votes) == ("undecided", 2)


def test_one_who_sees_none_of_the_nouns_among_many_who_see_one_changes_nothing():
    collection = make_collection(n_questions=1, min_votes=2, max_votes=10)
    cat = collection.ordered_classes()[0]
    answer(make_lease(collection), NONE)
    for _ in range(4):
        make_lease(collection).cast(cat)
        if Question.objects.get().state == "settled":
            break

    assert Question.objects.get().label == cat


# --- Skipping ---------------------------------------------------------------------------------------------


def test_a_skipped_picture_goes_to_somebody_else_and_never_comes_back():
    collection = make_collection(n_questions=1, min_votes=1)
    lease = make_lease(collection)

    outcome = answer(lease, SKIP)

    assert outcome.refusal is None
    assert places(lease.question) == ("open", 1)
    assert Lease.objects.hand_out(collection, lease.annotator, 1) == []
    assert not Lease.objects.might_come(collection, lease.annotator)
    assert len(Lease.objects.hand_out(collection, make_user(), 1)) == 1
    assert not Vote.objects.exists()


def test_a_skip_that_is_sent_again_does_no_harm_and_a_vote_after_it_is_refused():
    lease = make_lease()
    answer(lease, SKIP)

    assert answer(lease, SKIP).is_repeated
    assert isinstance(answer(lease, "", "n00000001").refusal, AnsweredOtherwiseError)
    assert Skip.objects.count() == 1


def test_a_lease_that_ran_out_cannot_be_skipped():
    lease = make_lease()
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert isinstance(answer(lease, SKIP).refusal, LeaseExpiredError)


def test_a_lease_on_what_one_has_answered_before_is_refused_and_ends():
    collection = make_collection(n_questions=1, min_votes=2)
    lease = make_lease(collection)
    lease.cast(None)
    again = Lease.objects.create(
        question=lease.question, annotator=lease.annotator, expires_at=lease.expires_at
    )

    refusal = answer(again, Vote.Answer.CANNOT_TELL).refusal

    assert str(refusal) == "You have already answered this question."
    assert not Lease.objects.exists()
    assert Vote.objects.count() == 1


# --- Taking a vote back -----------------------------------------------------------------------------------


def test_a_vote_that_is_taken_back_counts_no_more_and_its_picture_is_lent_again():
    collection = make_collection(n_questions=1, min_votes=1, target_confidence=0.6)
    cat, dog = collection.ordered_classes()
    lease = make_lease(collection)
    lease.cast(cat)
    assert Question.objects.get().state == "settled"

    again = Lease.objects.take_back(lease.annotator, lease.pk)

    question = Question.objects.get()
    assert (question.state, question.label, question.n_votes, question.open_places) == ("open", None, 0, 0)
    assert (Vote.objects.count(), Retraction.objects.get().synset) == (0, cat)
    again.cast(dog)
    assert Question.objects.get().label == dog


def test_other_peoples_votes_stay_when_one_is_taken_back():
    collection = make_collection(n_questions=1, min_votes=2, max_votes=9)
    cat, dog = collection.ordered_classes()
    first, second = make_lease(collection), make_lease(collection)
    first.cast(cat)
    second.cast(dog)

    Lease.objects.take_back(second.annotator, second.pk)

    question = Question.objects.get()
    assert (question.label, question.n_votes) == (cat, 1)


def test_a_vote_that_was_taken_back_cannot_be_sent_again():
    lease = make_lease()
    lease.cast(None)
    Lease.objects.take_back(lease.annotator, lease.pk)

    assert isinstance(answer(lease, Vote.Answer.CANNOT_TELL).refusal, LeaseExpiredError)


def test_only_the_latest_vote_can_be_taken_back():
    collection = make_collection(n_questions=2, min_votes=1)
    annotator = make_user()
    first, second = Lease.objects.hand_out(collection, annotator, 2)
    first.cast(None)
    second.cast(None)

    with pytest.raises(NotUndoneError, match="you have voted since"):
        Lease.objects.take_back(annotator, first.pk)
    Lease.objects.take_back(annotator, second.pk)


def test_an_old_vote_or_somebody_elses_cannot_be_taken_back():
    lease = make_lease()
    lease.cast(None)
    with pytest.raises(NotUndoneError, match="a lease that you voted on"):
        Lease.objects.take_back(make_user(), lease.pk)
    Vote.objects.update(cast_at=timezone.now() - timedelta(minutes=11))

    with pytest.raises(NotUndoneError, match="last 10 minutes"):
        Lease.objects.take_back(lease.annotator, lease.pk)


def test_the_api_takes_a_vote_back_and_lends_its_picture(client):
    lease = make_lease()
    lease.cast(None)
    client.force_login(lease.annotator)

    def undo():
        return client.post("/api/votes/undo/", {"lease": lease.pk}, content_type="application/json")

    first, second = undo(), undo()

    assert first.json()["image_url"] == lease.question.image.get_display_url()
    assert (second.status_code, "a lease that you voted on" in str(second.json())) == (400, True)


def test_votes_travel_with_the_request_for_more(client):
    collection = make_collection(n_questions=2, min_votes=1)
    cat = collection.ordered_classes()[0]
    lease = make_lease(collection)
    client.force_login(lease.annotator)
    votes = [{"lease": lease.pk, "synset": cat.wnid}]

    url = f"/api/collections/{collection.slug}/leases/"
    data = client.post(url, {"count": 1, "votes": votes}, content_type="application/json").json()

    assert data["results"] == [{"lease": lease.pk, "status": "recorded", "detail": "", "gold": None}]
    assert [each["id"] for each in data["leases"]] != [lease.pk]
    assert Vote.objects.get().synset == cat
