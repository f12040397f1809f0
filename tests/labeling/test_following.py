"""Labels follow a change of the taxonomy, and its undo gives them back exactly."""

import pytest

from labeling import aggregation
from labeling.models import (
    Collection,
    Lease,
    LeaseExpiredError,
    Narrowing,
    NotAClassError,
    Question,
    Reclass,
    Relabel,
    Vote,
)
from taxonomy import drafting
from taxonomy.changes import ChangeRefusedError
from taxonomy.models import Draft, Synset
from taxonomy.models.ledger import MOST_FAILURES
from tests.factories import make_collection, make_synset, make_user

pytestmark = pytest.mark.django_db


def commit(kind, **arguments):
    """Take a change all the way; return it."""
    draft = drafting.propose(kind, arguments, author=make_user(), reason="a test")
    return finish(draft).change


def finish(draft):
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == Draft.State.READY, draft.error
    draft.commit()
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == Draft.State.COMMITTED, draft.error
    return draft


def preview(kind, **arguments):
    """Return what the preview of a change counts, by its words."""
    draft = drafting.propose(kind, arguments, author=make_user(), reason="a test")
    drafting.work_due()
    draft.refresh_from_db()
    return {impact["what"]: impact["count"] for impact in draft.impact}


def collection_of(*names, n_questions=1, **fields):
    """Return a collection and its classes; a question settles at two votes alike."""
    fields = {"min_votes": 2, "max_votes": 4, "target_confidence": 0.9} | fields
    collection = make_collection(n_questions, names=names, **fields)
    return collection, *collection.ordered_classes()


def vote(collection, *synsets):
    """Have one new annotator a synset name the collection's first question."""
    for synset in synsets:
        annotator = make_user()
        Question.objects.filter(collection=collection).update(open_places=1, state="open")
        [lease] = Lease.objects.hand_out(collection, annotator, 1)
        lease.cast(synset)
    return Question.objects.get(collection=collection)


def labels():
    """Everything that says what a picture shows, or what is asked."""
    questions = Question.objects.order_by("pk")
    fields = ("label__wnid", "confidence", "state", "narrowing", "fit", "n_votes")
    classes = {
        c.slug: [s.wnid for s in c.ordered_classes()] for c in Collection.objects.select_related("root")
    }
    roots = dict(Collection.objects.values_list("slug", "root__wnid"))
    return list(questions.values_list(*fields)), classes, roots


def test_a_rename_touches_no_label():
    collection, cat, _dog = collection_of("cat", "dog")
    vote(collection, cat, cat)
    before = labels()

    commit("rename", synset=cat.wnid, name="house cat")

    assert labels() == before
    assert not Relabel.objects.exists()


def test_after_a_merge_votes_for_the_one_count_for_the_other():
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    assert vote(collection, cat, kitty, dog).state == "open"
    vote(collection, kitty)

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    question = Question.objects.get()
    assert (question.label, question.state) == (cat, "settled")
    assert collection.ordered_classes() == [cat, dog]
    assert Vote.objects.filter(synset=kitty).count() == 2  # no vote is edited


def test_a_merge_into_a_noun_that_is_no_class_renames_the_class():
    collection, cat, dog = collection_of("cat", "dog")
    feline = make_synset("feline", collection.root)
    before = vote(collection, cat, cat)

    commit("merge", synset=cat.wnid, target=feline.wnid)

    question = Question.objects.get()
    assert collection.ordered_classes() == [feline, dog]
    assert (question.label, question.confidence, question.state) == (feline, before.confidence, "settled")


def test_undoing_a_merge_gives_every_label_back():
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    vote(collection, cat, kitty, dog)
    before = labels()
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    assert labels() != before

    commit("undo", change=change.pk)

    assert labels() == before


def test_a_vote_for_what_a_noun_was_is_taken_as_what_it_is():
    collection, cat, kitty, _dog = collection_of("cat", "kitty", "dog")
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    commit("merge", synset=kitty.wnid, target=cat.wnid)

    lease.cast(kitty)

    assert Question.objects.get().label == cat


