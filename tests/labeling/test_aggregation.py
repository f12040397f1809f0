import numpy as np
import pytest
from django.db import connection

from labeling import aggregation, consensus
from labeling.models import ClassesChangedError, ConsensusFit, Question, Skill, Vote
from tests.factories import make_collection, make_user, make_vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection(n_questions=4, min_votes=1, max_votes=4, target_confidence=0.9)


def agree(collection, n_annotators: int = 3) -> None:
    """Let some annotators name every picture a cat, whatever the policy says by then."""
    cat = collection.ordered_classes()[0]
    for annotator in [make_user() for _ in range(n_annotators)]:
        for number, question in enumerate(collection.questions.all()):
            Vote.objects.create(
                question=question,
                annotator=annotator,
                synset=cat,
                answer="present",
                taxonomy_version=1,
                lease_number=annotator.pk * 100 + number,
            )
    collection.questions.update(n_votes=n_annotators, state="open")


def test_votes_become_arrays_and_their_keys(collection):
    cat, dog = collection.ordered_classes()
    first, second = make_vote(collection, dog), make_vote(collection, cat)
    unsure = make_vote(collection, None)

    votes, keys, counts = Vote.objects.as_arrays(collection, [s.pk for s in collection.ordered_classes()], {})

    assert keys.classes == [cat.pk, dog.pk]
    assert sorted(keys.annotators) == sorted(v.annotator_id for v in (first, second, unsure))
    said = {
        (keys.questions[i], keys.annotators[a], keys.classes[c])
        for i, a, c in zip(votes.item, votes.annotator, votes.label, strict=True)
    }
    assert said == {(v.question_id, v.annotator_id, v.synset_id) for v in (first, second)}
    assert dict(zip(keys.questions, counts.votes, strict=True))[unsure.question_id] >= 1


def test_a_collection_without_votes_has_empty_arrays(collection):
    votes, keys, counts = Vote.objects.as_arrays(collection, [s.pk for s in collection.ordered_classes()], {})

    assert (len(votes), list(keys.questions), len(counts.votes)) == (0, [], 0)


def test_a_refit_settles_what_is_agreed_on(collection):
    agree(collection)

    report = aggregation.refit(collection)

    assert report.n_settled == 4
    assert report.n_votes == 12
    assert set(collection.questions.values_list("label__name", "state")) == {("cat", "settled")}


def test_a_refit_learns_who_is_reliable(collection):
    agree(collection, n_annotators=4)
    dog = collection.ordered_classes()[1]
    contrary = make_user()
    for question in collection.questions.all():
        Vote.objects.create(
            question=question,
            annotator=contrary,
            synset=dog,
            answer="present",
            taxonomy_version=1,
            lease_number=question.pk,
        )
    collection.questions.update(n_votes=5)

    aggregation.refit(collection)

    means = {skill.annotator_id: skill.mean for skill in Skill.objects.all()}
    assert means.pop(contrary.pk) < 0.5 < min(means.values())


def test_a_refit_opens_a_settled_question_that_no_longer_stands(collection):
    cat, dog = collection.ordered_classes()
    make_vote(collection, cat)
    vote = Vote.objects.get()
    Question.objects.filter(pk=vote.question_id).update(
        state="settled", label=dog, confidence=0.99, open_places=0
    )
    collection.target_confidence = 0.95
    collection.save()

    aggregation.refit(collection)

    question = Question.objects.get(pk=vote.question_id)
    assert (question.state, question.open_places, question.label) == ("open", 1, cat)


def make_fit(collection):
    wnids = [synset.wnid for synset in collection.ordered_classes()]
    return ConsensusFit.objects.create(
        collection=collection, classes=wnids, parameters={}, n_votes=1, log_likelihood=0, taxonomy_version=1
    )


def test_a_refit_writes_nothing_once_a_change_of_the_taxonomy_gave_the_collection_other_classes(collection):
    fit, question = make_fit(collection), collection.questions.first()
    cat, _dog = collection.ordered_classes()
    collection.set_classes([cat])

    with pytest.raises(ClassesChangedError, match="gave it others"):
        Question.objects.record_consensus([(question.pk, 0, cat.pk, 0.99, "settled", None, None)], fit)

    question.refresh_from_db()
    assert question.label is None


