"""What a network says is taken in, measured, and heeded only as far as it has proved reliable."""

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling import aggregation, foretelling, tasks
from labeling.models import Choices, Collection, ConsensusFit, Lease, Network, Prediction, Question, Vote
from labeling.prediction_files import Saying
from tests.factories import make_user
from tests.labeling.foretold import in_turns, make_voted, of_part, say
from tests.labeling.grids import make_verifying
from tests.labeling.test_following import commit
from tests.labeling.trees import make_menagerie, noun

pytestmark = pytest.mark.django_db


def fresh(collection):
    return Collection.objects.get(pk=collection.pk)


def saying(question, **probability):
    return Saying("line 7", question.image.sha256, probability)


def kept(question):
    return dict(Prediction.objects.get(question=question).likeliest)


# Taking it in


def test_a_prediction_keeps_the_likeliest_nouns():
    collection = make_menagerie(1)
    [question] = collection.questions.all()

    n = foretelling.take_in(collection, "run 7", [saying(question, husky=0.7, corgi=0.2, dog=0.1)])

    assert n == 1
    assert kept(question) == {noun("husky").pk: 0.7, noun("corgi").pk: 0.2, noun("dog").pk: 0.1}
    assert str(question.prediction.network) == "run 7"


def test_of_many_nouns_only_those_are_kept_that_say_something():
    probability = {pk: 0.9 if pk == 3 else 0.1 / 999 for pk in range(1, 1001)}

    collection = make_menagerie(1)
    made = Prediction.of(Network(collection=collection, name="a"), 1, "train", probability, is_learnt=False)

    assert made.likeliest[0] == [3, 0.9]
    assert len(made.likeliest) == 8


def test_a_newer_prediction_takes_the_place_of_an_older_one():
    collection = make_menagerie(1)
    [question] = collection.questions.all()
    foretelling.take_in(collection, "first", [saying(question, cat=1)])

    foretelling.take_in(collection, "second", [saying(question, wolf=1)])

    assert kept(question) == {noun("wolf").pk: 1}
    assert str(Prediction.objects.get().network) == "second"
    assert str(Network.objects.of(collection).first()) == "second"


