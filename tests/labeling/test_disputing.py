"""Labels that a network disputes come back as ordinary questions, once, and people decide."""

import pytest

from labeling import aggregation, disputing, foretelling, reopening
from labeling.consensus import Parameters
from labeling.explaining import explain, questions_of
from labeling.models import (
    Collection,
    ConsensusFit,
    Dispute,
    Image,
    Lease,
    Network,
    Prediction,
    Question,
    Vote,
)
from labeling.prediction_files import Saying
from tests.factories import make_synset, make_user
from tests.labeling.foretold import in_turns, make_voted, of_part, say
from tests.labeling.test_following import commit
from tests.labeling.trees import make_menagerie, noun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_at_once(monkeypatch):
    monkeypatch.setattr(disputing, "MOST_SHARE", 0.5)


@pytest.fixture
def collection():
    """A hundred settled pictures. A reliable network takes three for something else: two of the training part and one
    of the test part.
    """
    collection = make_voted(100, target_confidence=0.9)
    say(collection, wrong=[*of_part(collection, "train")[:2], of_part(collection, "test")[0]], sure=0.999)
    return collection


def refit(collection):
    aggregation.refit(Collection.objects.get(pk=collection.pk))


def disputed(collection):
    return [
        dispute.question for dispute in Dispute.objects.filter(question__collection=collection).order_by("pk")
    ]


def answer(collection, place):
    """Have somebody new name the picture that is open."""
    [lease] = Lease.objects.hand_out(Collection.objects.get(pk=collection.pk), make_user(), 1)
    lease.cast(collection.ordered_classes()[place])
    return Question.objects.get(pk=lease.question_id)


def findings(collection):
    return {finding: n for finding, n in Dispute.objects.all().findings().items() if n}


def test_a_refit_asks_one_more_person_where_a_sure_network_says_otherwise(collection):
    refit(collection)

    questions = disputed(collection)
    assert {question.pk for question in questions} == {q.pk for q in of_part(collection, "train")[:2]}
    assert {(q.state, q.open_places, q.n_votes) for q in questions} == {("open", 1, 3)}
    assert collection.questions.settled().count() == 98


def test_what_is_disputed_is_written_down(collection):
    refit(collection)

    dispute = Dispute.objects.get(question=of_part(collection, "train")[0])
    cat, dog = collection.ordered_classes()
    assert (dispute.label, dispute.claim, dispute.n_votes, dispute.finding) == (cat, dog, 3, "open")
    assert 0.9 <= dispute.probability < 0.999  # less than it says: it was wrong before


def test_the_test_part_is_left_alone_for_contests_stand_on_it(collection):
    refit(collection)

    assert of_part(collection, "test")[0].state == "settled"


def test_gold_is_left_alone(collection):
    first = of_part(collection, "train")[0]
    Question.objects.filter(pk=first.pk).update(is_gold=True, truth=collection.ordered_classes()[0])

    refit(collection)

    assert [question.pk for question in disputed(collection)] == [of_part(collection, "train")[1].pk]


def test_a_withdrawn_picture_is_left_alone(collection):
    Image.objects.get(pk=of_part(collection, "train")[0].image_id).withdraw()

    refit(collection)

    assert [question.pk for question in disputed(collection)] == [of_part(collection, "train")[1].pk]


def test_a_network_that_is_not_sure_disputes_nothing():
    collection = make_voted(100, target_confidence=0.9)
    unsure = of_part(collection, "train")[:2]
    say(collection)
    say(collection, wrong=unsure, of=unsure, sure=0.6)

    refit(collection)

    assert disputed(collection) == []


def test_a_network_that_is_often_wrong_disputes_nothing_however_sure_it_says_it_is():
    collection = make_voted(100, target_confidence=0.9)
    say(collection, wrong=in_turns(collection)[:30], sure=0.999)

    refit(collection)

    assert disputed(collection) == []


def test_a_network_that_has_learnt_a_label_and_disputes_it_all_the_same_is_heard():
    collection = make_voted(100, target_confidence=0.9)
    training = of_part(collection, "train")
    say(collection, sure=0.999)
    say(collection, wrong=training[:1], learnt=True, of=training, sure=0.999)

    refit(collection)

    assert [question.pk for question in disputed(collection)] == [training[0].pk]


