from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.models import Collection, Lease, Question, Vote, Walk
from tests.factories import make_collection, make_lease, make_synset, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def annotator(client):
    user = make_user()
    client.force_login(user)
    return user


def post(client, url: str, data: dict):
    return client.post(url, data, content_type="application/json")


def lease_some(client, collection, **data):
    return post(client, f"/api/collections/{collection.slug}/leases/", data)


def cast(client, *votes: dict) -> list[dict]:
    response = post(client, "/api/votes/", {"votes": list(votes)})
    assert response.status_code == 200, response.content
    return response.json()["results"]


def vote_on(lease: Lease, place: int = 0, **fields) -> dict:
    synset = lease.question.collection.ordered_classes()[place]
    return {"lease": lease.pk, "synset": synset.wnid, "answer": "present", "seconds": 1.5, **fields}


# --- Leases -----------------------------------------------------------------------------------------------


def test_leases_say_where_their_pictures_are(client, annotator):
    collection = make_collection(n_questions=1)

    [lease] = lease_some(client, collection).json()["leases"]

    image = Question.objects.get().image
    assert (lease["image_url"], lease["width"], lease["height"]) == (image.get_display_url(), 8, 8)
    assert Lease.objects.get().pk == lease["id"]
    assert b"".join(client.get(lease["image_url"]).streaming_content).startswith(b"\x89PNG")


def test_as_many_leases_as_asked_for_are_handed_out(client, annotator):
    collection = make_collection(n_questions=5)

    assert len(lease_some(client, collection, count=3).json()["leases"]) == 3


def test_the_same_leases_answer_a_request_that_is_repeated(client, annotator):
    collection = make_collection(n_questions=5)

    first, second = (lease_some(client, collection, count=3).json()["leases"] for _ in range(2))

    assert [lease["id"] for lease in first] == [lease["id"] for lease in second]


def test_when_nothing_is_left_a_sentence_says_so(client, annotator):
    answer = lease_some(client, make_collection()).json()

    assert answer["leases"] == []
    assert answer["detail"].startswith("You have been asked everything that is open here.")


def test_a_closed_collection_says_so(client, annotator):
    collection = make_collection(n_questions=1, is_open=False)

    assert lease_some(client, collection).json()["detail"] == f"{collection} is closed."


@pytest.mark.parametrize("count", [0, 101, "many"])
def test_a_count_that_makes_no_sense_is_refused(client, annotator, count):
    response = lease_some(client, make_collection(), count=count)

    assert response.status_code == 400
    assert "count" in response.json()


def test_strangers_get_no_leases(client):
    assert lease_some(client, make_collection(n_questions=1)).status_code == 401


def test_an_unknown_collection_is_not_found(client, annotator):
    assert post(client, "/api/collections/none/leases/", {}).status_code == 404


# --- Votes ------------------------------------------------------------------------------------------------


def test_a_vote_on_a_held_lease_is_recorded(client, annotator):
    lease = make_lease(annotator=annotator)

    [result] = cast(client, vote_on(lease))

    assert result == {"lease": lease.pk, "status": "recorded", "detail": "", "gold": None}
    vote = Vote.objects.get()
    assert (vote.question, vote.annotator, vote.seconds) == (lease.question, annotator, 1.5)


def test_the_same_vote_sent_again_is_repeated_and_counts_once(client, annotator):
    vote = vote_on(make_lease(annotator=annotator))
    cast(client, vote)

    [result] = cast(client, vote)

    assert result["status"] == "repeated"
    assert Vote.objects.count() == 1


def test_one_vote_twice_in_a_request_counts_once(client, annotator):
    vote = vote_on(make_lease(annotator=annotator))

    results = cast(client, vote, vote)

    assert [result["status"] for result in results] == ["recorded", "repeated"]


def test_another_answer_on_the_same_lease_is_refused(client, annotator):
    lease = make_lease(annotator=annotator)
    cast(client, vote_on(lease, place=0))

    [result] = cast(client, vote_on(lease, place=1))

    assert result["status"] == "refused"
    assert result["detail"] == "You have already answered this question: cat."
    assert Vote.objects.get().synset.name == "cat"


