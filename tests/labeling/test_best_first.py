"""Started questions go to whoever asks next by how much one more vote would tell, and nobody is asked twice."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling import aggregation
from labeling.models import Choices, Lease, Question, Skip, Vote, Walk
from labeling.models.lending import BEST
from tests.factories import make_collection, make_user
from tests.labeling.grids import make_verifying

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection(n_questions=6, names=("cat", "dog", "fox"), min_votes=3, max_votes=9, gold_share=0)


def hand_out(collection, annotator=None, count=1):
    return Lease.objects.hand_out(collection, annotator or make_user(), count)


def say(collection, *names):
    """Have somebody new answer the questions in the order of their keys; None: cannot tell, "": leave it."""
    nouns = {noun.name: noun for noun in collection.ordered_classes()} | {None: None}
    said = dict(zip(collection.questions.order_by("pk").values_list("pk", flat=True), names, strict=True))
    for lease in hand_out(collection, count=len(names)):
        if said[lease.question_id] != "":
            lease.cast(nouns[said[lease.question_id]])
    Lease.objects.all().release()


def questions(leases):
    return [lease.question_id for lease in leases]


def by_gain(collection):
    return list(collection.questions.exclude(gain=None).order_by("-gain").values_list("pk", flat=True))


def test_what_is_disputed_comes_before_what_is_agreed_on(collection):
    say(collection, "cat", "cat", "cat", "cat", "cat", "cat")
    say(collection, "cat", "cat", "cat", "dog", "cat", "cat")
    disputed = collection.questions.order_by("pk")[3]

    assert questions(hand_out(collection)) == [disputed.pk]


def test_several_come_in_the_order_of_what_one_more_vote_tells(collection):
    say(collection, "cat", "dog", "cat", "cat", "cat", "")
    say(collection, "fox", "dog", "cat", "", "cat", "")
    order = by_gain(collection)

    lent = questions(hand_out(collection, count=5))

    assert len(order) == 5
    # Alike are worth alike, in whatever order.
    gains = dict(collection.questions.values_list("pk", "gain"))
    assert [gains[pk] for pk in lent] == sorted(gains[pk] for pk in order)[::-1]


def test_what_nobody_voted_on_comes_after_what_is_started_wherever_it_lies(collection):
    last = collection.questions.order_by("-position").first()
    say(collection, *("cat" if each == last else "" for each in collection.questions.order_by("pk")))

    first, then = hand_out(collection, count=2)

    assert first.question_id == last.pk
    assert then.question.gain is None


def test_nobody_is_lent_again_what_they_answered_skipped_or_hold(collection):
    annotator = make_user()
    for number, lease in enumerate(hand_out(collection, annotator, 3)):
        if number:
            lease.cast(None)
        else:
            skip = Skip(question=lease.question, annotator=annotator, lease_number=lease.pk)
            Lease.objects.skip({lease.pk: skip})
    asked = {*Question.objects.filter(votes__annotator=annotator).values_list("pk", flat=True)}
    asked |= {*Question.objects.filter(skips__annotator=annotator).values_list("pk", flat=True)}

    later = questions(hand_out(collection, annotator, 6))

    assert len(asked) == 3
    assert len(later) == len({*later}) == 3
    assert not asked & {*later}


def test_a_place_on_a_started_question_is_taken_once(collection):
    say(collection, "cat", *[""] * 5)
    started = collection.questions.get(gain__isnull=False)

    holders = [questions(hand_out(collection))[0] for _ in range(3)]

    # Three votes are wanted and one is cast.
    assert holders.count(started.pk) == 2
    started.refresh_from_db()
    assert started.open_places == 0


def test_whoever_was_asked_all_that_is_looked_at_goes_on_along_the_walk(monkeypatch, collection):
    monkeypatch.setattr("labeling.models.lending.BEST", 2)
    annotator = make_user()
    for lease in hand_out(collection, annotator, 4):
        lease.cast(collection.ordered_classes()[0])

    assert {*questions(hand_out(collection, annotator, 6))}.isdisjoint(by_gain(collection))
    assert Lease.objects.filter(annotator=annotator).count() == 2


def test_a_started_question_leaves_the_walk_where_it_was(collection):
    annotator = make_user()
    say(collection, "cat", "dog", *[""] * 4)

    hand_out(collection, annotator, 2)

    assert Walk.objects.get(collection=collection, annotator=annotator).position == Walk.START


@pytest.mark.parametrize("n_started", [1, 3 * BEST])
def test_the_queries_are_the_same_for_few_and_for_many_started_ones(n_started):
    collection = make_collection(n_questions=3 * BEST + 5, gold_share=0)
    for lease in hand_out(collection, count=n_started):
        lease.cast(None)
    annotator = make_user()
    hand_out(collection, annotator)[0].cast(None)

    with CaptureQueriesContext(connection) as queries:
        assert hand_out(collection, annotator)

    assert len(queries) <= 10


def test_without_a_started_question_none_is_looked_for(collection):
    annotator = make_user()
    hand_out(collection, annotator)
    Lease.objects.all().release()

    with CaptureQueriesContext(connection) as queries:
        hand_out(collection, annotator)

    assert not [each for each in queries if "best.gain" in each["sql"]]


def test_a_withdrawn_picture_is_not_lent_however_much_a_vote_would_tell(collection):
    say(collection, "cat", *[""] * 5)
    collection.questions.get(gain__isnull=False).image.withdraw()

    lent = hand_out(collection, count=6)

    assert len(lent) == 5


def test_a_decided_question_has_no_gain_and_one_that_is_asked_on_has(collection):
    say(collection, *["cat"] * 5, None)
    say(collection, *["cat"] * 5, None)
    assert collection.questions.filter(gain__gt=0, state="open").count() == 6

    say(collection, *["cat"] * 5, None)

    assert set(collection.questions.values_list("state", "gain").exclude(state="open")) == {("settled", None)}
    assert collection.questions.filter(gain__gt=0).count() == 1


def test_a_refit_gives_what_is_asked_on_the_gain_that_its_next_vote_would(collection):
    for names in (["cat", "dog", "cat", "cat", "fox", None], ["cat", "cat", "dog", "cat", "fox", None]):
        say(collection, *names)
    aggregation.refit(collection)
    by_refit = dict(collection.questions.values_list("pk", "gain"))
    collection.refresh_from_db()

    asked = list(collection.questions.filter(state="open"))
    Vote.objects.decide(asked, lambda question: Choices.now(collection))

    assert len(asked) == 6
    assert {each.pk: each.gain for each in asked} == pytest.approx(by_refit)


def test_a_grid_has_the_disputed_pictures_of_its_noun_first():
    collection = make_verifying(6, min_votes=3, max_votes=9)
    for answers in (["present"] * 6, ["present"] * 5 + ["absent"]):
        grid = Lease.objects.hand_out_grid(collection, make_user())
        for lease, answer in zip(
            sorted(grid.leases, key=lambda lease: lease.question_id), answers, strict=False
        ):
            lease.answer(answer)
    disputed = collection.questions.exclude(gain=None).order_by("-gain").first()

    grid = Lease.objects.hand_out_grid(collection, make_user(), count=1)

    assert questions(grid.leases) == [disputed.pk]