def test_a_question_that_was_voted_on_after_a_merge_is_decided_by_all_votes_when_it_is_undone():
    collection, cat, kitty, _dog = collection_of("cat", "kitty", "dog")
    vote(collection, kitty, kitty)
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)
    vote(collection, kitty)

    commit("undo", change=change.pk)

    question = Question.objects.get()
    assert (question.label, question.n_votes) == (kitty, 3)


def test_after_a_split_the_pictures_of_the_noun_stand_at_it_and_are_asked_again():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)

    commit(
        "split",
        synset=dog.wnid,
        parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}],
        is_kept=True,
    )

    question = Question.objects.get()
    assert (question.label, question.state, question.open_places) == (dog, "open", 2)
    assert [str(synset) for synset in question.choices()] == ["husky", "poodle"]
    assert [str(synset) for synset in collection.ordered_classes()] == ["cat", "husky", "poodle"]
    assert question in Question.objects.labelled()


def test_after_a_split_that_retires_the_noun_its_pictures_stand_at_its_parent():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)

    commit("split", synset=dog.wnid, parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}])

    question = Question.objects.get()
    assert (question.label, question.state) == (collection.root, "open")
    assert [str(synset) for synset in question.choices()] == ["husky", "poodle"]


def test_after_a_split_other_pictures_are_not_asked_again():
    collection, cat, dog = collection_of("cat", "dog")
    before = vote(collection, cat, cat)

    commit("split", synset=dog.wnid, parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}])

    question = Question.objects.get()
    assert (question.label, question.confidence, question.state) == (cat, before.confidence, "settled")


def test_who_named_the_noun_may_say_which_part_and_only_once():
    collection, _cat, dog = collection_of("cat", "dog")
    annotator = make_user()
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    lease.cast(dog)
    vote(collection, dog)
    commit(
        "split",
        synset=dog.wnid,
        parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}],
        is_kept=True,
    )
    husky = Synset.objects.named("husky")

    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    lease.cast(husky)

    assert Lease.objects.hand_out(collection, annotator, 1) == []
    assert Question.objects.get().label == dog  # one vote is not enough


def test_a_narrowed_picture_settles_at_its_part():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    commit(
        "split",
        synset=dog.wnid,
        parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}],
        is_kept=True,
    )
    husky = Synset.objects.named("husky")

    question = vote(collection, husky, husky)

    assert (question.label, question.state) == (husky, "settled")


def test_a_narrowed_picture_is_no_other_noun():
    collection, cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    commit(
        "split",
        synset=dog.wnid,
        parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}],
        is_kept=True,
    )
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)

    with pytest.raises(NotAClassError):
        lease.cast(cat)


def test_undoing_a_split_gives_every_label_back_whatever_was_narrowed_meanwhile():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    before = labels()
    change = commit(
        "split", synset=dog.wnid, parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]
    )
    husky = Synset.objects.named("husky")
    vote(collection, husky, husky)

    commit("undo", change=change.pk)

    [(*label, n_votes)], classes, roots = labels()
    assert ([(*label, n_votes - 2)], classes, roots) == before


def test_doing_a_split_again_brings_what_was_narrowed_back():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    change = commit(
        "split", synset=dog.wnid, parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]
    )
    husky = Synset.objects.named("husky")
    vote(collection, husky, husky)
    before = labels()
    undo = commit("undo", change=change.pk)

    commit("undo", change=undo.pk)

    assert labels() == before


def test_a_noun_that_retires_leaves_its_pictures_at_its_parent():
    collection, _cat, dog = collection_of("cat", "dog")
    before = vote(collection, dog, dog)
    old = labels()

    change = commit("retire", synset=dog.wnid)

    question = Question.objects.get()
    assert (question.label, question.confidence, question.state) == (
        collection.root,
        before.confidence,
        "settled",
    )
    commit("undo", change=change.pk)
    assert labels() == old