def test_what_may_be_done_with_a_prediction_follows_from_its_part_and_from_what_was_learnt():
    collection = make_voted(10)
    training, *others = of_part(collection, "train")

    say(collection)
    say(collection, learnt=True, of=others)

    use = dict(Prediction.objects.values_list("question", "use"))
    assert use[training.pk] == "helps"
    assert {use[question.pk] for question in others} == {"learnt"}
    assert {use[question.pk] for question in of_part(collection, "val", "test")} == {"measures"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            lambda _, question: Saying("line 7", "0" * 64, {"cat": 1}),
            "line 7: expected the SHA-256 or file name of a picture",
        ),
        (
            lambda _, question: saying(question, bicycle=1),
            "line 7: expected the wnid or name of a noun of Menagerie; found 'bicycle'",
        ),
        (lambda other, _: saying(other, cat=1), "line 7: expected each picture once"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(wrong, sentence):
    collection = make_menagerie(2)
    other, question = collection.questions.select_related("image")

    with pytest.raises(foretelling.PredictionRefusedError, match=sentence):
        foretelling.take_in(collection, "run 7", [saying(other, husky=1), wrong(other, question)])

    assert not Prediction.objects.exists()
    assert not Network.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_network_has_a_name(name):
    with pytest.raises(foretelling.PredictionRefusedError, match="expected a name of 1 to 100 characters"):
        foretelling.take_in(make_menagerie(), name, [])


def test_a_collection_that_verifies_takes_none():
    with pytest.raises(foretelling.PredictionRefusedError, match="asks about one noun at a time"):
        foretelling.take_in(make_verifying(), "run 7", [])


# Reading it


def test_what_is_left_is_shared_out_among_the_nouns_that_are_not_named():
    choices = Choices.now(make_menagerie())

    q = choices.foretold([(noun("husky").pk, 0.7)])

    np.testing.assert_allclose(q, [0.7, 0.1, 0.1, 0.1])


def test_an_inner_noun_is_shared_out_among_its_classes():
    choices = Choices.now(make_menagerie())

    q = choices.foretold([(noun("dog").pk, 0.8), (noun("wolf").pk, 0.1)])

    np.testing.assert_allclose(q, [0.4, 0.4, 0.1, 0.1])


def test_a_noun_counts_as_what_it_has_become():
    collection = make_menagerie()
    husky, corgi = noun("husky"), noun("corgi")
    commit("merge", synset=corgi.wnid, target=husky.wnid)

    q = Choices.now(fresh(collection)).foretold([(corgi.pk, 0.6), (husky.pk, 0.3), (-1, 0.1)])

    np.testing.assert_allclose(q, [0.9, 0.05, 0.05])


# Measuring it


def test_a_refit_measures_a_network_that_helps_nowhere_and_leaves_labels_as_they_were():
    collection, twin = make_voted(), make_voted()
    say(collection, wrong=in_turns(collection)[:6])

    aggregation.refit(fresh(collection))
    aggregation.refit(fresh(twin))

    fit = fresh(collection).latest_fit
    assert (str(fit.network), fit.uses_predictions) == ("a network", False)
    read = 1 - fit.parameters["network"][1] / 2
    assert 0.8 < read < 0.98  # it said 98 of 100, and was right of 54 in 60
    confidences = [
        [round(q.confidence, 9) for q in in_turns(each) if q.state == "settled"]
        for each in (collection, twin)
    ]
    assert len(confidences[1]) == 60
    assert set(confidences[0]) == set(confidences[1])


def test_too_few_pictures_measure_nothing():
    collection = make_voted(12)
    say(collection)

    aggregation.refit(fresh(collection))

    assert fresh(collection).latest_fit.network is None


def test_what_a_network_has_learnt_by_heart_does_not_measure_it():
    collection = make_voted()
    say(collection, learnt=True)

    aggregation.refit(fresh(collection))

    assert fresh(collection).latest_fit.network is None


def test_where_it_helps_it_is_measured_by_other_parts_alone():
    collection = make_voted(100, uses_predictions=True)
    say(
        collection, wrong=of_part(collection, "train")
    )  # wrong wherever it helps, right wherever it is measured

    aggregation.refit(fresh(collection))

    assert fresh(collection).latest_fit.parameters["network"][1] < 0.1


# Heeding it


@pytest.fixture
def helped():
    """A collection in which a network that is nearly always right may help, and one more picture without votes."""
    collection = make_voted(100, uses_predictions=True, min_votes=1, max_votes=9, target_confidence=0.99)
    say(collection)
    question = of_part(collection, "train")[0]
    Vote.objects.filter(question=question).delete()
    Question.objects.filter(pk=question.pk).update(n_votes=0, state="open", open_places=1, label=None)
    aggregation.refit(fresh(collection))
    # Nobody is known yet who may say something of it, and it is the only one that is asked.
    collection.questions.exclude(pk=question.pk).update(state="settled", open_places=0)
    return fresh(collection)


def cast(collection, place, annotator=None):
    [lease] = Lease.objects.hand_out(collection, annotator or make_user(), 1)
    lease.cast(collection.ordered_classes()[place])
    return Question.objects.get(pk=lease.question_id)


def test_a_vote_that_the_network_agrees_with_settles(helped):
    question = cast(helped, 0)

    assert (question.state, question.label.name) == ("settled", "cat")


def test_without_the_network_it_would_not(helped):
    without_help(helped)

    question = cast(helped, 0)

    assert (question.state, question.label.name) == ("open", "cat")


def without_help(collection):
    """Have its latest fit let no network help, and everybody read that."""
    ConsensusFit.objects.filter(collection=collection).update(uses_predictions=False)
    collection.note_classes_set()


def test_a_vote_that_the_network_contradicts_is_less_sure_and_no_label_is_its_alone(helped):
    question = cast(helped, 1)

    assert question.state == "open"
    assert question.confidence < 0.99


def test_without_votes_nothing_is_settled(helped):
    aggregation.refit(helped)

    question = in_turns(helped)[0]
    assert (question.n_votes, question.state, question.label) == (0, "open", None)


def test_a_label_that_nobody_named_is_not_settled_by_a_refit(helped):
    first = in_turns(helped)[0]
    clueless = make_user()
    for question in in_turns(helped)[1:40]:  # who is wrong of all that they say
        other = helped.ordered_classes()[in_turns(helped).index(question) % 2 == 0]
        Vote.objects.create(
            question=question, annotator=clueless, synset=other, answer="present", taxonomy_version=1
        )
        Question.objects.filter(pk=question.pk).update(n_votes=4)
    dog = helped.ordered_classes()[1]
    Vote.objects.create(question=first, annotator=clueless, synset=dog, answer="present", taxonomy_version=1)
    Question.objects.filter(pk=first.pk).update(n_votes=1)

    aggregation.refit(helped)

    first.refresh_from_db()
    assert first.label.name == "cat"
    assert first.confidence > 0.99
    assert first.state == "open"


def test_a_vote_costs_one_query_more_where_a_network_helps_and_none_elsewhere(helped):
    def cost():
        [lease] = Lease.objects.hand_out(helped, make_user(), 1)
        with CaptureQueriesContext(connection) as queries:
            lease.cast(None)
        return len(queries)

    cost()  # which reads what this process then keeps
    with_help = cost()
    without_help(helped)
    cost()

    assert with_help - cost() == 1


# When it is heeded


def test_a_task_heeds_what_was_said_since_the_last_fit():
    collection = make_voted()
    aggregation.refit(fresh(collection))
    assert tasks.heed_networks() == 0

    say(collection)

    assert tasks.heed_networks() == 1
    assert str(fresh(collection).latest_fit.network) == "a network"
    assert tasks.heed_networks() == 0


def test_a_task_follows_another_policy():
    collection = make_voted()
    say(collection)
    tasks.heed_networks()

    Collection.objects.update(uses_predictions=True)

    assert tasks.heed_networks() == 1
    assert fresh(collection).latest_fit.uses_predictions
    assert tasks.heed_networks() == 0


def test_nothing_is_heeded_where_nobody_has_voted():
    collection = make_menagerie(1)
    [question] = collection.questions.all()
    foretelling.take_in(collection, "run 7", [saying(question, cat=1)])

    assert tasks.heed_networks() == 0


# By command


def test_a_command_takes_a_file_in_and_refits(tmp_path, capsys):
    collection = make_voted()
    path = tmp_path / "run-7.csv"
    rows = [
        f"{question.image.sha256},cat,{1 - place % 2}\n"
        for place, question in enumerate(in_turns(collection))
    ]
    path.write_text("picture,noun,probability\n" + "".join(row for row in rows if row.endswith("1\n")))

    call_command("import_predictions", collection.slug, str(path))

    said = capsys.readouterr().out
    assert "30 pictures foretold." in said
    assert "60 settled" in said
    assert str(Network.objects.get()) == "run-7"


def test_a_command_keeps_nothing_of_a_file_with_a_bad_line(tmp_path):
    collection = make_voted(2)
    path = tmp_path / "a.csv"
    path.write_text(f"picture,cat\n{in_turns(collection)[0].image.sha256},1\nnothing,1\n")

    with pytest.raises(CommandError, match=r"a\.csv line 3: expected the SHA-256 .* Nothing was kept"):
        call_command("import_predictions", collection.slug, str(path))

    assert not Prediction.objects.exists()


def test_a_command_wants_a_collection(tmp_path):
    with pytest.raises(CommandError, match="no collection 'nowhere'"):
        call_command("import_predictions", "nowhere", "a.csv")


def test_until_a_newer_network_can_be_measured_the_older_one_is_heeded():
    collection = make_voted()
    say(collection, name="older")
    say(collection, name="newer", of=of_part(collection, "val")[:3])

    aggregation.refit(fresh(collection))

    assert str(fresh(collection).latest_fit.network) == "older"
    assert tasks.heed_networks() == 0
