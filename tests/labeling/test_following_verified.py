"""Questions about one noun follow what that noun becomes, and an undo gives everything back exactly."""

import pytest

from labeling import aggregation
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Choices, Collection, Lease, NotUndoneError, Question, Vote
from taxonomy import drafting
from taxonomy.models import Change, Synset
from tests.factories import make_collection, make_picture, make_synset, make_user
from tests.labeling.test_following import commit, finish, preview
from tests.labeling.test_following_laws import History, state_of_labels

pytestmark = pytest.mark.django_db

PRESENT, ABSENT = Vote.Answer.PRESENT, Vote.Answer.ABSENT


def verifying(*names, n_pictures=1):
    """Return a collection and its nouns; a question is decided by two votes alike."""
    collection = make_collection(
        n_pictures,
        names,
        kind=Collection.Kind.VERIFY,
        min_votes=2,
        max_votes=4,
        target_confidence=0.9,
        gold_share=0,
    )
    return collection, *collection.ordered_classes()


def ask(collection, noun, *answers):
    """Have new people answer the first question about `noun`; return it."""
    for answer in answers:
        [lease] = Lease.objects.hand_out_grid(collection, make_user(), noun=noun, count=1).leases
        lease.answer(answer)
    return Question.objects.get(pk=lease.question_id)


def state():
    """All that is kept of every question."""
    fields = ("pk", "about", "label__wnid", "confidence", "state", "fit", "n_votes", "position")
    classes = {
        c.slug: [s.wnid for s in c.ordered_classes()] for c in Collection.objects.select_related("root")
    }
    return list(Question.objects.order_by("pk").values_list(*fields)), classes


# --- Merge -------------------------------------------------------------------------------------------------


def test_after_a_merge_a_settled_picture_shows_what_its_noun_became():
    collection, cat, kitty, _dog = verifying("cat", "kitty", "dog")
    before = ask(collection, kitty, PRESENT, PRESENT)

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    after = Question.objects.get(pk=before.pk)
    assert (after.label, after.state, after.confidence) == (cat, "settled", before.confidence)
    assert after.about == kitty  # what it was made about
    assert after.words == "Does this picture show “cat”?"


def test_after_a_merge_votes_on_either_noun_count_and_asking_goes_on():
    collection, cat, kitty, _dog = verifying("cat", "kitty", "dog")
    question = ask(collection, kitty, PRESENT)

    commit("merge", synset=kitty.wnid, target=cat.wnid)
    grid = Lease.objects.hand_out_grid(collection, make_user(), noun=cat)
    [lease] = [lease for lease in grid.leases if lease.question_id == question.pk] or grid.leases
    lease.answer(PRESENT)

    assert Vote.objects.latest("pk").synset == cat


def test_after_a_merge_a_picture_with_two_questions_is_put_once_before_each():
    collection, cat, kitty = verifying("cat", "kitty", n_pictures=3)
    commit("merge", synset=kitty.wnid, target=cat.wnid)
    annotator = make_user()

    seen = []
    while (grid := Lease.objects.hand_out_grid(collection, annotator, count=2)).leases:
        assert grid.about == cat
        seen += [lease.question.image_id for lease in grid.leases]
        for lease in grid.leases:
            lease.answer(PRESENT)

    assert len(seen) == len(set(seen)) == 3


def test_after_a_merge_a_noun_is_left_where_only_what_became_it_is():
    collection, cat, kitty, _dog = verifying("cat", "kitty", "dog")
    collection.questions.exclude(about=kitty).delete()
    annotator = make_user()
    assert Lease.objects.nouns_left(collection, annotator) == {kitty}

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    assert Lease.objects.nouns_left(collection, annotator) == {cat}


def test_undoing_a_merge_gives_everything_back():
    collection, cat, kitty, dog = verifying("cat", "kitty", "dog", n_pictures=2)
    ask(collection, kitty, PRESENT, PRESENT)
    ask(collection, cat, ABSENT, ABSENT)
    ask(collection, dog, PRESENT)
    aggregation.refit(collection)
    before = state()
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    assert state() != before

    commit("undo", change=change.pk)

    assert state() == before