def test_a_collections_root_that_is_merged_is_followed():
    collection, _cat, _dog = collection_of("cat", "dog")
    root, beast = collection.root, make_synset("beast")

    change = commit("merge", synset=root.wnid, target=beast.wnid)

    collection.refresh_from_db()
    assert collection.root == beast
    commit("undo", change=change.pk)
    collection.refresh_from_db()
    assert collection.root == root


def test_a_preview_counts_what_a_merge_touches_and_changes_nothing():
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    vote(collection, cat, kitty, dog)
    before = labels()

    counts = preview("merge", synset=kitty.wnid, target=cat.wnid)

    assert counts["votes that count for another noun"] == 1
    assert counts["volunteers whose votes are touched"] == 1
    assert counts["collections that ask for other nouns"] == 1
    assert labels() == before


def test_a_preview_of_a_split_counts_the_questions_to_ask_again():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)

    counts = preview(
        "split", synset=dog.wnid, parts=[{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]
    )

    assert counts["questions to ask again"] == 1
    assert counts["consensus results that flip"] == 0
    assert counts["labels at these nouns or below them"] == 1


def test_a_preview_of_an_undo_counts_the_labels_that_come_back():
    collection, cat, kitty, _dog = collection_of("cat", "kitty", "dog")
    vote(collection, kitty, kitty)
    change = commit("merge", synset=kitty.wnid, target=cat.wnid)

    counts = preview("undo", change=change.pk)

    assert counts["labels that come back as they were"] == 1
    assert counts["consensus results that flip"] == 0


def test_a_vote_between_preparing_and_switching_is_not_overwritten(monkeypatch):
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    vote(collection, kitty, dog)
    draft = drafting.propose(
        "merge", {"synset": kitty.wnid, "target": cat.wnid}, author=make_user(), reason="a test"
    )
    prepare = drafting._prepare

    def prepare_and_vote(draft):
        found = prepare(draft)
        vote(collection, cat)
        return found

    monkeypatch.setattr(drafting, "_prepare", prepare_and_vote)
    finish(draft)

    question = Question.objects.get()
    assert (question.label, question.n_votes) == (cat, 4)
    assert question.state == "settled"


TWO = [{"name": "husky", "gloss": ""}, {"name": "poodle", "gloss": ""}]


def names(collection):
    return [str(synset) for synset in Collection.objects.get(pk=collection.pk).ordered_classes()]


def between_preparing_and_switching(monkeypatch, act):
    """Have `act` happen once a draft is prepared for its commit, the first time."""
    prepare, acts = drafting._prepare, [act]

    def prepare_and_act(draft):
        found = prepare(draft)
        if draft.state == Draft.State.QUEUED and acts:
            acts.pop()()
        return found

    monkeypatch.setattr(drafting, "_prepare", prepare_and_act)


def test_two_changes_of_one_collection_committed_at_once_both_count(monkeypatch):
    collection, cat, kitty, dog, puppy = collection_of("cat", "kitty", "dog", "puppy")
    other = drafting.propose(
        "merge", {"synset": puppy.wnid, "target": dog.wnid}, author=make_user(), reason="a test"
    )
    drafting.work_due()

    def commit_the_other():
        Draft.objects.filter(pk=other.pk).update(state="queued")
        drafting.work(Draft.objects.claim_next())

    between_preparing_and_switching(monkeypatch, commit_the_other)
    commit("merge", synset=kitty.wnid, target=cat.wnid)

    assert names(collection) == ["cat", "dog"]


def test_classes_that_an_owner_chose_meanwhile_are_not_overwritten(monkeypatch):
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    emu = make_synset("emu", collection.root)
    between_preparing_and_switching(monkeypatch, lambda: collection.set_classes([cat, kitty, dog, emu]))

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    assert names(collection) == ["cat", "dog", "emu"]


def test_changes_undone_out_of_order_give_every_class_back():
    collection, cat, kitty, dog, puppy = collection_of("cat", "kitty", "dog", "puppy")
    vote(collection, puppy, puppy)
    before = labels()
    first = commit("merge", synset=kitty.wnid, target=cat.wnid)
    second = commit("merge", synset=puppy.wnid, target=dog.wnid)

    commit("undo", change=first.pk)
    commit("undo", change=second.pk)

    assert labels() == before


def test_a_class_comes_back_though_another_was_split_since():
    collection, cat, kitty, dog = collection_of("cat", "kitty", "dog")
    merge = commit("merge", synset=kitty.wnid, target=cat.wnid)
    split = commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    commit("undo", change=merge.pk)
    assert names(collection) == ["cat", "kitty", "husky", "poodle"]
    commit("undo", change=split.pk)

    assert names(collection) == ["cat", "kitty", "dog"]


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize(("max_votes", "state"), [(8, "open"), (5, "undecided")])
def test_votes_for_a_split_noun_still_weigh_against_other_nouns(is_kept, max_votes, state):
    collection, cat, dog = collection_of("cat", "dog", target_confidence=0.97, max_votes=max_votes)
    question = vote(collection, dog, dog, cat, dog, cat)
    assert (question.label, question.state) == (dog, state)

    commit("split", synset=dog.wnid, parts=TWO, is_kept=is_kept)

    question = Question.objects.get()
    assert question.label == (dog if is_kept else collection.root)
    assert question.state in (state, "open")  # over more classes the same votes may be sure that it is a dog


def test_a_picture_that_turns_out_to_show_a_split_noun_is_asked_which_part_of_it():
    collection, cat, dog = collection_of("cat", "dog", target_confidence=0.97, max_votes=9)
    early = [make_user() for _ in range(6)]
    vote(collection, dog, cat)
    leases = []
    for annotator in early:
        Question.objects.update(open_places=1, state="open")
        leases += Lease.objects.hand_out(collection, annotator, 1)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    # What was on their screens still said dog; a vote for it is no answer any more, but those before still count.
    with pytest.raises(NotAClassError):
        leases[0].cast(dog)
    Vote.objects.bulk_create(
        Vote(
            question=lease.question,
            annotator=lease.annotator,
            synset=dog,
            answer="present",
            taxonomy_version=1,
        )
        for lease in leases
    )
    Question.objects.update(n_votes=8)
    aggregation.refit(collection)

    question = Question.objects.get()
    assert (question.label, question.state, str(question.narrowing)) == (
        dog,
        "open",
        f"{collection}: which dog?",
    )


def test_a_narrowed_picture_stands_at_what_the_noun_has_become():
    collection, _cat, dog = collection_of("cat", "dog")
    canine = make_synset("canine", collection.root)
    vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    commit("merge", synset=dog.wnid, target=canine.wnid)
    assert Question.objects.get().label == canine

    question = vote(collection, Synset.objects.named("husky"))

    assert question.label == canine
    assert question.words == "Which kind of canine is this?"


def test_a_settled_picture_that_is_voted_on_while_its_noun_is_split_is_narrowed(monkeypatch):
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    between_preparing_and_switching(monkeypatch, lambda: vote(collection, dog))

    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    question = Question.objects.get()
    assert (question.label, question.state, question.n_votes) == (dog, "open", 3)
    assert question.narrowing is not None


def test_a_settled_picture_that_is_doubted_while_its_noun_is_split_is_what_its_votes_say(monkeypatch):
    collection, cat, dog = collection_of("cat", "dog", max_votes=8)
    vote(collection, dog, dog)
    between_preparing_and_switching(monkeypatch, lambda: vote(collection, cat, cat, cat))

    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    question = Question.objects.get()
    assert (question.label, question.narrowing, question.n_votes) == (cat, None, 5)


@pytest.mark.parametrize("is_refitted", [True, False])
def test_what_a_refit_found_between_preparing_and_switching_is_not_overwritten(monkeypatch, is_refitted):
    collection, cat, _dog = collection_of("cat", "dog")
    vote(collection, cat, cat)
    Question.objects.update(state="open", open_places=1, confidence=0.5)
    between_preparing_and_switching(monkeypatch, lambda: is_refitted and aggregation.refit(collection))

    commit("merge", synset=cat.wnid, target=make_synset("feline", collection.root).wnid)

    question = Question.objects.get()
    assert (str(question.label), question.state) == ("feline", "settled" if is_refitted else "open")
    assert question.confidence >= (0.9 if is_refitted else 0.5)


def test_a_picture_that_is_narrowed_further_while_its_split_is_undone_is_what_it_was(monkeypatch):
    collection, _cat, dog = collection_of("cat", "dog")
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    vote(collection, dog, dog)
    split = commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True)
    between_preparing_and_switching(monkeypatch, lambda: vote(collection, husky))

    commit("undo", change=split.pk)

    question = Question.objects.get()
    assert (question.label, question.state, question.narrowing) == (dog, "settled", None)
    assert names(collection) == ["cat", "dog"]


