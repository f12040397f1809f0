"""Many volunteers at the same moment, each with a database connection of their own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.utils import timezone

from accounts.models import User
from labeling import aggregation, reopening
from labeling.models import LEASE_TIME, Answer, Collection, Lease, LeaseExpiredError, Question, Vote
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db(transaction=True)

N_VOLUNTEERS = 16


def together(act, people: list) -> list:
    """Let every one of `people` act at the same moment, in a thread of their own."""
    start = Barrier(len(people))

    def go(person):
        try:
            start.wait()
            return act(person)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(go, people))


def label_all(collection: Collection, annotator: User) -> list[int]:
    """Answer until nothing is handed out any more; return the questions answered."""
    cat, dog = collection.ordered_classes()
    answered = []
    while leases := Lease.objects.hand_out(collection, annotator, 3):
        for lease in leases:
            # Opinions differ, so that questions are asked again and again.
            lease.cast(cat if (annotator.pk + lease.question_id) % 3 else dog)
            answered.append(lease.question_id)
    return answered


def come_back(collection: Collection, people: list[User]) -> list[list[int]]:
    """Let everybody label once more, one by one, as long as anything is left for anybody.

    A question may be opened again by its last vote, when all who could answer it have just left.
    """
    answered: list[list[int]] = [[] for _ in people]
    while True:
        more = [label_all(collection, person) for person in people]
        if not any(more):
            return answered
        answered = [before + now for before, now in zip(answered, more, strict=True)]


def test_no_place_is_oversold():
    collection = make_collection(n_questions=3, min_votes=4)

    handed = together(
        lambda person: Lease.objects.hand_out(collection, person, 3),
        [make_user() for _ in range(N_VOLUNTEERS)],
    )

    taken = Counter(lease.question_id for leases in handed for lease in leases)
    assert max(taken.values()) <= 4
    for question in Question.objects.annotate(n_leases=Count("leases")):
        assert question.n_leases + question.open_places == 4


def test_nobody_is_asked_twice_and_no_vote_is_lost_or_doubled():
    collection = make_collection(n_questions=8, min_votes=3, max_votes=6)
    people = [make_user() for _ in range(N_VOLUNTEERS)]

    at_once = together(lambda person: label_all(collection, person), people)
    later = come_back(collection, people)

    answered = [first + then for first, then in zip(at_once, later, strict=True)]
    for questions in answered:
        assert len(questions) == len(set(questions))
    n_cast = sum(len(questions) for questions in answered)
    assert Vote.objects.count() == n_cast
    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted <= 6
        assert question.state in ("settled", "undecided")
        assert question.open_places == 0
    assert not Lease.objects.exists()


def test_the_question_that_everybody_is_to_be_asked_next_is_not_oversold():
    collection = make_collection(n_questions=4, min_votes=4, max_votes=9, gold_share=0)
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    lease.cast(collection.ordered_classes()[0])
    assert Question.objects.get(gain__isnull=False).open_places == 3

    handed = together(
        lambda person: Lease.objects.hand_out(collection, person, 1),
        [make_user() for _ in range(N_VOLUNTEERS)],
    )

    taken = Counter(lease.question_id for leases in handed for lease in leases)
    assert max(taken.values()) <= 4
    # What others were taking at that moment is passed over, so some may have gone away; who comes next gets the rest.
    later = [Lease.objects.hand_out(collection, make_user(), 1) for _ in range(15 - sum(taken.values()))]
    assert sum(taken.values()) + sum(map(len, later)) == 15  # one vote of the sixteen is cast
    for question in Question.objects.annotate(n_leases=Count("leases")):
        assert question.n_votes + question.n_leases + question.open_places == 4


def test_people_who_vote_and_fetch_at_once_finish_what_is_started_without_waiting_forever():
    collection = make_collection(n_questions=12, min_votes=3, max_votes=6, gold_share=0)
    people = [make_user() for _ in range(N_VOLUNTEERS)]
    cat, dog = collection.ordered_classes()

    def act(person: User) -> int:
        leases, n_cast = Lease.objects.hand_out(collection, person, 4), 0
        while leases:
            said = [cat if (person.pk + lease.question_id) % 3 else dog for lease in leases]
            answers = [Answer(each.pk, noun.wnid) for each, noun in zip(leases, said, strict=True)]
            _outcomes, leases = Lease.objects.trade(collection, person, answers, 4)
            n_cast += len(answers)
        return n_cast

    n_cast = sum(together(act, people))

    assert Vote.objects.count() == n_cast
    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted <= 6
        assert (question.gain is not None) == (question.state == "open" and question.n_votes > 0)


def test_a_starter_set_that_is_drawn_while_people_vote_loses_no_vote():
    collection = make_collection(n_questions=8, min_votes=2, max_votes=6, gold_share=0)
    people = [make_user() for _ in range(N_VOLUNTEERS)]
    Collection.objects.filter(pk=collection.pk).update(n_starters=3)
    collection.refresh_from_db()

    def act(person: User | None) -> int:
        if person:
            return len(label_all(collection, person))
        return reopening.follow(collection) * 0

    n_cast = sum(together(act, [*people, None, None]))
    reopening.follow(collection)
    n_cast += sum(len(answered) for answered in come_back(collection, people))

    assert Vote.objects.count() == n_cast
    starters = Question.objects.filter(is_starter=True)
    assert starters.count() == 3
    assert min(starters.values_list("n_votes", flat=True)) >= 10
    assert not Question.objects.filter(state="open").exists()


def test_one_lease_voted_on_from_many_windows_counts_once():
    collection = make_collection(n_questions=1)
    annotator = make_user()
    [lease] = Lease.objects.hand_out(collection, annotator, 1)

    def press(_window: int) -> bool:
        try:
            Lease.objects.get(pk=lease.pk).cast(None)
        except (Lease.DoesNotExist, LeaseExpiredError):
            return False
        return True

    assert sum(together(press, list(range(6)))) == 1
    assert Vote.objects.count() == Question.objects.get().n_votes == 1


def test_one_annotator_asking_from_many_windows_gets_each_question_once():
    collection = make_collection(n_questions=10)
    annotator = make_user()

    together(lambda _window: Lease.objects.hand_out(collection, annotator, 5), list(range(6)))

    assert Lease.objects.count() == Lease.objects.values("question").distinct().count()
    for question in Question.objects.annotate(n_leases=Count("leases")).filter(state="open"):
        assert question.n_leases + question.open_places == collection.min_votes


def test_one_annotator_who_comes_back_in_many_windows_gets_each_question_once():
    collection = make_collection(n_questions=20)
    annotator = make_user()
    for lease in Lease.objects.hand_out(collection, annotator, 1):
        lease.cast(None)

    together(lambda _window: Lease.objects.hand_out(collection, annotator, 3), list(range(8)))

    leased = list(Lease.objects.values_list("question", flat=True))
    assert len(leased) == len(set(leased)) == 3
    assert not Vote.objects.filter(question__in=leased).exists()


def lend_in_order(person: User, questions: list[Question]) -> None:
    """Make leases in this order, as when somebody walked on from the start and was lent earlier questions last."""
    expires_at = timezone.now() + LEASE_TIME
    for question in questions:
        Lease.objects.create(question=question, annotator=person, expires_at=expires_at)


def send_all(person: User) -> list[str]:
    """Answer every lease of `person` in one request, as the page's script does; return what became of each."""
    client = Client()
    client.force_login(person)
    votes = [{"lease": lease.pk, "answer": "cannot_tell"} for lease in person.leases.order_by("pk")]
    answer = client.post("/api/votes/", {"votes": votes}, content_type="application/json")
    return [result["status"] for result in answer.json()["results"]]


