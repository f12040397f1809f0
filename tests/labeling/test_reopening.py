"""What another policy makes of questions that were voted on: foretold before it is saved, and done by a task."""

import random

import pytest
from django.urls import reverse

from labeling import aggregation, reopening, tasks
from labeling.consensus import Policy
from labeling.models import Answer, Collection, Lease, Question
from labeling.reopening import Effect, foretell
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db

POLICY = {"target_confidence": 0.8, "min_votes": 2, "max_votes": 4}


@pytest.fixture
def people():
    return [make_user() for _ in range(10)]


@pytest.fixture
def collection():
    collection = make_collection(n_questions=4, names=("cat", "dog", "fox"), **POLICY)
    tasks.follow_policies()
    return collection


def ask(collection, person, names):
    """Have `person` say of each picture that is handed out what `names` gives for its place; None: cannot tell."""
    places = {pk: i for i, pk in enumerate(collection.questions.order_by("pk").values_list("pk", flat=True))}
    nouns = {noun.name: noun for noun in collection.ordered_classes()} | {None: None}
    for lease in Lease.objects.hand_out(collection, person, 24):
        lease.cast(nouns[names[places[lease.question_id]]])


def set_policy(collection, **policy):
    Collection.objects.filter(pk=collection.pk).update(**policy)
    collection.refresh_from_db()


def states(collection):
    return list(collection.questions.order_by("pk").values_list("state", flat=True))


def agree(collection, people, n):
    for person in people[:n]:
        ask(collection, person, ["cat", "cat", "dog", "fox"])


def test_more_votes_at_least_have_settled_questions_asked_again(collection, people):
    agree(collection, people, 2)
    assert states(collection) == ["settled"] * 4
    effect = foretell(collection, Policy(0.8, 3, 4))

    set_policy(collection, min_votes=3)
    tasks.follow_policies()

    assert effect == Effect(n_asked_again=4)
    assert set(collection.questions.values_list("state", "open_places")) == {("open", 1)}
    agree(collection, people[2:], 1)
    assert states(collection) == ["settled"] * 4


def test_a_surer_label_has_them_asked_again_and_a_less_sure_one_settles_them(collection, people):
    agree(collection, people, 2)
    confidence = collection.questions.order_by("confidence").last().confidence

    set_policy(collection, target_confidence=confidence + 1e-6)
    tasks.follow_policies()
    asked_again = states(collection)
    collection.refresh_from_db()
    effect = foretell(collection, Policy(0.8, 2, 4))
    set_policy(collection, target_confidence=0.8)
    tasks.follow_policies()

    assert asked_again == ["open"] * 4
    assert effect == Effect(n_settled=4)
    assert set(collection.questions.values_list("state", "open_places")) == {("settled", 0)}


def test_more_votes_at_most_reopen_what_was_given_up_and_fewer_give_it_up(collection, people):
    for person, name in zip(people, ["cat", "dog", "fox", None], strict=False):
        ask(collection, person, [name] * 4)
    assert states(collection) == ["undecided"] * 4
    effect = foretell(collection, Policy(0.8, 2, 6))

    set_policy(collection, max_votes=6)
    tasks.follow_policies()
    reopened = states(collection)
    collection.refresh_from_db()
    back = foretell(collection, Policy(0.8, 2, 4))
    set_policy(collection, max_votes=4)
    tasks.follow_policies()

    assert (effect, reopened) == (Effect(n_reopened=4), ["open"] * 4)
    assert (back, states(collection)) == (Effect(n_given_up=4), ["undecided"] * 4)


def test_cannot_tell_counts_towards_the_most_votes_and_not_towards_the_fewest(collection, people):
    ask(collection, people[0], [None] * 4)
    agree(collection, people[1:], 2)
    assert states(collection) == ["settled"] * 4

    assert foretell(collection, Policy(0.8, 3, 4)) == Effect(n_asked_again=4)


def test_gold_questions_stay_what_is_known(collection, people):
    agree(collection, people, 2)
    kept = collection.questions.exclude(image__split="test").first()
    collection.use_as_gold([kept.pk])

    set_policy(collection, min_votes=3)
    tasks.follow_policies()

    kept.refresh_from_db()
    assert (kept.state, kept.label.name) == ("settled", kept.truth.name)
    assert collection.questions.filter(state="open").count() == 3


def test_where_nobody_has_voted_nothing_changes(collection):
    set_policy(collection, min_votes=4, target_confidence=0.99)

    assert foretell(collection, collection.policy) == Effect()
    assert tasks.follow_policies() == 0
    assert states(collection) == ["waiting"] * 4