def test_pictures_labelled_while_a_split_was_undone_are_narrowed_when_it_is_done_again():
    collection, _cat, dog = collection_of("cat", "dog")
    split = commit("split", synset=dog.wnid, parts=TWO)
    undo = commit("undo", change=split.pk)
    vote(collection, dog, dog)

    commit("undo", change=undo.pk)

    question = Question.objects.get()
    assert (question.label, question.state) == (collection.root, "open")
    assert [str(synset) for synset in question.choices()] == ["husky", "poodle"]


def test_whoever_is_narrowing_a_picture_while_the_split_is_undone_is_told_to_look_again():
    collection, _cat, dog = collection_of("cat", "dog")
    annotator = make_user()
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    lease.cast(dog)
    vote(collection, dog)
    split = commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    commit("undo", change=split.pk)

    with pytest.raises(LeaseExpiredError):
        lease.cast(dog)


def test_votes_that_narrowed_a_picture_do_not_use_up_its_votes_once_the_split_is_undone():
    collection, _cat, dog = collection_of("cat", "dog", min_votes=3, max_votes=4)
    vote(collection, dog, dog)
    Question.objects.update(state="settled", open_places=0)
    split = commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    vote(collection, *[Synset.objects.named("husky")] * 2)
    commit("undo", change=split.pk)
    Question.objects.update(state="open")

    aggregation.refit(collection)

    assert Question.objects.get().state == "open"


