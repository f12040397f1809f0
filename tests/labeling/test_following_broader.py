"""Labels on inner nouns, and votes for them, follow changes of the taxonomy."""

import pytest

from labeling import aggregation
from labeling.models import Choices, Collection, Lease, Question
from taxonomy.models import Change
from tests.factories import make_synset, make_user
from tests.labeling import test_following_laws as laws
from tests.labeling.test_following import commit, labels
from tests.labeling.trees import make_menagerie, noun, vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    """One picture that everybody says is a dog."""
    collection = make_menagerie(target_confidence=0.9, max_votes=4)
    vote(collection, "dog")
    vote(collection, "dog")
    return collection


def answer():
    question = Question.objects.select_related("label").get()
    return question.label and question.label.name, question.state


def test_a_label_on_an_inner_noun_that_is_merged_names_what_it_became(collection):
    wolf_hound = make_synset("hound", noun("canine"))
    change = commit("merge", synset=noun("dog").wnid, target=wolf_hound.wnid)

    assert answer() == ("hound", "settled")
    assert Choices.now(Collection.objects.get()).answer(change.synsets.get(name="dog").pk) == 5

    before = labels()
    aggregation.refit(Collection.objects.get())
    assert answer() == ("hound", "settled")
    assert before[1:] == labels()[1:]


def test_undo_of_its_merge_gives_a_label_on_an_inner_noun_back(collection):
    before = labels()
    change = commit("merge", synset=noun("dog").wnid, target=make_synset("hound", noun("canine")).wnid)

    commit("undo", change=change.pk)

    assert labels() == before


def test_a_label_on_an_inner_noun_that_is_retired_names_the_one_above_it(collection):
    change = commit("retire", synset=noun("dog").wnid)

    assert answer() == ("canine", "settled")
    vote_counts_as = Choices.now(Collection.objects.get()).answer(change.synsets.get(name="dog").pk)
    assert vote_counts_as == 4

    commit("undo", change=change.pk)
    assert answer() == ("dog", "settled")


def test_votes_for_an_inner_noun_merged_into_a_class_are_votes_for_that(collection):
    commit("merge", synset=noun("dog").wnid, target=noun("husky").wnid)

    assert answer() == ("husky", "settled")


def test_classes_that_are_merged_leave_the_label_above_them(collection):
    change = commit("merge", synset=noun("corgi").wnid, target=noun("husky").wnid)

    # Of a dog husky alone is left, so dog is no answer any more, and who said dog has said husky.
    assert [s.name for s in Choices.now(Collection.objects.get()).inner] == ["canine"]
    assert answer() == ("dog", "settled")
    commit("undo", change=change.pk)
    assert answer() == ("dog", "settled")


def test_a_picture_of_an_inner_noun_that_is_split_is_asked_which_part_it_shows(collection):
    before = labels()
    working = make_synset("working dog", noun("dog"))
    small = make_synset("small dog", noun("dog"))
    commit("move", synset=noun("husky").wnid, target=working.wnid)
    commit("move", synset=noun("corgi").wnid, target=small.wnid)
    assert labels()[0] == before[0]

    change = commit("split", synset=noun("dog").wnid, parts=[working.wnid, small.wnid], is_kept=False)

    question = Question.objects.get()
    assert (question.state, [s.name for s in question.choices()]) == ("open", ["husky", "corgi"])
    assert question.broader() == ()

    commit("undo", change=change.pk)
    assert labels()[0] == before[0]


def test_pictures_of_other_labels_are_fitted_with_votes_for_inner_nouns(collection):
    Question.objects.update(state="open", open_places=1)
    vote(collection, "husky")
    vote(collection, "corgi")
    assert answer() == ("dog", "settled")

    commit("merge", synset=noun("cat").wnid, target=noun("wolf").wnid)
    assert answer() == ("dog", "settled")

    commit("merge", synset=noun("corgi").wnid, target=noun("husky").wnid)
    assert answer() == ("husky", "settled")


class BroadHistory(laws.History):
    """The same with a collection that has inner nouns, which some people answer with."""

    def __init__(self, seed):
        super().__init__(seed)
        thing, names = noun("thing"), ("rex", "kitty", "husky", "poodle", "fox")
        plant = make_synset("plant", thing)
        self.make_collection(
            "broad", thing, *map(noun, names), make_synset("oak", plant), make_synset("elm", plant)
        )

    def answer(self, lease):
        inner = Question.objects.get(pk=lease.question_id).broader()
        if inner and self.random.random() < 0.4:
            lease.cast(self.random.choice(inner))
        else:
            super().answer(lease)

    def any_collection(self):
        return (
            Collection.objects.get(slug="broad") if self.random.random() < 0.5 else super().any_collection()
        )

    def check(self):
        inner = Question.objects.filter(collection__slug="broad", state="settled", narrowing=None)
        labelled = [q.pk for q in inner if q.label not in q.choices()]
        assert not Question.objects.filter(pk__in=labelled, label__is_retired=True).exists()
        try:
            Question.objects.filter(pk__in=labelled).update(state="undecided")
            super().check()
        finally:
            Question.objects.filter(pk__in=labelled).update(state="settled")


@pytest.mark.parametrize("seed", range(4))
def test_in_any_history_with_inner_nouns_each_question_can_be_answered_and_each_label_is_in_the_tree(seed):
    history = BroadHistory(seed)
    for _ in range(laws.N_STEPS):
        history.step()
        history.check()


@pytest.mark.parametrize("seed", range(3))
def test_changes_undone_in_reverse_give_labels_on_inner_nouns_back_to_the_bit(seed):
    history = BroadHistory(seed)
    for _ in range(laws.N_STEPS):
        history.step()
    before, first = laws.state_of_labels(), Change.objects.version()
    for _ in range(3):
        kind, arguments = history.any_change()
        if kind != "undo":
            history.commit(kind, arguments)
            history.check()

    for change in Change.objects.filter(pk__gt=first):
        assert history.commit("undo", {"change": change.pk}), f"the undo of {change} was refused"
        history.check()

    assert laws.state_of_labels() == before


def test_an_inner_noun_of_an_old_page_counts_as_what_it_is_today(collection):
    Question.objects.update(state="open", open_places=1)
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    old = noun("dog")
    commit("merge", synset=old.wnid, target=make_synset("hound", noun("canine")).wnid)

    assert lease.cast(old).synset == old
    assert answer()[0] == "hound"