def test_a_policy_is_followed_once(collection, people):
    agree(collection, people, 2)
    set_policy(collection, min_votes=3)

    assert [tasks.follow_policies(), tasks.follow_policies()] == [4, 0]


def test_what_was_stopped_halfway_goes_on(collection, people, monkeypatch):
    agree(collection, people, 2)
    set_policy(collection, min_votes=3)
    monkeypatch.setattr(reopening, "BATCH", 1)
    weigh, done = reopening._weigh, []

    def stop_at_the_third(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(weigh(*arguments))
        return done[-1]

    monkeypatch.setattr(reopening, "_weigh", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        tasks.follow_policies()
    monkeypatch.setattr(reopening, "_weigh", weigh)
    halfway = sorted(states(collection))

    assert halfway == ["open", "open", "settled", "settled"]
    assert tasks.follow_policies() == 2
    assert states(collection) == ["open"] * 4


def test_questions_about_one_noun_follow_too(people):
    collection = make_collection(n_questions=2, kind="verify", **POLICY)
    tasks.follow_policies()
    for person in people[:2]:
        for lease in Lease.objects.hand_out(collection, person, 24):
            Lease.objects.cast(person, [answer(lease)])
    decided = set(states(collection))
    effect = foretell(collection, Policy(0.8, 3, 4))

    set_policy(collection, min_votes=3)
    tasks.follow_policies()

    assert decided == {"settled", "absent"}
    assert effect == Effect(n_asked_again=collection.questions.count())
    assert set(states(collection)) == {"open"}


def answer(lease):
    question = Question.objects.select_related("about").get(pk=lease.question_id)
    return Answer(lease.pk, kind="present" if question.about.name == "cat" else "absent")


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_what_was_foretold_comes_and_leaves_nothing_to_do(seed, people):
    """Right after a refit, which weighs every vote by the same skills as the task then does."""
    chance = random.Random(seed)
    collection = make_collection(n_questions=6, names=("cat", "dog", "fox"), **POLICY)
    tasks.follow_policies()
    for person in people[:7]:
        ask(collection, person, [chance.choice(["cat", "cat", "cat", "dog", "fox", None]) for _ in range(6)])
    aggregation.refit(collection)
    before = states(collection)
    policy = {
        "target_confidence": chance.choice([0.6, 0.8, 0.95, 0.99]),
        "min_votes": chance.choice([1, 2, 3]),
        "max_votes": chance.choice([3, 4, 6]),
    }
    effect = foretell(collection, Policy(**policy))

    set_policy(collection, **policy)
    tasks.follow_policies()

    found = Effect()
    for old, new in zip(before, states(collection), strict=True):
        if old != new:
            found.n_asked_again += (old, new) == ("settled", "open")
            found.n_reopened += (old, new) == ("undecided", "open")
            found.n_settled += new == "settled"
            found.n_given_up += new == "undecided"
    assert found == effect
    assert foretell(collection, collection.policy) == Effect()


# --- The edit page ----------------------------------------------------------------------------------------


def edit(client, collection, **changed):
    client.force_login(make_user(is_staff=True))
    data = {"name": collection.name, "slug": collection.slug, "root": collection.root.wnid, "guide": "",
            "kind": collection.kind, "gold_share": collection.gold_share, **POLICY, **changed}  # fmt: skip
    return client.post(reverse("labeling:edit", args=[collection.slug]), data)


def test_a_policy_is_saved_only_when_it_was_told_what_it_changes(client, collection, people):
    agree(collection, people, 2)

    told = edit(client, collection, min_votes=3)
    collection.refresh_from_db()
    n_before = collection.min_votes
    saved = edit(client, collection, min_votes=3, confirmed=told.context["confirmed"])

    collection.refresh_from_db()
    assert "4 settled questions will be asked again." in told.content.decode()
    assert (n_before, saved.status_code, collection.min_votes) == (2, 302, 3)


def test_what_was_told_of_one_policy_confirms_no_other(client, collection, people):
    agree(collection, people, 2)
    told = edit(client, collection, min_votes=3)

    edit(client, collection, min_votes=4, confirmed=told.context["confirmed"])

    collection.refresh_from_db()
    assert collection.min_votes == 2


def test_a_policy_that_changes_nothing_is_saved_at_once(client, collection, people):
    agree(collection, people, 2)

    assert edit(client, collection, max_votes=9).status_code == 302
    collection.refresh_from_db()
    assert collection.max_votes == 9