def test_only_a_share_is_asked_again_at_a_time(collection, monkeypatch):
    monkeypatch.setattr(disputing, "MOST_SHARE", 0.01)

    refit(collection)
    refit(collection)

    assert len(disputed(collection)) == 1
    answer(collection, *turns(collection))
    refit(collection)
    assert len(disputed(collection)) == 2


def test_the_surest_come_first(collection, monkeypatch):
    monkeypatch.setattr(disputing, "MOST_SHARE", 0.01)
    first, second = of_part(collection, "train")[:2]
    unsure = Vote.objects.filter(question=second)[0]  # one vote less for what the network disputes
    Vote.objects.filter(pk=unsure.pk).update(synset=None, answer="cannot_tell")

    refit(collection)

    assert [question.pk for question in disputed(collection)] == [second.pk]
    assert Question.objects.get(pk=first.pk).state == "settled"


# What people then say decides


def test_one_more_vote_for_the_label_upholds_it(collection):
    refit(collection)

    for question in [answer(collection, place) for place in turns(collection)]:
        assert (question.state, question.n_votes) == ("settled", 4)
    assert findings(collection) == {"upheld": 2}


def turns(collection):
    """What the two disputed pictures are, in the order in which they are lent."""
    place = {question.pk: i % 2 for i, question in enumerate(in_turns(collection))}
    opened = collection.questions.open().order_by("position")
    return [place[question.pk] for question in opened]


def test_votes_for_the_networks_class_change_it(collection):
    Collection.objects.update(min_votes=1)
    question = of_part(collection, "train")[0]
    most = Vote.objects.filter(question=question)[1:]  # so that one vote stands against those to come
    Vote.objects.filter(pk__in=[vote.pk for vote in most]).delete()
    Question.objects.filter(pk=question.pk).update(n_votes=1)
    refit(collection)
    Collection.objects.update(target_confidence=0.9999)
    dispute, other = Dispute.objects.order_by("question")
    Question.objects.filter(pk=other.question_id).update(open_places=0)  # so that it is not lent

    while collection.questions.open().filter(pk=dispute.question_id).exists():
        answer(collection, collection.ordered_classes().index(dispute.claim))

    dispute = Dispute.objects.get(pk=dispute.pk)
    assert dispute.question.label == dispute.claim
    assert dispute.finding == "changed"
    assert findings(collection) == {"changed": 1, "open": 1}


def test_who_cannot_decide_gives_it_up(collection):
    refit(collection)
    asked = Question.objects.filter(pk__in=Dispute.objects.values("question"))
    asked.update(state="undecided", open_places=0, n_votes=9)

    assert findings(collection) == {"undecided": 2}


def test_a_network_disputes_a_label_once(collection):
    refit(collection)
    for place in turns(collection):
        answer(collection, place)

    refit(collection)

    assert Dispute.objects.count() == 2
    assert not collection.questions.open().exists()


def test_another_network_may_dispute_it_again(collection):
    refit(collection)
    for place in turns(collection):
        answer(collection, place)
    say(collection, name="another", wrong=of_part(collection, "train")[:2], sure=0.9999)

    refit(collection)

    assert Dispute.objects.count() == 4


# Until somebody answers


def test_a_refit_leaves_it_to_whoever_is_asked(collection):
    refit(collection)
    held = Lease.objects.hand_out(Collection.objects.get(pk=collection.pk), make_user(), 1)

    refit(collection)

    assert collection.questions.open().count() == 2
    assert Question.objects.get(pk=held[0].question_id).open_places == 0


def test_a_vote_that_is_taken_back_leaves_it_open(collection):
    refit(collection)
    annotator = make_user()
    [lease] = Lease.objects.hand_out(Collection.objects.get(pk=collection.pk), annotator, 1)
    lease.cast(collection.ordered_classes()[0])
    again = Lease.objects.take_back(annotator, lease.pk)
    Lease.objects.filter(pk=again.pk).release()

    refit(collection)

    question = Question.objects.get(pk=again.question_id)
    assert (question.state, question.open_places) == ("open", 1)
    assert Dispute.objects.count() == 2


def test_what_was_voted_on_meanwhile_is_not_asked_again(collection, monkeypatch):
    suspects = disputing._suspects

    def slow(*arguments):
        found = list(suspects(*arguments))
        Question.objects.filter(pk=found[0].question).update(n_votes=4)
        return found

    monkeypatch.setattr(disputing, "_suspects", slow)

    refit(collection)

    assert len(disputed(collection)) == 1


