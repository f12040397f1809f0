"""Many volunteers who are handed grids at the same moment, each with a database connection of their own."""

from collections import Counter

import pytest
from django.db.models import Count

from accounts.models import User
from labeling import aggregation
from labeling.models import Collection, Lease, Question, Vote
from taxonomy import drafting
from tests.factories import make_collection, make_user
from tests.labeling.test_concurrency import N_VOLUNTEERS, together
from tests.labeling.test_following import finish

pytestmark = pytest.mark.django_db(transaction=True)


def make_verifying(n_pictures: int, *names: str, **fields) -> Collection:
    names = names or ("cat", "dog")
    return make_collection(n_pictures, names, kind=Collection.Kind.VERIFY, gold_share=0, **fields)


def answer_all(collection: Collection, annotator: User, count: int = 3) -> list[int]:
    """Answer grids until none comes; return the questions answered."""
    answered = []
    while leases := Lease.objects.hand_out_grid(collection, annotator, count=count).leases:
        assert len({lease.question.about_id for lease in leases}) == 1
        for lease in leases:
            # Opinions differ, so that questions are asked again and again.
            kind = Vote.Answer.PRESENT if (annotator.pk + lease.question_id) % 3 else Vote.Answer.ABSENT
            lease.answer(kind)
            answered.append(lease.question_id)
    return answered


def come_back(collection: Collection, people: list[User]) -> list[list[int]]:
    """Let everybody answer once more, one by one, as long as anything is left for anybody."""
    answered: list[list[int]] = [[] for _ in people]
    while True:
        more = [answer_all(collection, person) for person in people]
        if not any(more):
            return answered
        answered = [before + now for before, now in zip(answered, more, strict=True)]


def test_no_place_is_oversold_and_every_grid_is_about_one_noun():
    collection = make_verifying(4, min_votes=4)

    grids = together(
        lambda person: Lease.objects.hand_out_grid(collection, person),
        [make_user() for _ in range(N_VOLUNTEERS)],
    )

    for grid in grids:
        assert {lease.question.about_id for lease in grid.leases} <= {grid.about and grid.about.pk}
    taken = Counter(lease.question_id for grid in grids for lease in grid.leases)
    assert max(taken.values()) <= 4
    for question in Question.objects.filter(state="open").annotate(n_leases=Count("leases")):
        assert question.n_leases + question.open_places == 4


def test_nobody_is_asked_twice_and_no_vote_is_lost_or_doubled():
    collection = make_verifying(5, min_votes=3, max_votes=6)
    people = [make_user() for _ in range(N_VOLUNTEERS)]

    at_once = together(lambda person: answer_all(collection, person), people)
    later = come_back(collection, people)

    answered = [first + then for first, then in zip(at_once, later, strict=True)]
    for questions in answered:
        assert len(questions) == len(set(questions))
    assert Vote.objects.count() == sum(len(questions) for questions in answered)
    for question in Question.objects.annotate(n_counted=Count("votes")):
        assert question.n_votes == question.n_counted <= 6
        assert question.state in ("settled", "absent", "undecided")
        assert question.open_places == 0
    assert not Lease.objects.exists()


def test_one_annotator_asking_for_nouns_from_many_windows_holds_each_question_once():
    collection = make_verifying(6, "cat", "dog", "eel")
    annotator = make_user()
    nouns = collection.ordered_classes()

    together(
        lambda place: Lease.objects.hand_out_grid(collection, annotator, nouns[place % 3]), list(range(9))
    )

    leases = list(Lease.objects.values_list("question", "question__about"))
    assert len({question for question, _about in leases}) == len(leases) == 6
    assert len({about for _question, about in leases}) == 1
    for question in Question.objects.filter(state="open").annotate(n_leases=Count("leases")):
        assert question.n_leases + question.open_places == collection.min_votes


def test_people_who_turn_to_other_nouns_while_others_answer_and_a_refit_runs_lose_nothing():
    collection = make_verifying(4, "cat", "dog", "eel", min_votes=3, max_votes=6)
    nouns = collection.ordered_classes()
    people = [make_user() for _ in range(10)]
    restless = [make_user() for _ in range(4)]

    def act(person: User | None) -> int:
        if person is None:
            aggregation.refit(collection)
            return 0
        if person in restless:
            for turn in range(8):
                Lease.objects.hand_out_grid(collection, person, nouns[turn % 3], 2)
            return 0
        return len(answer_all(collection, person))

    n_cast = sum(together(act, [*people, *restless, None]))

    assert Vote.objects.count() == n_cast
    for question in Question.objects.annotate(n_leases=Count("leases"), n_counted=Count("votes")):
        assert question.n_votes == Vote.objects.filter(question=question).count()
        if question.state == "open":
            assert question.open_places or question.leases.exists()
        else:
            assert question.open_places == 0


def test_a_merge_while_people_answer_leaves_each_label_at_what_its_noun_became():
    collection = make_verifying(5, "cat", "kitty", "dog", min_votes=2, max_votes=4, target_confidence=0.9)
    cat, kitty, _dog = collection.ordered_classes()
    draft = drafting.propose(
        "merge", {"synset": kitty.wnid, "target": cat.wnid}, author=make_user(), reason="a test"
    )

    def act(person: User | None) -> None:
        if person is None:
            finish(draft)
        else:
            answer_all(collection, person)

    together(act, [*(make_user() for _ in range(6)), None])

    assert not Question.objects.filter(label=kitty).exists()
    assert {noun.name for noun in collection.ordered_classes()} == {"cat", "dog"}
    for question in Question.objects.all():
        assert question.n_votes == question.votes.count()
        assert question.label in (None, cat if question.about == kitty else question.about)
