"""How good the labels of a collection are, as its organisers see it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from labeling import aggregation
from labeling.models import Choices, Collection, Question, Skill, Vote
from labeling.quality import buying, confusing, doubting, report
from labeling.quality.buying import in_periods
from labeling.quality.calibrating import SIDE, along
from labeling.quality.weighing import by_votes
from taxonomy import ledger
from taxonomy.models import Synset
from tests.factories import make_collection, make_settled_collection, make_user
from tests.labeling.grids import make_verifying
from tests.labeling.judged import say, settle
from tests.labeling.test_overview import add_votes, of
from tests.labeling.trees import make_menagerie, noun

pytestmark = pytest.mark.django_db


# --- Agreement --------------------------------------------------------------------------------------------


def test_those_who_name_kin_agree_more_by_kinship():
    first, second = make_menagerie(2).questions.order_by("pk")
    for name in ("husky", "corgi"):
        say(first, name)
        say(second, "cat")

    found = report(first.collection).agreement

    # Four votes; 2 / 6 apart, or wholly: 1 - 3 * 2 / 9 / (2 * (1 / 9 + 2 + 2)); alike or not: 1 - 3 * 2 / 10.
    assert found.by_kinship == pytest.approx(1 - (6 / 9) / (2 * (1 / 9 + 4)))
    assert found.nominal == pytest.approx(0.4)
    assert (found.n_sampled, found.is_sample) == (2, False)


def test_an_inner_noun_is_an_answer_of_its_own_by_kinship_alone():
    first, second = make_menagerie(2).questions.order_by("pk")
    for name in ("husky", "dog"):
        say(first, name)
        say(second, "cat")

    found = report(first.collection).agreement

    # A dog and a husky are 1 / 5 apart; a husky that nobody else calls a breed meets no class.
    assert found.by_kinship == pytest.approx(1 - 3 * (2 / 25) / (2 * (1 / 25 + 4)))
    assert found.nominal is None


def test_where_all_nouns_are_right_below_the_root_both_are_the_same():
    collection = make_collection(n_questions=3, names=("cat", "dog", "ant"))
    add_votes(collection, "cat", "dog", "dog", "ant")
    add_votes(collection, "cat", "cat", questions=of(collection, 0))

    found = report(collection).agreement

    assert found.by_kinship == pytest.approx(found.nominal)


# --- Calibration ------------------------------------------------------------------------------------------


def test_confidences_are_measured_where_the_answer_came_with_the_picture():
    collection = make_settled_collection(n_questions=4, splits=("train",))  # half of them cats, 99 % sure
    cat, _dog = collection.ordered_classes()
    collection.questions.update(truth=cat)

    found = report(collection).calibration

    only = found.bins[0].bin
    assert (only.n, only.n_right, only.mean) == (4, 2, pytest.approx(0.99))
    assert found.error == pytest.approx(0.49)
    assert (found.n, found.n_gold) == (4, 0)


def test_gold_questions_count_by_what_the_votes_alone_would_say():
    collection = make_collection(n_questions=2, target_confidence=0.9, splits=("train",))
    cat, dog = collection.ordered_classes()
    collection.questions.update(truth=cat, is_gold=True, state="settled", label=cat, confidence=1.0)
    right, wrong = collection.questions.order_by("pk")
    knows = make_user()
    Skill.objects.create(collection=collection, annotator=knows, right=8, wrong=2)
    for question, synset in ((right, cat), (wrong, dog)):
        Vote.objects.create(
            question=question, annotator=knows, synset=synset, answer="present", taxonomy_version=1
        )

    found = report(collection).calibration

    # One vote of somebody who is right 8 times in 10, over two classes as likely as each other.
    only = found.bins[0].bin
    assert (only.mean, only.n, only.n_right) == (pytest.approx(0.8), 2, 1)
    assert found.n_gold == 2
    assert set(collection.questions.values_list("label", "confidence")) == {(cat.pk, 1.0)}  # as they were


@pytest.mark.parametrize(("said", "pseudo_votes"), [("cat", (7, 2)), ("dog", (8, 1))])
def test_a_vote_on_gold_does_not_tell_how_far_it_is_trusted(said, pseudo_votes):
    collection = make_collection(n_questions=6, splits=("train",))
    cat, _dog = collection.ordered_classes()
    add_votes(collection, "cat", "cat", "dog")
    question = collection.questions.first()
    Question.objects.filter(pk=question.pk).update(truth=cat, is_gold=True)
    question.votes.exclude(synset__name=said).delete()
    question.votes.exclude(pk=question.votes.last().pk).delete()
    aggregation.refit(collection)
    annotator = question.votes.get().annotator_id
    Skill.objects.filter(annotator=annotator).update(right=8, wrong=2)

    [found] = by_votes(collection, Choices.now(collection))

    right, wrong = pseudo_votes
    choices = Choices.now(collection)
    alone = choices.weigh({annotator: choices.place(noun(said).pk)}, {annotator: right / (right + wrong)})
    assert found.confidence == pytest.approx(alone.max())


def test_votes_from_which_the_answer_was_taken_do_not_measure_it():
    collection = make_settled_collection(n_questions=4, splits=("train",))
    question = collection.questions.first()
    label = question.label.name
    say(question, label)
    collection.use_as_gold([question.pk])

    assert report(collection).calibration.n == 0
    say(question, label)
    assert report(collection).calibration.n == 1


def test_an_inner_noun_above_the_answer_is_right():
    collection = make_menagerie(2)
    first, second = settle(collection, "dog", "dog")
    Question.objects.filter(pk=first.pk).update(truth=noun("husky"))
    Question.objects.filter(pk=second.pk).update(truth=noun("cat"))

    only = report(collection).calibration.bins[0].bin

    assert (only.n, only.n_right) == (2, 1)


def test_test_pictures_are_not_measured():
    collection = make_settled_collection(n_questions=10)
    cat, _dog = collection.ordered_classes()
    collection.questions.update(truth=cat)

    assert report(collection).calibration.n == 8


def test_whether_a_noun_is_there_is_measured_too():
    collection = make_verifying(2, splits=("train",))
    cat, dog = collection.ordered_classes()
    about_cat = collection.questions.filter(about=cat)
    about_cat.update(truth=cat, state="settled", label=cat, confidence=0.97)
    collection.questions.filter(about=dog).update(truth=dog, state="absent", confidence=0.96)

    only = report(collection).calibration.bins[0].bin

    assert (only.n, only.n_right) == (4, 2)


def test_gold_of_one_noun_is_weighed_as_whether_it_is_there():
    collection = make_verifying(1, splits=("train",))
    cat, _dog = collection.ordered_classes()
    question = collection.questions.get(about=cat)
    Question.objects.filter(pk=question.pk).update(truth=cat, is_gold=True, state="settled", label=cat)
    Vote.objects.create(
        question=question, annotator=make_user(), synset=cat, answer="absent", taxonomy_version=1
    )

    only = report(collection).calibration.bins[0].bin

    assert (only.n, only.n_right) == (1, 0)


def test_each_third_of_the_axes_has_ten_times_fewer_errors():
    assert [along(share) for share in (0, 0.9, 0.99, 0.999, 1)] == [0, SIDE / 3, 2 * SIDE / 3, SIDE, SIDE]


# --- Confusion --------------------------------------------------------------------------------------------


def shares(found):
    """Return the picture as a table of names and percents."""
    return {(row.noun.name, head.name): cell.percent for row in found.map
            for (head, _is_apart), cell in zip(found.heads, row.cells, strict=True) if cell.n}  # fmt: skip


def test_votes_are_told_by_what_the_picture_shows_and_what_they_say():
    collection = make_menagerie(3)
    for question in settle(collection, "husky", "husky", "cat"):
        say(question, "husky")
        say(question, "corgi")

    found = report(collection).confusion

    assert shares(found) == {
        ("husky", "husky"): "50", ("husky", "corgi"): "50", ("cat", "husky"): "50", ("cat", "corgi"): "50"
    }  # fmt: skip
    assert [each.noun.name for each in found.map] == ["husky", "corgi", "cat"]
    assert [each.is_apart for each in found.map] == [False, False, True]


def test_an_answer_that_came_with_the_picture_counts_and_not_its_label():
    collection = make_menagerie(1)
    [question] = settle(collection, "husky")
    Question.objects.filter(pk=question.pk).update(truth=noun("wolf"))
    say(question, "husky")

    found = report(collection).confusion

    assert {(found.nouns[one].name, found.nouns[said].name): n for (one, said), n in found.cells.items()} == {
        ("wolf", "husky"): 1
    }


def test_one_noun_in_full_says_what_was_said_of_it():
    collection = make_menagerie(2)
    for question in settle(collection, "husky", "husky"):
        for name in ("husky", "husky", "dog", "corgi"):
            say(question, name)

    row = report(collection).confusion.row(noun("husky"))

    assert next((said.noun.name, said.n, said.share, said.percent_of_most) for said in row.said) == (
        "husky", 4, 0.5, 100
    )  # fmt: skip
    assert {said.noun.name: said.n for said in row.said} == {"husky": 4, "dog": 2, "corgi": 2}
    assert (row.n, row.n_others) == (8, 0)


def test_what_is_not_kept_is_counted_among_the_others(monkeypatch):
    monkeypatch.setattr(confusing, "MOST_CELLS", 1)
    collection = make_menagerie(1)
    [question] = settle(collection, "husky")
    for name in ("husky", "husky", "corgi"):
        say(question, name)

    row = report(collection).confusion.row(noun("husky"))

    assert ([said.n for said in row.said], row.n_others, row.others_share) == ([2], 1, pytest.approx(1 / 3))


def test_of_many_nouns_those_that_are_confused_most_are_shown(monkeypatch):
    monkeypatch.setattr(confusing, "MOST_NOUNS", 2)
    collection = make_menagerie(3)
    for question in settle(collection, "wolf", "wolf", "cat"):
        say(question, "corgi")
    settled_as_said = settle(collection, "wolf", "wolf", "cat")[2]
    say(settled_as_said, "cat")

    found = report(collection).confusion

    assert [each.noun.name for each in found.map] == ["corgi", "wolf"]
    assert found.n_nouns == 3


def test_to_say_less_than_what_it_is_brings_no_noun_into_the_picture():
    collection = make_menagerie(1)
    [question] = settle(collection, "husky")
    say(question, "dog")

    assert [each.noun.name for each in report(collection).confusion.map] == ["husky"]


def test_the_label_of_a_test_picture_is_told_by_nothing():
    collection = make_menagerie(1, split="test")
    [question] = settle(collection, "husky")
    say(question, "corgi")

    found = report(collection).confusion

    assert (found.map, found.choices, found.cells) == ([], [], {})


def test_a_noun_that_is_hidden_since_is_left_out():
    collection = make_menagerie(1)
    [question] = settle(collection, "husky")
    say(question, "corgi")
    Synset.objects.filter(pk=noun("corgi").pk).update(is_sensitive=True, sensitive_reason="a test")

    found = report(collection).confusion

    assert [each.noun.name for each in found.map] == ["husky"]
    assert (found.row(noun("husky")).said, found.row(noun("husky")).n_others) == ([], 1)


def test_nouns_that_were_merged_are_one():
    collection = make_menagerie(2)
    for question in settle(collection, "husky", "cat"):
        say(question, "corgi")
    corgi, husky = noun("corgi"), noun("husky")
    ledger.make("merge", {"synset": corgi.wnid, "target": husky.wnid}, author=None, reason="a test")

    found = report(Collection.objects.get()).confusion

    assert shares(found) == {("husky", "husky"): "100", ("cat", "husky"): "100"}


def test_shades_tell_shares_apart():
    found = confusing.Confusion({}, {1: 1000}, {(1, n): n for n in (2, 20, 50, 200, 500)}, [], frozenset(), 0)

    cells = [found.cell(1, said) for said in (3, 2, 20, 50, 200, 500)]

    assert [(cell.percent, cell.css) for cell in cells] == [
        ("0", "shade-0"), ("<1", "shade-1"), ("2", "shade-2"), ("5", "shade-3"), ("20", "shade-4"), ("50", "shade-5")
    ]  # fmt: skip


# --- What a label costs -----------------------------------------------------------------------------------


def test_a_question_counts_on_the_day_of_its_last_vote():
    first, second, third = settle(make_menagerie(4), "husky", "cat", "cat")
    open_one = first.collection.questions.last()
    now = timezone.now()
    for days, question in [(2, first), (2, first), (2, second), (0, second), (0, second), (0, open_one)]:
        say(question, "cat", cast_at=now - timedelta(days=days))

    found = report(first.collection).cost

    assert [(each.n_votes, each.n_decided) for each in found.periods] == [(3, 1), (0, 0), (3, 1)]
    assert [each.each for each in found.periods] == [3, None, 3]
    assert [each.so_far for each in found.periods] == [3, 3, 3]
    assert found.periods[-1].begins == now.date()
    assert (found.so_far, found.most, found.length) == (3, 3, 1)
    assert third.votes.count() == 0  # decided without a vote: not bought


def test_gold_questions_are_not_bought():
    question, other = settle(make_menagerie(2), "husky", "cat")
    Question.objects.filter(pk=question.pk).update(is_gold=True, truth=noun("husky"))
    say(question, "husky")
    say(other, "cat")

    [only] = report(question.collection).cost.periods

    assert (only.n_votes, only.n_decided) == (1, 1)


def test_a_long_time_is_told_in_longer_periods():
    found = in_periods(
        {"2026-01-01": 4, "2026-01-07": 1, "2026-01-08": 2, "2026-03-02": 3}, {"2026-01-07": 2}
    )

    assert (found["length"], found["first"], len(found["periods"])) == (7, "2026-01-01", 9)
    assert (found["periods"][0], found["periods"][1], found["periods"][-1]) == ([5, 2], [2, 0], [3, 0])
    assert in_periods({"2026-01-01": 1, "2026-02-21": 1}, {})["length"] == 1  # 52 days


def test_a_drawing_does_not_shrink_for_one_dear_day():
    found = buying.shown({"length": 1, "first": "2026-01-01", "periods": [[20, 10], [30, 1], [20, 20]]})

    assert found.most == pytest.approx(2.5 * 70 / 31)
    assert [bar.height for bar in found.bars] == [pytest.approx(200 * 2 / found.most, abs=0.1), 200,
                                                  pytest.approx(200 / found.most, abs=0.1)]  # fmt: skip
    assert found.line.split()[1] == f"300.0,{200 * (1 - 50 / 11 / found.most):.1f}"
    assert found.end == ["500.0", f"{200 * (1 - 70 / 31 / found.most):.1f}"]


# --- Whose votes are doubtful -----------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(doubting, "FEWEST", 4)


def by_one(collection, names, said):
    """Settle questions as `names`; have one annotator say `said` of all. Return the annotator."""
    annotator = make_user()
    for question in settle(collection, *names):
        say(question, said, annotator)
    return annotator


@pytest.mark.usefixtures("few")
def test_who_says_one_noun_of_pictures_of_all_kinds_is_named():
    collection = make_menagerie(4)
    clicker = by_one(collection, ["husky", "wolf", "cat", "cat"], "husky")

    found = report(collection).doubts

    [only] = found.clickers
    assert (only.annotator, only.said, only.n_said, only.n_votes) == (clicker, "husky", 4, 4)
    assert only.share_otherwise == 0.75
    assert found.said_by == {clicker.pk: "husky"}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["husky"] * 4, "husky"),
        (["husky", "corgi", "husky", "cat"], "dog"),
        (["cat", "wolf", "husky"], "cat"),
    ],
    ids=["saw that alone", "said what they all are", "few votes"],
)
def test_who_may_be_right_is_not_named(names, said):
    collection = make_menagerie(4)
    by_one(collection, names, said)

    assert report(collection).doubts.clickers == []


@pytest.mark.usefixtures("few")
def test_who_says_other_things_too_is_not_named():
    collection = make_menagerie(5)
    annotator = by_one(collection, ["wolf", "wolf", "cat", "cat"], "husky")
    say(collection.questions.order_by("pk").last(), "cat", annotator)

    assert report(collection).doubts.clickers == []


@pytest.mark.usefixtures("few")
def test_test_pictures_tell_nothing_of_who_clicks():
    collection = make_menagerie(4, split="test")
    by_one(collection, ["wolf", "wolf", "cat", "cat"], "husky")

    assert report(collection).doubts.clickers == []


@pytest.mark.usefixtures("few")
def test_who_always_says_that_it_is_not_there_is_named_where_it_mostly_is():
    collection = make_verifying(4, splits=("train",))
    cat, _dog = collection.ordered_classes()
    about_cat = collection.questions.filter(about=cat)
    about_cat.update(state="settled", label=cat, confidence=0.99)
    clicker = make_user()
    for question in about_cat:
        Vote.objects.create(
            question=question, annotator=clicker, synset=cat, answer="absent", taxonomy_version=1
        )

    assert report(collection).doubts.said_by == {clicker.pk: "it does not show this"}
    about_cat.update(state="absent", label=None)
    assert report(collection).doubts.clickers == []


def test_only_those_are_below_chance_whose_whole_interval_is():
    collection = make_menagerie(1)
    for right, wrong in ((5, 95), (2, 8), (50, 50)):  # chance is one in four
        Skill.objects.create(collection=collection, annotator=make_user(), right=right, wrong=wrong)

    found = report(collection).doubts

    assert (found.chance, found.n_below) == (0.25, 1)