# Nouns


def test_an_inner_noun_is_not_disputed_by_a_class_below_it():
    collection = make_menagerie(2)
    dog, cat = collection.questions.select_related("image")
    for question in (dog, cat):
        Question.objects.filter(pk=question.pk).update(state="settled", label=noun("dog"), confidence=0.99)
        said = {"husky": 1.0} if question == dog else {"cat": 1.0}
        foretelling.take_in(collection, "run 7", [Saying("", question.image.sha256, said)])
    trust(collection)

    assert disputing.ask_again(collection) == 1

    assert [question.pk for question in disputed(collection)] == [cat.pk]


def trust(collection):
    """Keep a fit in which the network was measured and found good."""
    classes = collection.fitted_names(collection.judged_classes())
    parameters = Parameters.start(len(classes)).to_json() | {"network": [1.0, 0.02]}
    ConsensusFit.objects.keep(
        collection,
        classes=classes,
        parameters=parameters,
        n_votes=0,
        log_likelihood=0,
        network=Network.objects.of(collection).first(),
    )


def test_a_label_whose_noun_was_merged_is_upheld_under_its_new_noun():
    collection = make_menagerie(1)
    [question] = collection.questions.select_related("image")
    Question.objects.filter(pk=question.pk).update(
        state="settled", label=noun("corgi"), confidence=0.99, n_votes=3
    )
    foretelling.take_in(collection, "run 7", [Saying("", question.image.sha256, {"cat": 1})])
    trust(collection)
    disputing.ask_again(collection)
    commit("merge", synset=noun("corgi").wnid, target=noun("husky").wnid)
    Question.objects.filter(pk=question.pk).update(
        state="settled", label=noun("husky"), n_votes=4, open_places=0
    )

    assert findings(collection) == {"upheld": 1}
    assert Dispute.objects.get().finding == "upheld"
    assert Prediction.objects.count() == 1


def test_the_page_that_says_why_tells_that_it_is_disputed_until_somebody_answers(collection):
    refit(collection)

    def told(question):
        found = questions_of(Collection.objects.get(pk=collection.pk)).get(pk=question.pk)
        return explain(found)

    question = disputed(collection)[0]
    assert told(question).is_disputed
    assert [each.finding for each in told(question).disputes] == ["open"]
    for place in turns(collection):
        answer(collection, place)
    assert not told(question).is_disputed
    assert told(question).agrees


def test_what_settles_as_before_though_nobody_since_has_said_it_is_asked_once_more(collection):
    refit(collection)
    upheld, contradicted = [
        answer(collection, place) for place in (turns(collection)[0], 1 - turns(collection)[1])
    ]
    assert {upheld.state, contradicted.state} == {"settled"}

    refit(collection)

    assert [each.pk for each in collection.questions.open()] == [contradicted.pk]
    answer(collection, turns(collection)[0])
    refit(collection)
    assert not collection.questions.open().exists()
    assert findings(collection) == {"upheld": 2}


def test_nobody_is_asked_beyond_the_most_votes(collection):
    refit(collection)
    for place in turns(collection):
        answer(collection, 1 - place)
    Collection.objects.update(max_votes=4)

    refit(collection)

    assert not collection.questions.open().exists()


def test_another_policy_leaves_it_to_whoever_is_asked(collection):
    refit(collection)
    Collection.objects.update(target_confidence=0.8)

    changed = Collection.objects.get(pk=collection.pk)
    assert not reopening.foretell(changed, changed.policy)
    reopening.follow(changed)

    assert collection.questions.open().count() == 2


def test_what_a_change_of_the_nouns_settles_meanwhile_is_asked_once_more(collection):
    refit(collection)
    cat, _dog = collection.ordered_classes()
    kitty = make_synset("kitty", collection.root)
    commit("merge", synset=cat.wnid, target=kitty.wnid)
    for dispute in Dispute.objects.all():
        label = kitty if dispute.label == cat else dispute.label
        settled = Question.objects.filter(pk=dispute.question_id)
        settled.update(state="settled", label=label, open_places=0)

    refit(collection)

    assert collection.questions.open().count() == 2
    assert findings(collection) == {"open": 2}