def test_votes_cast_on_what_a_noun_had_become_say_nothing_about_it_once_that_is_undone():
    collection, cat, kitty = verifying("cat", "kitty")
    Question.objects.filter(about=cat).delete()
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    question = ask(collection, cat, PRESENT, PRESENT)
    assert (question.about, question.label, question.state) == (kitty, cat, "settled")

    commit("undo", change=change.pk)

    question.refresh_from_db()
    assert (question.label, question.state, question.open_places) == (None, "open", 1)


def test_a_picture_that_settles_between_preparing_and_switching_is_named_anew():
    collection, cat, kitty = verifying("cat", "kitty")
    ask(collection, kitty, PRESENT)
    draft = drafting.propose(
        "merge", {"synset": kitty.wnid, "target": cat.wnid}, author=make_user(), reason="a test"
    )
    drafting.work_due()
    question = ask(collection, kitty, PRESENT)
    assert question.label == kitty

    finish(draft)

    question.refresh_from_db()
    assert (question.label, question.state) == (cat, "settled")


# --- Retire, move ------------------------------------------------------------------------------------------


def test_a_noun_that_retires_leaves_its_pictures_at_its_hypernym_and_comes_back():
    collection, cat, _dog = verifying("cat", "dog", n_pictures=2)
    tabby = make_synset("tabby", cat)
    collection.add_classes([tabby])
    add_pictures(collection, [IncomingPicture("t.png", make_picture(), about=(tabby,))], source="a test")
    question = ask(collection, tabby, PRESENT, PRESENT)
    before = state()

    change = commit("retire", synset=tabby.wnid)

    assert Question.objects.get(pk=question.pk).label == cat
    assert tabby not in collection.ordered_classes()
    commit("undo", change=change.pk)
    assert state() == before


def test_a_move_changes_no_label():
    collection, cat, _dog = verifying("cat", "dog")
    pet = make_synset("pet", collection.root)
    ask(collection, cat, PRESENT, PRESENT)
    before = state()

    commit("move", synset=cat.wnid, target=pet.wnid)

    assert state() == before


# --- Split -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_split_noun_is_asked_about_no_more_and_what_is_settled_stays(is_kept):
    collection, _cat, dog = verifying("cat", "dog", n_pictures=3)
    settled = ask(collection, dog, PRESENT, PRESENT)
    absent = ask(collection, dog, ABSENT, ABSENT)
    parts = [make_synset(name, collection.root).wnid for name in ("husky", "poodle")]
    before = state()

    change = commit("split", synset=dog.wnid, parts=parts, is_kept=is_kept)

    settled.refresh_from_db()
    assert (settled.state, settled.label) == ("settled", dog if is_kept else collection.root)
    assert Question.objects.get(pk=absent.pk).state == "absent"
    rest = collection.questions.filter(about=dog).exclude(pk__in=[settled.pk, absent.pk])
    assert set(rest.values_list("state", "open_places", "label")) == {("undecided", 0, None)}
    assert [noun.name for noun in collection.ordered_classes()] == ["cat", "husky", "poodle"]
    commit("undo", change=change.pk)
    assert state() == before
    assert Lease.objects.hand_out_grid(collection, make_user(), noun=dog).leases


def test_an_answer_about_a_noun_that_was_split_meanwhile_is_refused():
    collection, cat, dog = verifying("cat", "dog")
    annotator = make_user()
    [lease] = Lease.objects.hand_out_grid(collection, annotator, noun=dog).leases
    parts = [make_synset(name, dog).wnid for name in ("husky", "poodle")]
    commit("split", synset=dog.wnid, parts=parts, is_kept=True)

    with pytest.raises(Exception, match="Expected a noun that is still asked about; dog is not"):
        lease.answer(PRESENT)

    assert Lease.objects.hand_out_grid(collection, annotator).about == cat
    assert not Lease.objects.filter(pk=lease.pk).exists()


def test_a_vote_on_a_noun_that_was_split_since_is_not_taken_back():
    collection, _cat, dog = verifying("cat", "dog")
    annotator = make_user()
    [lease] = Lease.objects.hand_out_grid(collection, annotator, noun=dog).leases
    lease.answer(PRESENT)
    parts = [make_synset(name, dog).wnid for name in ("husky", "poodle")]
    commit("split", synset=dog.wnid, parts=parts, is_kept=True)

    with pytest.raises(NotUndoneError, match="it asks another question"):
        Lease.objects.take_back(annotator, lease.pk)