def test_batches_of_votes_on_the_same_questions_in_any_order_do_not_wait_for_each_other_forever():
    collection = make_collection(n_questions=40, min_votes=2)
    collection.questions.update(state="open")
    questions = list(collection.questions.order_by("pk"))
    first, second = make_user(), make_user()
    lend_in_order(first, questions)
    lend_in_order(second, questions[::-1])

    assert together(send_all, [first, second]) == [["recorded"] * 40] * 2
    assert Vote.objects.count() == 80


def test_fetching_questions_while_sending_answers_does_not_wait_forever():
    collection = make_collection(n_questions=40, min_votes=1)
    collection.questions.update(state="open")
    annotator = make_user()
    lend_in_order(annotator, list(collection.questions.order_by("-pk")))

    def act(is_sending: bool) -> list[str]:
        if is_sending:
            return send_all(annotator)
        for _ in range(20):
            Lease.objects.hand_out(collection, annotator, 40)
        return []

    [sent, *_fetched] = together(act, [True, False, False])

    assert sent == ["recorded"] * 40


def test_taking_votes_back_beside_fetching_lends_no_question_twice():
    collection = make_collection(n_questions=3, min_votes=5, max_votes=9)
    annotator = make_user()

    def act(is_voting: bool) -> None:
        for _ in range(25):
            leases = Lease.objects.hand_out(collection, annotator, 3)
            if is_voting and leases:
                leases[0].cast(None)
                Lease.objects.take_back(annotator, leases[0].pk)

    together(act, [True, False, False])

    held = Lease.objects.values_list("question", flat=True)
    assert len(held) == len(set(held)) == 3
    assert not Vote.objects.exists()
    assert set(Question.objects.values_list("open_places", flat=True)) == {4}


def test_leases_that_run_out_while_people_vote_give_each_place_back_once():
    collection = make_collection(n_questions=6, min_votes=3, max_votes=6)
    for person in [make_user() for _ in range(2)]:
        Lease.objects.hand_out(collection, person, 6)
    Lease.objects.update(expires_at=timezone.now())
    people = [make_user() for _ in range(N_VOLUNTEERS)]

    def act(person: User | None) -> None:
        if person:
            label_all(collection, person)
        else:
            Lease.objects.expired().release()

    together(act, [*people, None, None])
    come_back(collection, people)

    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted <= 6
        assert (question.state, question.open_places) in [("settled", 0), ("undecided", 0)]
    assert not Lease.objects.exists()


def test_a_refit_beside_voting_loses_no_vote_and_strands_no_question():
    collection = make_collection(n_questions=8, min_votes=3, max_votes=6)
    people = [make_user() for _ in range(N_VOLUNTEERS)]

    def act(person: User | None) -> int:
        if person:
            return len(label_all(collection, person))
        aggregation.refit(collection)
        return 0

    n_cast = sum(together(act, [*people, None, None]))
    aggregation.refit(collection)

    assert Vote.objects.count() == n_cast
    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted
        assert (question.state == "open") == (question.open_places > 0)
