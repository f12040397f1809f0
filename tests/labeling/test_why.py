"""Why a question is decided as it is: what is found out from its rows."""

import math

import numpy as np
import pytest

from labeling import aggregation, foretelling
from labeling.consensus import Parameters
from labeling.explaining import explain, questions_of
from labeling.models import SKIP, Answer, Collection, ConsensusFit, Lease, Network, Question, Skill, Vote
from labeling.models.choices import forget_kept
from labeling.parameters import pack
from labeling.prediction_files import Saying
from labeling.why import Because
from tests.factories import make_collection, make_synset, make_user
from tests.labeling.test_following import commit
from tests.labeling.trees import make_menagerie, noun, vote

pytestmark = pytest.mark.django_db


def why(question):
    """Tell why, as of what is in the database."""
    collection = Collection.objects.get(pk=question.collection_id)
    return explain(questions_of(collection).get(pk=question.pk))


def votes(collection, *names):
    """Have different people say these nouns of one picture; return it."""
    question = None
    for name in names:
        question = vote(collection, name)
    return question


def cast(collection, kind, annotator=None):
    [lease] = Lease.objects.hand_out(collection, annotator or make_user(), 1)
    [outcome] = Lease.objects.cast(lease.annotator, [Answer(lease.pk, "", kind)])
    assert outcome.refusal is None
    return Question.objects.get(pk=lease.question_id)


def parts(*names):
    return [{"name": name, "gloss": ""} for name in names]


def side(told):
    return told.weighing.side.words


# What each vote did


def test_each_vote_is_told_in_its_order_with_what_it_did():
    told = why(votes(make_menagerie(max_votes=9), "husky", "cat", "husky"))

    # Newcomers are right 85 times in 100, and say each of three others 5 times: a vote multiplies by 17.
    assert [each.said for each in told.votes] == ["husky", "cat", "husky"]
    assert (side(told), told.weighing.rival.words) == ("husky", "cat")
    assert [math.exp(each.weight.log_odds) for each in told.votes] == pytest.approx([17, 1 / 17, 17])
    assert [each.times_words for each in told.votes] == ["17", "17", "17"]
    assert [each.decibans_words for each in told.votes] == ["+12.3", "−12.3", "+12.3"]
    assert told.weighing.prior == pytest.approx(1 / 4)
    # 17 : 1 : 1 : 1, then 17 : 17 : 1 : 1, then 289 : 17 : 1 : 1.
    assert [each.belief for each in told.votes] == pytest.approx([17 / 20, 17 / 36, 289 / 308])


def test_belief_is_drawn_for_what_is_likeliest():
    drawn = why(votes(make_menagerie(max_votes=9), "husky", "cat", "husky")).weighing.drawn

    assert [each.side.words for each in drawn[:2]] == ["husky", "cat"]
    assert len(drawn) == 3
    assert [len(each.shares) for each in drawn] == [4, 4, 4]
    assert all(each.points.startswith("0.0,150.0 150.0,150.0") for each in drawn)


def test_who_is_known_to_be_right_weighs_more_than_a_newcomer():
    collection = make_menagerie(max_votes=9)
    known = make_user()
    Skill.objects.create(collection=collection, annotator=known, right=99, wrong=1)
    vote(collection, "husky", known)

    told = why(vote(collection, "husky"))

    assert [each.trust.mean for each in told.votes] == pytest.approx([0.99, 0.85])
    assert [each.trust.is_measured for each in told.votes] == [True, False]
    assert told.votes[0].trust.low < 0.99 < told.votes[0].trust.high
    assert told.votes[0].trust.low > told.votes[1].trust.low
    # 0.99 against a third of 0.01.
    assert told.votes[0].weight.times == pytest.approx(297)


def test_a_vote_that_cannot_tell_did_nothing():
    told = why(votes(make_menagerie(max_votes=9), "husky", None))

    assert [each.is_told for each in told.votes] == [True, False]
    assert told.votes[1].weight.log_odds == 0
    assert told.votes[0].belief == told.votes[1].belief
    assert (told.n_telling, told.votes[1].said) == (1, "cannot tell")


# What they lead to, and why


def test_a_class_is_settled_once_it_is_sure():
    told = why(votes(make_menagerie(), "husky", "husky"))

    assert (told.because, told.agrees) == (Because.SURE, True)
    assert told.by_votes.confidence == pytest.approx(told.stands.confidence)
    assert (told.stands.words, told.stands.is_inner) == ("husky", False)


def test_what_is_open_is_so_for_lack_of_votes_or_of_sureness():
    assert why(votes(make_menagerie(), "husky")).because == Because.TOO_FEW
    unsure = why(votes(make_menagerie(max_votes=9), "husky", "cat"))
    assert (unsure.because, unsure.agrees) == (Because.UNSURE, True)


