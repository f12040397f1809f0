"""Does this picture show a husky? Answers, what they decide, and what is learnt from them."""

import pytest

from labeling import aggregation, overview
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import (
    SKIP,
    Answer,
    AnsweredOtherwiseError,
    Collection,
    Lease,
    NotAClassError,
    NotUndoneError,
    Question,
    Retraction,
    Vote,
    Walk,
)
from tests.factories import make_collection, make_lease, make_picture, make_synset, make_user

pytestmark = pytest.mark.django_db

PRESENT, ABSENT, CANNOT_TELL = Vote.Answer.PRESENT, Vote.Answer.ABSENT, Vote.Answer.CANNOT_TELL


def make_verifying(n_pictures: int = 1, **fields) -> Collection:
    """Without gold, and sure after two votes that agree."""
    fields = {"gold_share": 0, "target_confidence": 0.9, **fields}
    return make_collection(n_pictures, kind=Collection.Kind.VERIFY, **fields)


def lend(collection: Collection, annotator=None) -> Lease:
    """Lend a question about the first noun."""
    noun = collection.ordered_classes()[0]
    [lease] = Lease.objects.hand_out_grid(collection, annotator or make_user(), noun=noun, count=1).leases
    return lease


def cast(lease: Lease, kind: str = "", wnid: str = ""):
    [outcome] = Lease.objects.cast(lease.annotator, [Answer(lease.pk, wnid, kind)])
    return outcome


# --- Answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "is_named"), [(PRESENT, True), (ABSENT, True), (CANNOT_TELL, False)])
def test_an_answer_is_a_vote_on_the_noun_that_was_asked_about(kind, is_named):
    collection = make_verifying()
    cat, _dog = collection.ordered_classes()

    vote = cast(lend(collection), kind).vote

    vote.refresh_from_db()
    assert (vote.answer, vote.synset) == (kind, cat if is_named else None)
    assert not Lease.objects.exists()


@pytest.mark.parametrize("kind", [PRESENT, ABSENT])
def test_the_noun_may_be_named(kind):
    collection = make_verifying()
    cat, _dog = collection.ordered_classes()

    assert cast(lend(collection), kind, cat.wnid).vote.answer == kind


@pytest.mark.parametrize("kind", [PRESENT, ABSENT])
def test_an_answer_about_another_noun_is_refused(kind):
    collection = make_verifying()
    _cat, dog = collection.ordered_classes()

    refusal = cast(lend(collection), kind, dog.wnid).refusal

    assert isinstance(refusal, NotAClassError)
    assert str(refusal) == f"Expected an answer about cat; found one about {dog.wnid!r}."


def test_none_of_these_makes_no_sense_about_one_noun():
    refusal = cast(lend(make_verifying()), Vote.Answer.NONE_OF_THESE).refusal

    assert str(refusal) == "Expected the answer present or absent or cannot_tell; found none_of_these."


@pytest.mark.parametrize("is_named", [True, False])
def test_absent_makes_no_sense_where_nouns_are_chosen_among(is_named):
    lease = make_lease()
    wnid = lease.question.collection.ordered_classes()[0].wnid if is_named else ""

    refusal = cast(lease, ABSENT, wnid).refusal

    assert str(refusal) == "Expected the answer present or cannot_tell or none_of_these; found absent."


def test_present_needs_a_noun_where_nouns_are_chosen_among():
    assert str(cast(make_lease(), PRESENT).refusal) == (
        "Expected a synset with the answer present alone; found present."
    )


def test_an_answer_that_is_sent_again_is_known_and_another_one_refused():
    collection = make_verifying()
    cat, _dog = collection.ordered_classes()
    lease = lend(collection)
    cast(lease, ABSENT)

    assert cast(lease, ABSENT).is_repeated
    assert cast(lease, ABSENT, cat.wnid).is_repeated
    refusal = cast(lease, PRESENT).refusal
    assert isinstance(refusal, AnsweredOtherwiseError)
    assert str(refusal) == "You have already answered this question: it does not show this."
    assert Vote.objects.count() == 1


def test_a_picture_that_is_skipped_goes_to_others():
    collection = make_verifying()
    lease = lend(collection)

    assert cast(lease, SKIP).skip

    cat, _dog = collection.ordered_classes()
    assert Lease.objects.hand_out_grid(collection, lease.annotator, noun=cat).leases == []
    assert Question.objects.get(pk=lease.question_id).open_places == 2


def test_an_answer_can_be_taken_back():
    collection = make_verifying(min_votes=1)
    lease = lend(collection)
    cast(lease, ABSENT)

    again = Lease.objects.take_back(lease.annotator, lease.pk)

    question = Question.objects.get(pk=lease.question_id)
    assert (question.state, question.label, question.n_votes) == ("open", None, 0)
    assert Retraction.objects.get().answer == ABSENT
    assert cast(again, PRESENT).vote


# --- What is decided ---------------------------------------------------------------------------------------


def ask(collection: Collection, *kinds: str) -> Question:
    """Have so many people answer one question about the first noun."""
    for kind in kinds:
        lease = lend(collection)
        cast(lease, kind)
    return Question.objects.get(pk=lease.question_id)


def test_two_who_see_it_settle_it():
    collection = make_verifying()

    question = ask(collection, PRESENT, PRESENT)

    assert (question.state, question.label) == ("settled", question.about)
    # Two newcomers, right 85 times in 100: 0.85^2 / (0.85^2 + 0.15^2).
    assert question.confidence == pytest.approx(0.7225 / 0.745)


def test_two_who_do_not_see_it_settle_that_it_is_absent():
    question = ask(make_verifying(), ABSENT, ABSENT)

    assert (question.state, question.label, question.open_places) == ("absent", None, 0)
    assert question.confidence == pytest.approx(0.7225 / 0.745)