def test_a_refit_leaves_what_is_asked_no_more_as_it_is():
    collection, _cat, dog = verifying("cat", "dog", n_pictures=2)
    ask(collection, dog, PRESENT, PRESENT)
    parts = [make_synset(name, dog).wnid for name in ("husky", "poodle")]
    commit("split", synset=dog.wnid, parts=parts, is_kept=True)
    before = state()

    aggregation.refit(collection)

    assert state() == before


def test_the_preview_counts_labels_that_name_another_noun():
    collection, cat, kitty = verifying("cat", "kitty", n_pictures=3)
    ask(collection, kitty, PRESENT, PRESENT)
    ask(collection, kitty, ABSENT, ABSENT)

    counts = preview("merge", synset=kitty.wnid, target=cat.wnid)

    assert counts["labels that name another noun"] == 1
    assert counts["questions to ask again"] == 0


# --- The laws of any history -------------------------------------------------------------------------------


class VerifiedHistory(History):
    """The same, where every picture is asked about each noun."""

    def make_collection(self, slug, root, *classes):
        collection = Collection.objects.create(
            slug=slug, name=slug, root=root, min_votes=2, max_votes=5, target_confidence=0.9, kind="verify"
        )
        collection.set_classes(classes)
        add_pictures(
            collection, [IncomingPicture(f"{i}.png", make_picture(i)) for i in range(3)], source="a test"
        )
        for place, question in enumerate(collection.questions.order_by("image__sha256", "about")):
            Question.objects.filter(pk=question.pk).update(position=place)

    def vote(self):
        for _ in range(self.random.randint(1, 8)):
            annotator, collection = self.random.choice(self.people), self.any_collection()
            noun = self.random.choice([None, *collection.offered()])
            for lease in Lease.objects.hand_out_grid(collection, annotator, noun, 2).leases:
                if self.random.random() < 0.9:  # otherwise it is kept for later
                    self.answer(lease)

    def vote_on_old_page(self):
        for lease in Lease.objects.running().order_by("pk")[:1]:
            question = Question.objects.get(pk=lease.question_id)
            if (
                Choices.read(question.collection, None).about(question.about_id)
                in question.collection.offered()
            ):
                self.answer(lease)

    def answer(self, lease):
        is_true = lease.question.position % 3 == 0
        lease.answer(PRESENT if is_true == (self.random.random() < 0.8) else ABSENT)

    def check(self):
        votes = list(Vote.objects.order_by("pk").values_list())
        assert votes[: len(self.votes)] == self.votes, "a vote was edited"
        self.votes = votes
        for collection in Collection.objects.all():
            assert not any(noun.is_retired for noun in collection.ordered_classes())
            choices = Choices.read(collection, None)
            for question in collection.questions.order_by("pk"):
                check_question(question, choices)


def check_question(question, choices):
    label, state = question.label, question.state
    words = f"question {question.pk} about {question.about}, {state}, {label}, places {question.open_places}"
    assert question.n_votes == question.votes.count(), words
    assert question.narrowing is None, words
    today = Synset.objects.resolution().get(question.about_id, question.about_id)
    assert label is None or label.pk == today, words
    if state in ("open", "waiting"):
        assert choices.about(question.about_id), words
    if state == "open":
        assert question.open_places or question.leases.exists(), words
    else:
        assert not question.open_places, words
    if state == "settled":
        assert label is not None, words
    if state == "absent":
        assert label is None, words


@pytest.mark.parametrize("seed", range(1, 5))
def test_after_every_step_of_any_history_each_label_is_what_its_noun_is_today(seed):
    history = VerifiedHistory(seed)
    for _ in range(12):
        history.step()
        history.check()


@pytest.mark.parametrize("seed", range(10, 14))
def test_changes_undone_in_reverse_with_no_votes_between_give_everything_back_to_the_bit(seed):
    history = VerifiedHistory(seed)
    for _ in range(10):
        history.step()
    before, first = state_of_labels(), Change.objects.version()
    while Change.objects.version() < first + 3:
        arguments = history.any_change()
        if arguments[0] != "undo" or arguments[1]["change"] <= first:
            history.commit(*arguments)
            history.check()

    for change in Change.objects.filter(pk__gt=first):
        assert history.commit("undo", {"change": change.pk}), f"the undo of {change} was refused"
        history.check()

    assert state_of_labels() == before