def test_a_picture_that_nobody_answered_has_nothing_to_tell():
    told = why(make_menagerie().questions.get())

    assert (told.because, told.by_votes, told.votes) == (Because.NO_VOTES, None, [])
    assert not told.agrees


def test_votes_that_go_apart_for_good_are_given_up():
    told = why(votes(make_menagerie(max_votes=4), "husky", "cat", "cat", "husky"))

    assert (told.stands.state, told.because) == ("undecided", Because.MOST_VOTES)


def test_most_say_that_it_shows_none_of_the_nouns():
    collection = make_menagerie()
    cast(collection, Vote.Answer.NONE_OF_THESE)

    told = why(cast(collection, Vote.Answer.NONE_OF_THESE))

    assert (told.stands.state, told.because, told.n_none) == ("undecided", Because.NONE_OF_THESE, 2)


def test_an_inner_noun_that_all_say_is_the_label():
    told = why(votes(make_menagerie(), "dog", "dog"))

    assert (told.because, told.agrees, told.stands.is_inner) == (Because.ALL_SAY, True, True)
    assert told.stands.words == "dog, kind undecided"
    assert [each.is_broader for each in told.votes] == [True, True]
    # Husky and corgi together against two others: see test_coarse. 81 to 1 after two votes.
    assert told.votes[-1].belief == pytest.approx(162 / 164)
    assert {kind.side.words: kind.share for kind in told.weighing.kinds} == pytest.approx(
        {"husky": 81 / 164, "corgi": 81 / 164}
    )


def test_what_no_class_is_sure_of_falls_back_on_what_is_above():
    told = why(votes(make_menagerie(max_votes=4), "husky", "corgi", "husky", "corgi"))

    assert (told.because, told.agrees, told.stands.words) == (Because.FELL_BACK, True, "dog, kind undecided")
    assert side(told) == "dog"
    assert [each.side.words for each in told.weighing.drawn[1:]] == ["husky", "corgi"]
    assert sum(kind.share for kind in told.weighing.kinds) == pytest.approx(told.stands.confidence)


def test_a_gold_question_stands_by_its_answer_whatever_its_votes_say():
    collection = make_menagerie()
    question = votes(collection, "husky", "husky")
    cat = noun("cat")
    Question.objects.update(is_gold=True, truth=cat, label=cat, confidence=1, fit=None)

    told = why(question)

    assert (told.stands.words, told.stands.confidence) == ("cat", 1)
    assert (told.by_votes.words, told.agrees, told.because) == ("husky", False, Because.SURE)
    assert side(told) == "cat"
    assert all(each.weight.is_against for each in told.votes)


def test_telling_of_a_question_changes_nothing_of_it():
    collection = make_menagerie()
    question = votes(collection, "husky", "husky")
    Question.objects.update(is_gold=True, truth=noun("cat"), label=noun("cat"), confidence=1)
    row = questions_of(collection).get(pk=question.pk)

    explain(row)

    assert (row.is_gold, row.label, row.state) == (True, noun("cat"), "settled")
    assert Question.objects.get().label == noun("cat")


# The fit


def test_before_the_first_refit_there_is_no_fit():
    told = why(votes(make_menagerie(), "husky", "husky"))

    assert (told.fit, told.is_fitted) == (None, False)


def test_a_refit_made_what_stands_and_says_so_still():
    collection = make_menagerie(n_questions=4, min_votes=4, max_votes=9)
    for names in (("husky", "cat") * 2, ("husky",) * 4, ("husky", "corgi") * 2, ("dog",) * 4):
        leases = Lease.objects.hand_out(collection, make_user(), 4)
        for name, lease in zip(names, leases, strict=True):
            lease.cast(noun(name))

    aggregation.refit(collection)

    for question in Question.objects.all():
        told = why(question)
        assert (told.is_latest_fit, told.is_fitted, told.agrees) == (True, True, True)
        assert told.fit.n_votes == Vote.objects.count()
        assert told.by_votes.confidence == pytest.approx(told.stands.confidence, abs=1e-6)
        assert told.votes[-1].belief == pytest.approx(told.stands.confidence, abs=1e-6)
        assert all(each.trust.is_measured for each in told.votes)