def test_a_root_that_its_owner_chose_since_stays():
    collection, _cat, _dog = collection_of("cat", "dog")
    beast, other = make_synset("beast"), make_synset("other")
    change = commit("merge", synset=collection.root.wnid, target=beast.wnid)
    Collection.objects.update(root=other)

    commit("undo", change=change.pk)

    assert Collection.objects.get().root == other


def test_a_narrowed_picture_whose_parts_are_merged_into_one_is_that_one():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    husky, poodle = Synset.objects.named("husky"), Synset.objects.named("poodle")
    before = labels()

    merge = commit("merge", synset=husky.wnid, target=poodle.wnid)

    question = Question.objects.get()
    assert (question.label, question.state) == (poodle, "settled")
    commit("undo", change=merge.pk)
    assert labels() == before


def test_old_votes_for_a_noun_that_is_merged_into_a_class_count_for_it():
    collection, cat, dog = collection_of("cat", "dog")
    kitty = make_synset("kitty", collection.root)
    question = vote(collection, cat, dog)
    Vote.objects.bulk_create(
        Vote(question=question, annotator=make_user(), synset=kitty, answer="present", taxonomy_version=1)
        for _ in range(2)
    )
    Question.objects.update(n_votes=4)

    commit("merge", synset=kitty.wnid, target=cat.wnid)

    question = Question.objects.get()
    assert (question.label, question.state) == (cat, "settled")


