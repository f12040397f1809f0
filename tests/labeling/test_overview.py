from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling import overview
from labeling.models import Question, Skill, Vote
from labeling.overview import report
from taxonomy import ledger
from tests.factories import make_collection, make_settled_collection, make_user

pytestmark = pytest.mark.django_db


def add_votes(collection, *said, questions=None):
    """Cast a vote for each of `said` (None: cannot tell) on each question, every one by another annotator."""
    nouns = {synset.name: synset for synset in collection.ordered_classes()} | {None: None}
    number = Vote.objects.count()
    for question in questions if questions is not None else collection.questions.order_by("pk"):
        for name in said:
            number += 1
            Vote.objects.create(
                question=question,
                annotator=make_user(),
                synset=nouns[name],
                answer="present" if name else "cannot_tell",
                taxonomy_version=1,
                lease_number=number,
            )
        Question.objects.filter(pk=question.pk).update(n_votes=len(said))


def of(collection, place):
    return collection.questions.order_by("pk")[place : place + 1]


# --- Pace -------------------------------------------------------------------------------------------------


def test_votes_are_counted_by_the_day_on_which_they_were_cast():
    collection = make_collection(n_questions=2)
    add_votes(collection, "cat", "dog", None)
    Vote.objects.filter(question=of(collection, 0)[0]).update(cast_at=timezone.now() - timedelta(days=2))

    found = report(collection).pace

    assert len(found.days) == 30
    assert [n for _day, n in found.days][-3:] == [3, 0, 3]
    assert (found.most, found.n_last_day) == (3, 3)


def test_imported_votes_and_those_of_long_ago_are_not_todays_work():
    collection = make_collection(n_questions=2)
    add_votes(collection, "cat")
    Vote.objects.filter(question=of(collection, 0)[0]).update(lease_number=None)
    Vote.objects.filter(question=of(collection, 1)[0]).update(cast_at=timezone.now() - timedelta(days=31))

    assert report(collection).pace.most == 0


def test_a_collection_without_votes_has_no_forecast():
    found = report(make_collection(n_questions=2)).pace

    assert (found.days_left, found.ends_at) == (None, None)


def test_the_end_is_foretold_from_todays_rate():
    collection = make_settled_collection(n_questions=30)
    add_votes(collection, "cat", "cat")
    waiting = collection.questions.order_by("pk")[20:].values("pk")
    Question.objects.filter(pk__in=list(waiting.values_list("pk", flat=True))).update(
        state="waiting", n_votes=0, label=None, confidence=None
    )

    found = report(collection).pace

    # Ten are left at two votes each; 60 were cast in the last day.
    assert found.days_left == pytest.approx(20 / 60)
    assert found.ends_at > timezone.now()


# --- Agreement --------------------------------------------------------------------------------------------


def test_agreement_is_computed_from_every_vote_on_pictures_with_two():
    collection = make_collection(n_questions=4)
    add_votes(collection, "cat", "cat", None, questions=of(collection, 0))
    add_votes(collection, "dog", "dog", questions=of(collection, 1))
    add_votes(collection, "dog", "cat", questions=of(collection, 2))
    add_votes(collection, "dog", questions=of(collection, 3))

    found = report(collection).agreement

    # n = 6, three of each; one of three pairs differs: 1 - 5 * 2 / (36 - 18).
    assert found.alpha == pytest.approx(1 - 10 / 18)
    assert (found.n_sampled, found.is_sample) == (3, False)


def test_agreement_in_a_large_collection_is_that_of_a_sample(monkeypatch):
    monkeypatch.setattr(overview, "SAMPLE", 2)
    collection = make_collection(n_questions=3)
    add_votes(collection, "cat", "cat")

    found = report(collection).agreement

    assert (found.n_sampled, found.is_sample) == (2, True)


def test_votes_and_labels_are_measured_by_known_answers():
    collection = make_settled_collection(n_questions=4)  # half of them cats
    cat, _dog = collection.ordered_classes()
    collection.questions.update(truth=cat)
    add_votes(collection, "cat", "cat", "dog", None)

    found = report(collection).agreement

    assert (found.label_accuracy, found.n_known) == (0.5, 4)
    assert (found.vote_accuracy, found.n_known_votes) == (pytest.approx(2 / 3), 12)