def test_who_cannot_tell_makes_what_the_others_say_less_sure():
    collection = make_menagerie(n_questions=2, min_votes=4, max_votes=9)
    for kinds in (("husky", "husky"), ("husky", "husky"), ("husky", "cannot_tell")):
        annotator = make_user()
        leases = sorted(Lease.objects.hand_out(collection, annotator, 2), key=lambda lease: lease.question_id)
        for kind, lease in zip(kinds, leases, strict=True):
            answer = (
                Answer(lease.pk, "", kind) if kind == "cannot_tell" else Answer(lease.pk, noun(kind).wnid)
            )
            [outcome] = Lease.objects.cast(annotator, [answer])
            assert outcome.refusal is None

    by_votes = [question.confidence for question in Question.objects.order_by("pk")]
    aggregation.refit(collection)

    assert by_votes[1] < by_votes[0]
    for question in Question.objects.all():
        told = why(question)
        assert told.agrees
        assert told.by_votes.confidence == pytest.approx(told.stands.confidence, abs=1e-6)
        assert told.votes[-1].belief == pytest.approx(told.stands.confidence, abs=1e-6)


def test_who_is_known_by_what_they_confuse_is_weighed_by_that():
    collection, own = make_menagerie(), np.full((4, 4), 0.1) + 0.6 * np.eye(4)
    own[1] = [0.65, 0.15, 0.1, 0.1]  # a corgi is a husky to them
    first, second = make_user(), make_user()
    question = vote(collection, "husky", first)
    question = vote(collection, "husky", second)
    aggregation.refit(collection)
    Skill.objects.filter(annotator=first).update(confusion=pack(own))
    forget_kept()

    told = why(question)

    assert [each.trust.has_own for each in told.votes] == [True, False]
    assert (side(told), told.weighing.rival.words) == ("husky", "corgi")
    assert told.votes[0].weight.times == pytest.approx(0.7 / 0.65, rel=1e-6)
    assert told.votes[1].weight.times > 5
    assert told.by_votes.confidence == pytest.approx(told.votes[-1].belief)


def test_what_an_earlier_fit_made_may_not_be_what_todays_says():
    collection = make_menagerie()
    question = votes(collection, "husky", "husky")
    aggregation.refit(collection)
    first = Question.objects.get().fit
    aggregation.refit(collection)
    Question.objects.update(fit=first, label=noun("cat"))

    told = why(question)

    assert (told.fit, told.is_latest_fit, told.agrees) == (first, False, False)
    assert (told.stands.words, told.by_votes.words) == ("cat", "husky")


# Another question, other nouns


def test_a_question_about_one_noun_is_told_as_whether_the_picture_shows_it():
    collection = make_collection(1, kind=Collection.Kind.VERIFY, gold_share=0, target_confidence=0.9)
    cat = collection.ordered_classes()[0]
    for kind in ("absent", "absent"):
        [lease] = Lease.objects.hand_out_grid(collection, make_user(), noun=cat, count=1).leases
        Lease.objects.cast(lease.annotator, [Answer(lease.pk, "", kind)])

    told = why(collection.questions.get(about=cat))

    assert (told.stands.state, told.because, told.agrees) == ("absent", Because.SURE, True)
    assert (side(told), told.weighing.rival.words) == ("not cat", "cat")
    assert [each.said for each in told.votes] == ["not cat"] * 2
    # Right 85 times in 100, wrong 15: 17 to 3 for each.
    assert [each.weight.times for each in told.votes] == pytest.approx([17 / 3] * 2)
    assert told.votes[-1].belief == pytest.approx(told.stands.confidence)
    assert told.stands.words == ""


def test_a_question_whose_noun_is_asked_no_more_weighs_nothing():
    collection = make_collection(1, kind=Collection.Kind.VERIFY, gold_share=0)
    cat = collection.ordered_classes()[0]
    [lease] = Lease.objects.hand_out_grid(collection, make_user(), noun=cat, count=1).leases
    Lease.objects.cast(lease.annotator, [Answer(lease.pk, "", "present")])
    commit("split", synset=cat.wnid, parts=parts("tom", "queen"), is_kept=True)

    told = why(collection.questions.get(about=cat))

    assert (told.weighing, told.because) == (None, Because.ASKED_NO_MORE)
    assert [(each.is_told, each.belief) for each in told.votes] == [(False, None)]


def test_a_vote_for_a_noun_that_was_merged_tells_what_it_counts_as():
    collection = make_menagerie()
    question = votes(collection, "husky", "husky")
    husky, corgi = noun("husky"), noun("corgi")
    commit("merge", synset=husky.wnid, target=corgi.wnid)

    told = why(question)

    assert [(each.said, each.counts_as, each.has_turned) for each in told.votes] == [
        (husky.name, corgi, True)
    ] * 2
    assert (told.stands.words, told.agrees) == ("corgi", True)