def test_cannot_tell_is_recorded_and_repeated_without_a_synset(client, annotator):
    lease = make_lease(annotator=annotator)
    unsure = {"lease": lease.pk, "answer": "cannot_tell"}

    results = [*cast(client, unsure), *cast(client, {**unsure, "synset": ""})]

    assert [result["status"] for result in results] == ["recorded", "repeated"]
    assert Vote.objects.get().answer == "cannot_tell"


def test_a_vote_on_an_expired_lease_is_refused_by_a_sentence(client, annotator):
    lease = make_lease(annotator=annotator)
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    [result] = cast(client, vote_on(lease))

    assert result["status"] == "refused"
    assert f"lease {lease.pk} ran out" in result["detail"]
    assert not Vote.objects.exists()


def test_a_vote_on_somebody_elses_lease_is_refused(client, annotator):
    lease = make_lease()

    [result] = cast(client, vote_on(lease))

    assert result["status"] == "refused"
    assert "expected a lease that you hold" in result["detail"].lower()
    assert Lease.objects.get() == lease


def test_a_noun_that_is_no_class_is_refused(client, annotator):
    lease = make_lease(annotator=annotator)

    [result] = cast(client, vote_on(lease, synset=make_synset("stone").wnid))

    assert result["status"] == "refused"
    assert "found stone" in result["detail"]
    assert Lease.objects.get() == lease


def test_an_unknown_noun_is_refused_and_the_rest_of_the_batch_kept(client, annotator):
    collection = make_collection(n_questions=2)
    leases = Lease.objects.hand_out(collection, annotator, 2)

    results = cast(client, vote_on(leases[0], synset="n99999999"), vote_on(leases[1]))

    assert [result["status"] for result in results] == ["refused", "recorded"]
    assert results[0]["detail"] == "Expected the wnid of a noun; found 'n99999999'."