def test_a_draft_that_is_given_up_leaves_nothing_that_was_prepared(monkeypatch):
    collection, cat, kitty, _dog = collection_of("cat", "kitty", "dog")
    vote(collection, kitty, kitty)
    draft = drafting.propose(
        "merge", {"synset": kitty.wnid, "target": cat.wnid}, author=make_user(), reason="a test"
    )
    drafting.work_due()
    assert Relabel.objects.exists()
    monkeypatch.setattr(drafting, "_prepare", lambda draft: 1 / 0)
    Draft.objects.update(state=Draft.State.QUEUED)

    for _ in range(MOST_FAILURES):
        Draft.objects.update(claimed_until=None)
        with pytest.raises(ZeroDivisionError):
            drafting.work_due()

    draft.refresh_from_db()
    assert draft.state == Draft.State.REFUSED
    assert not Relabel.objects.exists()
    assert not Reclass.objects.exists()


def narrowings():
    """What is asked of pictures whose noun was split, wherever that stands."""
    return [
        (str(each), each.stands_at, set(each.parts.all()), each.is_over) for each in Narrowing.objects.all()
    ]


def test_a_second_split_of_a_noun_is_refused_and_the_first_stands():
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    first = commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    before = labels(), narrowings()

    with pytest.raises(ChangeRefusedError, match=f"change {first.pk} stands"):
        commit("split", synset=dog.wnid, parts=[{"name": "beagle", "gloss": ""}, TWO[0]], is_kept=True)

    assert (labels(), narrowings()) == before


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_split_that_is_done_again_narrows_what_it_narrowed_whatever_was_split_meanwhile(is_kept):
    collection, _cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    first = commit("split", synset=dog.wnid, parts=TWO, is_kept=is_kept)
    before = labels(), narrowings()
    undo = commit("undo", change=first.pk)
    second = commit("split", synset=dog.wnid, parts=[{"name": "beagle", "gloss": ""}, TWO[0]], is_kept=True)
    commit("undo", change=second.pk)

    commit("undo", change=undo.pk)

    assert (labels(), narrowings()) == before


def test_a_split_that_is_done_again_stands_at_its_noun_whatever_that_was_merged_into_meanwhile():
    collection, _cat, dog = collection_of("cat", "dog")
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    vote(collection, dog, dog)
    split = commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True)
    before = labels(), narrowings()
    merge = commit("merge", synset=dog.wnid, target=make_synset("canine", collection.root).wnid)
    undo = commit("undo", change=split.pk)
    commit("undo", change=undo.pk)

    commit("undo", change=merge.pk)

    assert (labels(), narrowings()) == before


@pytest.mark.parametrize("choose", [True, False])
def test_a_noun_that_was_no_class_is_narrowed_only_where_the_collection_knows_it(choose):
    collection, cat, dog = collection_of("cat", "dog")
    vote(collection, cat, cat)
    collection.set_classes([cat, dog] if choose else [cat])

    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    assert Narrowing.objects.exists() is choose


@pytest.mark.parametrize("meanwhile", ["split", "choose"])
def test_a_merge_that_is_done_again_after_the_classes_changed_renames_its_class(meanwhile):
    collection, cat, dog, emu = collection_of("cat", "dog", "emu")
    merge = commit("merge", synset=cat.wnid, target=make_synset("feline", collection.root).wnid)
    undo = commit("undo", change=merge.pk)
    if meanwhile == "split":
        commit("split", synset=emu.wnid, parts=TWO, is_kept=True)
    else:
        collection.set_classes([cat, dog])

    commit("undo", change=undo.pk)

    assert names(collection)[:2] == ["feline", "dog"]


def test_a_noun_that_retires_again_after_the_classes_changed_leaves_them():
    collection, cat, dog, _emu = collection_of("cat", "dog", "emu")
    undo = commit("undo", change=commit("retire", synset=dog.wnid).pk)
    collection.set_classes([dog, cat])

    commit("undo", change=undo.pk)

    assert names(collection) == [str(collection.root), "cat"]