def test_absent_is_among_no_settled_labels():
    collection = make_verifying()
    ask(collection, ABSENT, ABSENT)

    assert not collection.questions.settled().exists()
    assert collection.questions.counts()["n_absent"] == 1


def test_where_people_differ_one_more_is_asked_and_then_it_is_given_up():
    collection = make_verifying(max_votes=3, target_confidence=0.99)

    question = ask(collection, PRESENT, ABSENT)
    assert (question.state, question.open_places) == ("open", 1)

    question = ask(collection, CANNOT_TELL)
    assert (question.state, question.open_places) == ("undecided", 0)


def test_who_cannot_tell_settles_nothing():
    question = ask(make_verifying(max_votes=2, target_confidence=0.51), CANNOT_TELL, CANNOT_TELL)

    assert (question.state, question.label) == ("undecided", None)


# --- Gold --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "kind", "is_right"),
    [("cat", PRESENT, True), ("cat", ABSENT, False), ("dog", PRESENT, False), ("dog", ABSENT, True)],
)
def test_gold_is_right_where_the_noun_is_said_to_be_what_it_is_known_to_be(truth, kind, is_right):
    collection = make_verifying()
    cat, dog = collection.ordered_classes()
    collection.questions.update(is_gold=True, truth={"cat": cat, "dog": dog}[truth])
    lease = lend(collection)

    outcome = cast(lease, kind)

    assert outcome.is_right is is_right
    assert outcome.truth.name == truth
    walk = Walk.objects.get(annotator=lease.annotator)
    assert (walk.n_gold, walk.n_gold_right) == (1, int(is_right))
    question = Question.objects.get(pk=lease.question_id)
    assert (question.state, question.label) == (("settled", cat) if truth == "cat" else ("absent", None))


def test_gold_cannot_be_taken_back():
    collection = make_verifying()
    collection.questions.update(is_gold=True, truth=collection.ordered_classes()[0])
    lease = lend(collection)
    cast(lease, PRESENT)

    with pytest.raises(NotUndoneError, match="whose answer you were not told"):
        Lease.objects.take_back(lease.annotator, lease.pk)


# --- Refit -------------------------------------------------------------------------------------------------


def vote_on_all(collection: Collection, annotators: int, answer) -> None:
    """Have people answer every question by answer(question, person's place)."""
    for place in range(annotators):
        annotator = make_user()
        while (grid := Lease.objects.hand_out_grid(collection, annotator)).leases:
            for lease in grid.leases:
                lease.answer(answer(lease.question, place))


def make_voted(n_pictures: int = 8, **fields) -> Collection:
    """Every second picture shows each noun; of four people the last one says the opposite of the others."""
    collection = make_verifying(n_pictures, min_votes=4, max_votes=4, **fields)

    def answer(question: Question, place: int) -> str:
        return PRESENT if (question.image_id % 2 == 0) != (place == 3) else ABSENT

    vote_on_all(collection, 4, answer)
    return collection


def test_a_refit_learns_who_sees_rightly_and_settles_both_ways():
    collection = make_voted()

    report = aggregation.refit(collection)

    fit = collection.latest_fit
    assert fit.classes == ["absent", "present"]
    assert len(fit.parameters["prior"]) == 2
    assert (report.n_votes, report.n_questions, report.n_settled) == (64, 16, 16)
    for question in collection.questions.all():
        is_there = question.image_id % 2 == 0
        assert question.state == ("settled" if is_there else "absent")
        assert question.label == (question.about if is_there else None)
        assert question.fit == fit
    skills = [skill.mean for skill in collection.skills.order_by("annotator")]
    assert min(skills[:3]) > 0.8
    assert skills[3] < 0.5


def test_votes_go_on_from_what_a_refit_learnt():
    collection = make_voted()
    aggregation.refit(collection)
    collection.refresh_from_db()
    fit = collection.latest_fit
    add_pictures(collection, [IncomingPicture("new.png", make_picture())], source="a test")
    Collection.objects.filter(pk=collection.pk).update(min_votes=1)
    collection.refresh_from_db()

    question = ask(collection, PRESENT)

    assert question.fit == fit


def test_a_refit_says_how_often_it_finds_what_is_known():
    collection = make_voted(4)
    cat, dog = collection.ordered_classes()
    for question in collection.questions.all():
        truth = question.about if question.image_id % 2 == 0 else {cat: dog, dog: cat}[question.about]
        Question.objects.filter(pk=question.pk).update(truth=truth)

    report = aggregation.refit(collection)

    assert (report.n_known, report.accuracy, report.majority_accuracy) == (8, 1.0, 1.0)
    assert collection.questions.accuracy() == 1.0


def test_a_refit_that_a_change_of_the_nouns_overtakes_begins_again(monkeypatch):
    collection = make_voted(2)
    calls = []
    read = Vote.objects.as_verified_arrays

    def change_meanwhile(*args):
        found = read(*args)
        if not calls:
            calls.append(make_synset("eel", collection.root))
        return found

    monkeypatch.setattr(Vote.objects, "as_verified_arrays", change_meanwhile)

    aggregation.refit(collection)

    assert collection.fits.count() == 1


def test_without_votes_a_refit_finds_nothing():
    report = aggregation.refit(make_verifying())

    assert (report.n_votes, report.n_questions) == (0, 0)


# --- What pages say ----------------------------------------------------------------------------------------


def test_absent_counts_as_work_that_is_done():
    report = overview.report(make_voted())

    assert (report.counts["n_decided"], report.counts["n_settled"], report.counts["n_absent"]) == (16, 8, 8)
    assert report.pace.days_left == 0