def test_good_votes_of_a_batch_are_kept_when_one_is_refused(client, annotator):
    collection = make_collection(n_questions=3)
    leases = Lease.objects.hand_out(collection, annotator, 3)
    Lease.objects.filter(pk=leases[1].pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    results = cast(client, *[vote_on(lease) for lease in leases])

    assert [result["status"] for result in results] == ["recorded", "refused", "recorded"]
    assert Vote.objects.count() == 2


def test_results_come_in_the_order_of_the_votes(client, annotator):
    collection = make_collection(n_questions=3)
    leases = Lease.objects.hand_out(collection, annotator, 3)

    results = cast(client, *[vote_on(lease) for lease in reversed(leases)])

    assert [result["lease"] for result in results] == [lease.pk for lease in reversed(leases)]


@pytest.mark.parametrize(
    "vote",
    [
        {"lease": 1},
        {"lease": 1, "answer": "cannot_tell", "synset": "n02084071"},
        {"lease": 1, "answer": "perhaps"},
        {"lease": "one", "answer": "cannot_tell"},
        {"lease": 1, "answer": "cannot_tell", "seconds": -1},
        {"lease": 2**63, "answer": "cannot_tell"},
        {"answer": "cannot_tell"},
    ],
)
def test_a_vote_that_cannot_be_read_is_refused_with_its_reason(client, annotator, vote):
    response = post(client, "/api/votes/", {"votes": [vote]})

    assert response.status_code == 400
    assert response.json()["votes"]


@pytest.mark.parametrize("data", [{}, {"votes": []}, {"votes": "all"}, {"votes": [{}] * 201}])
def test_a_batch_that_is_none_is_refused(client, annotator, data):
    assert post(client, "/api/votes/", data).status_code == 400


def test_strangers_cast_no_votes(client):
    assert post(client, "/api/votes/", {"votes": [vote_on(make_lease())]}).status_code == 401


# --- Collections -----------------------------------------------------------------------------------------


def test_a_collection_tells_its_classes_and_policy(client):
    collection = make_collection(names=("cat", "dog"))

    data = client.get(f"/api/collections/{collection.slug}/").json()

    assert [synset["name"] for synset in data["classes"]] == ["cat", "dog"]
    assert (data["root"], data["is_open"], data["min_votes"]) == (collection.root.wnid, True, 2)


def test_the_list_of_collections_is_paged(client):
    make_collection()

    data = client.get("/api/collections/").json()

    assert data["count"] == 1
    assert len(data["results"]) == 1


def test_the_list_takes_as_many_queries_for_many_collections(client):
    make_collection()
    with CaptureQueriesContext(connection) as one:
        client.get("/api/collections/")
    for _ in range(3):
        make_collection()

    with CaptureQueriesContext(connection) as four:
        client.get("/api/collections/")

    assert len(four) == len(one)


# --- Collections that verify -------------------------------------------------------------------------------


def make_verifying(n_pictures: int = 2, **fields) -> Collection:
    return make_collection(n_pictures, kind=Collection.Kind.VERIFY, gold_share=0, **fields)


def test_a_collection_says_what_it_asks(client):
    collection = make_verifying(0)

    assert client.get(f"/api/collections/{collection.slug}/").json()["kind"] == "verify"


def test_leases_tell_the_one_noun_that_they_are_about(client, annotator):
    collection = make_verifying()
    cat, _dog = collection.ordered_classes()

    leases = lease_some(client, collection, count=4).json()["leases"]

    assert [lease["about"] for lease in leases] == [
        {"wnid": cat.wnid, "name": "cat", "gloss": "what cat means"}
    ] * 2
    assert leases[0]["words"] == "Does this picture show “cat”?"
    assert lease_some(client, make_collection(1)).json()["leases"][0]["about"] is None


def test_another_noun_can_be_asked_for(client, annotator):
    collection = make_verifying()
    _cat, dog = collection.ordered_classes()
    lease_some(client, collection, count=4)

    leases = lease_some(client, collection, count=4, about=dog.wnid).json()["leases"]

    assert [lease["about"]["name"] for lease in leases] == ["dog", "dog"]
    assert Lease.objects.count() == 2


def test_a_noun_that_is_not_asked_about_is_refused(client, annotator):
    eel = make_synset("eel")

    response = lease_some(client, make_verifying(), about=eel.wnid)

    assert response.status_code == 400
    assert "asks about; found eel" in response.json()["about"][0]


def test_absent_is_recorded_and_another_noun_refused(client, annotator):
    collection = make_verifying()
    _cat, dog = collection.ordered_classes()
    first, second = lease_some(client, collection, count=2).json()["leases"]

    results = cast(
        client,
        {"lease": first["id"], "answer": "absent"},
        {"lease": second["id"], "answer": "absent", "synset": dog.wnid},
    )

    assert [result["status"] for result in results] == ["recorded", "refused"]
    assert Vote.objects.get().answer == "absent"


def test_present_without_a_noun_is_recorded_where_one_is_asked_about_alone(client, annotator):
    [lease] = lease_some(client, make_verifying()).json()["leases"]
    other = make_lease(annotator=annotator)

    results = cast(
        client, {"lease": lease["id"], "answer": "present"}, {"lease": other.pk, "answer": "present"}
    )

    assert [result["status"] for result in results] == ["recorded", "refused"]
    assert results[1]["detail"] == "Expected a synset with the answer present alone; found present."


def test_a_grid_takes_the_same_queries_for_one_and_many(client, annotator):
    collection = make_verifying(10)
    lease_some(client, collection, count=1)

    def n_queries(count: int) -> int:
        Lease.objects.filter(annotator=annotator).release()
        Walk.objects.update(position=Walk.START)
        with CaptureQueriesContext(connection) as queries:
            assert len(lease_some(client, collection, count=count).json()["leases"]) == count
        return len(queries)

    assert n_queries(1) == n_queries(10)


def test_undo_lends_a_picture_of_a_grid_again(client, annotator):
    [lease] = lease_some(client, make_verifying()).json()["leases"]
    cast(client, {"lease": lease["id"], "answer": "absent"})

    again = post(client, "/api/votes/undo/", {"lease": lease["id"]}).json()

    assert (again["about"], again["image_url"]) == (lease["about"], lease["image_url"])
    assert not Vote.objects.exists()


def test_what_was_renewed_for_another_page_is_not_given_back(client, annotator):
    collection = make_collection(n_questions=1)
    [lease] = lease_some(client, collection).json()["leases"]

    Lease.objects.hand_out(collection, annotator, 1, renew=True)

    first = {"leases": [lease["id"]], "expires_by": lease["expires_at"]}
    assert post(client, "/api/leases/release/", first).json() == {"released": 0}
    assert post(client, "/api/leases/release/", {"leases": [lease["id"]]}).json() == {"released": 1}