def test_a_narrowed_question_counts_its_own_votes_alone():
    collection = make_collection(n_questions=1, min_votes=1, target_confidence=0.6)
    dog = collection.ordered_classes()[1]
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    lease.cast(dog)
    commit("split", synset=dog.wnid, parts=parts("husky", "poodle"), is_kept=True)
    before = why(Question.objects.get())
    assert (before.votes, [each.said for each in before.others]) == ([], ["dog"])
    assert (before.stands.words, before.stands.is_inner) == ("dog", False)

    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    lease.cast(noun("poodle"))
    told = why(Question.objects.get())

    assert [each.said for each in told.votes] == ["poodle"]
    assert [each.said for each in told.others] == ["dog"]
    assert (side(told), told.weighing.rival.words, told.agrees) == ("poodle", "husky", True)


def test_votes_taken_back_and_skips_are_told_beside():
    collection, annotator = make_menagerie(max_votes=9), make_user()
    vote(collection, "husky")
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    taken = lease.cast(noun("cat"))
    Lease.objects.take_back(annotator, taken.lease_number)
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    Lease.objects.cast(annotator, [Answer(lease.pk, "", SKIP)])

    told = why(Question.objects.get())

    assert [(each.said, each.vote.annotator) for each in told.retractions] == [("cat", annotator)]
    assert [skip.annotator for skip in told.skips] == [annotator]
    assert [each.said for each in told.votes] == ["husky"]


def test_a_noun_that_is_no_choice_any_more_says_nothing():
    collection = make_menagerie()
    question = votes(collection, "husky")
    stray = make_synset("stray", collection.root)
    Vote.objects.update(synset=stray)

    told = why(question)

    assert [(each.said, each.is_told, each.counts_as) for each in told.votes] == [("stray", False, None)]


def test_ten_votes_cost_no_more_queries_than_two(django_assert_max_num_queries):
    asked = []
    for names in (["dog", "cat"], ["dog", "canine", "cat"] * 3 + ["dog"]):
        question = votes(make_menagerie(max_votes=12, target_confidence=0.999999), *names)
        asked.append(questions_of(question.collection).get(pk=question.pk))

    def n_queries(question):
        with django_assert_max_num_queries(20) as queries:
            explain(question)
        return len(queries)

    assert [len(explain(question).votes) for question in asked] == [
        2,
        10,
    ]  # and read what is read once for all
    assert n_queries(asked[0]) == n_queries(asked[1])


# A network that helped


@pytest.fixture
def helped():
    """A picture of which a network that may help says that it is a cat, and two people that it is a husky."""
    collection = make_menagerie(min_votes=1, max_votes=9, uses_predictions=True, target_confidence=0.9)
    [question] = collection.questions.select_related("image")
    foretelling.take_in(
        collection, "run 7", [Saying("", question.image.sha256, {"cat": 0.97, "husky": 0.01})]
    )
    names = [synset.wnid for synset in collection.ordered_classes()]
    parameters = Parameters.start(4).to_json() | {"network": [1.0, 0.04]}
    ConsensusFit.objects.keep(
        collection,
        classes=names,
        parameters=parameters,
        n_votes=0,
        log_likelihood=0,
        network=Network.objects.get(),
        uses_predictions=True,
    )
    return collection


def test_a_network_that_helped_is_one_voice_more_before_any_vote(helped):
    told = why(votes(helped, "husky", "husky"))

    foretold = told.weighing.foretold
    assert (foretold.network, foretold.side.words) == ("run 7", "cat")
    # As it is read: 0.96 * 0.97 + 0.04 / 4, and of the husky 0.96 * 0.01 + 0.04 / 4.
    assert foretold.probability == pytest.approx(0.9412)
    assert foretold.belief == pytest.approx(0.0196)
    assert foretold.weight.times == pytest.approx(0.9412 / 0.0196)
    assert not foretold.weight.is_for
    # 17 for a husky and 17 again, against it.
    odds = 17**2 * 0.0196 / 0.9412
    assert told.votes[-1].belief == pytest.approx(odds / (1 + odds), abs=0.01)
    assert told.votes[-1].belief == pytest.approx(told.by_votes.confidence)
    assert told.agrees


def test_what_was_believed_is_told_with_who_had_spoken(helped):
    rows = why(votes(helped, "husky", "husky")).weighing.rows

    assert [said for said, _shares in rows] == ["none", "the network", "1", "2"]


def test_what_nobody_but_the_network_has_named_waits_for_somebody(helped):
    told = why(votes(helped, "wolf"))

    assert told.because == Because.UNNAMED
    assert (told.stands.state, told.stands.words) == ("open", "cat")
    assert told.agrees


def test_where_none_helped_none_is_told_of():
    assert why(votes(make_menagerie(max_votes=9), "husky")).weighing.foretold is None