def two_origins():
    """Return a collection that asks for husky for two reasons, and the merge and the split that are these."""
    collection, _cat, kitty, dog = collection_of("cat", "kitty", "dog")
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    merge = commit("merge", synset=kitty.wnid, target=husky.wnid)
    split = commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True)
    assert names(collection) == ["cat", "husky", "poodle"]
    return collection, merge, split


@pytest.mark.parametrize("add", [True, False])
def test_a_class_of_two_origins_stays_when_the_merge_is_undone(add):
    collection, merge, _split = two_origins()
    if add:
        collection.set_classes([*collection.ordered_classes(), make_synset("emu", collection.root)])

    commit("undo", change=merge.pk)

    assert names(collection) == ["cat", "kitty", "husky", "poodle", "emu"][: 5 if add else 4]


def test_a_class_of_two_origins_stays_when_the_split_is_undone():
    collection, merge, split = two_origins()

    commit("undo", change=split.pk)
    assert names(collection) == ["cat", "husky", "dog"]
    commit("undo", change=merge.pk)

    assert names(collection) == ["cat", "kitty", "dog"]


def split_into_its_kinds(collection, dog):
    """Split a dog into kinds that are in the tree and stay there."""
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    return commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True), husky, poodle


def test_whoever_named_a_part_has_named_the_noun_once_the_split_is_undone():
    collection, _cat, dog = collection_of("cat", "dog")
    split, husky, _poodle = split_into_its_kinds(collection, dog)
    assert vote(collection, husky, husky).label == husky

    undo = commit("undo", change=split.pk)

    question = Question.objects.get()
    assert (question.label, question.state, question.choices()[-1]) == (dog, "settled", dog)
    aggregation.refit(collection)
    assert Question.objects.get().label == dog
    assert vote(collection, dog).label == dog
    assert undo.draft.relabels.get().is_flip is False


def test_a_part_that_is_named_on_a_page_that_was_open_while_the_split_was_undone_is_the_noun():
    collection, _cat, dog = collection_of("cat", "dog")
    split, husky, _poodle = split_into_its_kinds(collection, dog)
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    commit("undo", change=split.pk)

    lease.cast(husky)

    assert Question.objects.get().label == dog


def test_what_was_said_of_parts_comes_back_when_the_split_is_done_again():
    collection, _cat, dog = collection_of("cat", "dog")
    split, husky, _poodle = split_into_its_kinds(collection, dog)
    vote(collection, husky, husky)
    before = labels()
    undo = commit("undo", change=split.pk)

    commit("undo", change=undo.pk)

    assert labels() == before


def test_a_label_that_names_no_class_once_a_change_is_undone_is_asked_for_again():
    collection, _cat, dog = collection_of("cat", "dog")
    wolf = make_synset("wolf", collection.root)
    merge = commit("merge", synset=dog.wnid, target=wolf.wnid)
    vote(collection, wolf, wolf)

    undo = commit("undo", change=merge.pk)

    question = Question.objects.get()
    assert (question.label, question.state, question.open_places) == (None, "open", 1)
    commit("undo", change=undo.pk)
    assert Question.objects.get().label == wolf


def test_a_part_that_was_named_while_its_split_was_being_undone_is_the_noun(monkeypatch):
    collection, _cat, dog = collection_of("cat", "dog")
    split, husky, _poodle = split_into_its_kinds(collection, dog)
    between_preparing_and_switching(monkeypatch, lambda: vote(collection, husky, husky))

    commit("undo", change=split.pk)

    question = Question.objects.get()
    assert (question.label, question.state) == (dog, "settled")


def refusal(kind, **arguments):
    """Return why a change is refused once it is known what depends on it."""
    draft = drafting.propose(kind, arguments, author=make_user(), reason="a test")
    drafting.work_due()
    draft.refresh_from_db()
    assert draft.state == Draft.State.REFUSED
    return draft.error