def test_a_refit_that_a_change_of_the_taxonomy_overtakes_begins_again(collection, monkeypatch):
    agree(collection)
    cat, _dog = collection.ordered_classes()
    fit = consensus.fit

    def overtaken(*args, **kwargs):
        monkeypatch.setattr(consensus, "fit", fit)
        collection.set_classes([cat])
        return fit(*args, **kwargs)

    monkeypatch.setattr(consensus, "fit", overtaken)
    aggregation.refit(collection)

    assert collection.fits.latest().classes == [cat.wnid]
    assert collection.questions.settled().count() == 4


def test_a_refit_leaves_a_question_that_got_a_vote_meanwhile(collection):
    agree(collection)
    voted = collection.questions.first()
    fit = make_fit(collection)
    cat = collection.ordered_classes()[0]

    Question.objects.record_consensus([(voted.pk, 2, cat.pk, 0.99, "settled", None, None)], fit)
    assert Question.objects.get(pk=voted.pk).state == "open"
    Question.objects.record_consensus([(voted.pk, 3, cat.pk, 0.99, "settled", None, None)], fit)

    assert Question.objects.get(pk=voted.pk).state == "settled"


def test_a_question_keeps_its_open_places_when_a_refit_leaves_it_open(collection):
    cat = collection.ordered_classes()[0]
    make_vote(collection, cat)
    Question.objects.filter(n_votes=1).update(state="open", open_places=3)
    collection.target_confidence = 0.99
    collection.save()

    aggregation.refit(collection)

    assert Question.objects.get(n_votes=1).open_places == 3


def test_refitting_again_finds_the_same(collection):
    agree(collection)
    aggregation.refit(collection)
    before = list(collection.questions.order_by("pk").values_list("label", "confidence", "state"))

    aggregation.refit(collection)

    assert list(collection.questions.order_by("pk").values_list("label", "confidence", "state")) == before


def test_the_next_vote_is_weighed_by_what_the_refit_learnt(collection):
    agree(collection)
    aggregation.refit(collection)
    skilled = Skill.objects.first().annotator
    more = make_collection(n_questions=1, min_votes=1)
    Skill.objects.create(collection=more, annotator=skilled, right=99, wrong=1)
    cat = more.ordered_classes()[0]

    make_vote(more, cat, skilled)

    assert more.questions.get().confidence == pytest.approx(0.99)


def test_accuracies_are_over_known_answers(collection):
    agree(collection)
    cat, dog = collection.ordered_classes()
    pks = list(collection.questions.values_list("pk", flat=True))
    Question.objects.filter(pk__in=pks[:3]).update(truth=cat)
    Question.objects.filter(pk=pks[3]).update(truth=dog)

    report = aggregation.refit(collection)

    assert (report.accuracy, report.majority_accuracy, report.n_known) == (0.75, 0.75, 4)


def test_a_collection_without_votes_is_refitted_without_harm(collection):
    report = aggregation.refit(collection)

    assert (report.n_votes, report.n_questions, report.accuracy) == (0, 0, None)
    assert np.isfinite(ConsensusFit.objects.get().log_likelihood)


def test_a_refit_gives_up_a_question_that_had_the_most_votes(collection):
    for _ in range(3):
        make_vote(collection, None)
    voted = collection.questions.filter(n_votes__gt=0)
    n_votes = voted.first().n_votes
    assert voted.first().state == "open"
    collection.max_votes = n_votes
    collection.save()

    aggregation.refit(collection)

    assert set(voted.values_list("state", "open_places")) == {("undecided", 0)}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes a row where it is")
def test_a_page_of_questions_has_room_for_what_a_refit_writes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'labeling_question'")
        [(options,)] = cursor.fetchall()

    assert options == ["fillfactor=50"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite compiles no statement")
def test_no_statement_is_compiled_before_it_finds_a_row():
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        [(jit,)] = cursor.fetchall()

    assert jit == "off"