def test_without_known_answers_nothing_is_measured_by_them():
    found = report(make_settled_collection(n_questions=2)).agreement

    assert (found.label_accuracy, found.vote_accuracy, found.alpha) == (None, None, None)


# --- Where people do not agree ----------------------------------------------------------------------------


def test_the_hardest_pictures_come_first_with_what_was_said_of_them():
    collection = make_settled_collection(n_questions=6)
    cat, _dog = collection.ordered_classes()
    collection.questions.update(label=cat)
    hardest = collection.questions.filter(image__split="train").last()
    add_votes(collection, "cat", "dog", "dog", None, questions=[hardest])
    add_votes(collection, "cat", "cat", "dog", questions=collection.questions.exclude(pk=hardest.pk))

    found = report(collection).hardest

    assert found[0].question == hardest
    assert [(noun and noun.name, n, percent) for noun, n, percent in found[0].said] == [
        ("dog", 2, 50),
        ("cat", 1, 25),
        (None, 1, 25),
    ]


def test_where_everybody_says_what_the_label_is_no_picture_is_hard():
    collection = make_settled_collection(n_questions=6)
    cat, _dog = collection.ordered_classes()
    collection.questions.update(label=cat)

    add_votes(collection, "cat", "cat")

    assert report(collection).hardest == []


def test_no_test_picture_is_shown_with_its_label():
    collection = make_settled_collection(n_questions=10)
    add_votes(collection, "cat", "dog")

    found = report(collection).hardest

    assert {hard.question.image.split for hard in found} == {"train"}
    assert len(found) == 6


def test_confused_pairs_are_votes_that_the_label_gainsays():
    collection = make_settled_collection(n_questions=10)
    cat, dog = collection.ordered_classes()
    collection.questions.update(label=cat)
    add_votes(collection, "cat", "cat", "cat", "dog")

    [pair] = report(collection).confusions

    assert (pair.label, pair.said, pair.n, pair.share) == (cat, dog, 10, 0.25)


def test_votes_for_a_merged_noun_count_as_what_it_is_now():
    collection = make_settled_collection(n_questions=4, names=("cat", "dog", "hound"))
    cat, dog, hound = collection.ordered_classes()
    collection.questions.update(label=dog, truth=dog)
    add_votes(collection, "hound", "dog", "cat")
    ledger.make("merge", {"synset": hound.wnid, "target": dog.wnid}, author=None, reason="a test")

    found = report(collection)

    assert [(pair.label, pair.said, pair.n) for pair in found.confusions] == [(dog, cat, 4)]
    assert found.agreement.vote_accuracy == pytest.approx(2 / 3)


# --- Annotators -------------------------------------------------------------------------------------------


def test_annotators_are_shown_by_skill_with_how_sure_we_are_of_it():
    collection = make_collection(n_questions=1)
    add_votes(collection, "cat")
    sure, new = Vote.objects.get().annotator, make_user()
    Skill.objects.create(collection=collection, annotator=new, right=8.5, wrong=1.5)
    Skill.objects.create(collection=collection, annotator=sure, right=95, wrong=5)

    found = overview.known_voters(collection, overview.by_skill(collection))

    first, second = found.voters
    assert (first.skill.annotator, first.n_votes) == (sure, 1)
    assert (second.skill.annotator, second.n_votes) == (new, 0)
    assert 0.88 < first.low < 0.95 < first.high < 0.99
    assert second.high - second.low > first.high - first.low
    assert 0 <= found.axis_min < second.low
    assert all(0 <= low < mean < high <= 1000 for low, mean, high in (first.drawn, second.drawn))


# --- Cost -------------------------------------------------------------------------------------------------


def test_a_report_takes_as_many_queries_for_many_pictures():
    def n_queries(n_questions):
        collection = make_settled_collection(n_questions=n_questions)
        add_votes(collection, "cat", "dog", None)
        with CaptureQueriesContext(connection) as queries:
            report(collection)
        return len(queries)

    assert n_queries(10) == n_queries(40)


def test_no_query_brings_votes_one_by_one():
    collection = make_settled_collection(n_questions=40)
    add_votes(collection, "cat", "dog", None)

    with CaptureQueriesContext(connection) as queries:
        report(collection)

    of_votes = [query["sql"] for query in queries if "labeling_vote" in query["sql"]]
    assert of_votes
    assert all("COUNT(" in sql for sql in of_votes)