def test_a_collections_root_does_not_retire_to_nothing():
    collection, _cat, _dog = collection_of("cat", "dog")
    root = collection.root
    assert f"{collection} uses it" in refusal("retire", synset=root.wnid)
    commit("move", synset=root.wnid, target=make_synset("thing").wnid)

    commit("retire", synset=root.wnid)

    assert str(Collection.objects.get().root) == "thing"


@pytest.mark.parametrize("is_voted", [True, False])
def test_what_narrowed_pictures_stand_at_does_not_retire_to_nothing(is_voted):
    collection = make_collection(1, names=("cat",), min_votes=2, max_votes=4, target_confidence=0.9)
    dog = make_synset("dog")  # a root of its own
    collection.set_classes([dog, *collection.ordered_classes()])
    if is_voted:
        vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    assert f"Expected that {dog} becomes another noun" in refusal("retire", synset=dog.wnid)

    commit("merge", synset=dog.wnid, target=make_synset("canine").wnid)

    assert str(Narrowing.objects.get().label) == "canine"


def test_a_picture_of_a_split_noun_none_of_whose_parts_is_asked_for_is_given_up():
    collection, cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    before = labels()
    collection.set_classes([cat])

    split = commit("split", synset=dog.wnid, parts=TWO, is_kept=True)

    question = Question.objects.get()
    assert (question.label, question.state, question.open_places) == (dog, "undecided", 0)
    commit("undo", change=split.pk)
    assert labels()[0] == before[0]


def test_a_picture_whose_votes_say_a_noun_without_parts_is_given_up_by_a_refit_and_by_a_vote():
    collection, cat, dog = collection_of("cat", "dog", max_votes=9)
    vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    collection.set_classes([cat])
    Question.objects.update(narrowing=None, state="open", open_places=1)
    aggregation.refit(collection)
    assert (Question.objects.get().label, Question.objects.get().state) == (dog, "undecided")

    question = vote(collection, None)

    assert (question.label, question.state) == (dog, "undecided")


@pytest.mark.parametrize("how", ["vote", "change"])
def test_a_narrowed_picture_that_has_nothing_left_to_answer_is_given_up(how):
    collection, cat, dog = collection_of("cat", "dog")
    vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=TWO, is_kept=True)
    collection.set_classes([cat])

    if how == "vote":
        vote(collection, None)
    else:
        commit("merge", synset=cat.wnid, target=make_synset("feline", collection.root).wnid)

    question = Question.objects.get()
    assert (question.label, question.state, question.open_places) == (dog, "undecided", 0)


def test_no_undo_brings_a_narrowing_back_whose_own_split_was_undone_before():
    collection, _cat, dog = collection_of("cat", "dog")
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    vote(collection, dog, dog)
    first = commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True)
    vote(collection, husky, husky)
    second = commit("split", synset=husky.wnid, parts=TWO, is_kept=True)
    assert Question.objects.get().narrowing.noun == husky
    commit("undo", change=first.pk)

    commit("undo", change=second.pk)

    question = Question.objects.get()
    assert (question.label, question.state, question.narrowing) == (dog, "settled", None)


def test_a_narrowed_label_that_is_no_part_any_more_is_asked_for_again():
    collection, _cat, kitty, dog = collection_of("cat", "kitty", "dog")
    husky, poodle = make_synset("husky", dog), make_synset("poodle", dog)
    vote(collection, dog, dog)
    commit("split", synset=dog.wnid, parts=[husky.wnid, poodle.wnid], is_kept=True)
    commit("merge", synset=husky.wnid, target=kitty.wnid)
    assert vote(collection, kitty, kitty).label == kitty
    before = labels()

    restore = commit("restore", synset=husky.wnid)

    question = Question.objects.get()
    assert (question.label, question.state, question.choices()) == (dog, "open", [poodle])
    commit("undo", change=restore.pk)
    assert labels() == before
