import numpy as np
import pytest
from django.utils import timezone

from datasets.manifest import ManifestRow, VoteRow
from labeling.models import Image, Vote
from tests.factories import freeze_all, make_run, make_settled_collection, make_user
from training.config import Config
from training.dataset import SplitError
from training.models import Run
from training.running import execute
from training.targets import Nouns, posteriors, shared_out, shares

# entity > animal > (cat, dog); entity > car
TAXONOMY = {
    "classes": ["cat", "dog", "car"],
    "nouns": {
        "entity": {"name": "entity", "hypernyms": []},
        "animal": {"name": "animal", "hypernyms": ["entity"]},
        "cat": {"name": "cat", "hypernyms": ["animal"]},
        "dog": {"name": "dog", "hypernyms": ["animal"]},
        "car": {"name": "car", "hypernyms": ["entity"]},
    },
}
CAT, DOG, CAR = range(3)


def row(picture, wnid="cat", confidence=0.9):
    return ManifestRow(picture, f"{picture}.png", wnid, wnid, confidence, 3, "train", "", "")


def said(picture, *wnids, answer="present"):
    """Return a vote of each annotator, from 1, for one noun each."""
    return [VoteRow(picture, number, wnid, answer, None) for number, wnid in enumerate(wnids, start=1)]


def crowd(n=60):
    """Return rows and votes of n pictures on which three annotators agree, the classes taking turns."""
    rows = [row(f"{i:03}", TAXONOMY["classes"][i % 3]) for i in range(n)]
    return rows, [vote for each in rows for vote in said(each.sha256, *[each.wnid] * 3)]


def test_without_votes_the_confidence_is_the_labels_and_the_rest_is_shared_out():
    targets = posteriors(TAXONOMY, [row("a", "dog", 0.9), row("b", "car", 1.0)], [])

    np.testing.assert_allclose(targets, [[0.05, 0.9, 0.05], [0, 0, 1]], rtol=1e-6)
    assert targets.dtype == np.float32


def test_one_class_is_certain():
    assert shared_out(np.array([0, 0]), np.array([0.4, 1.0]), 1).tolist() == [[1], [1]]


def test_votes_that_differ_make_a_target_between_their_classes():
    rows, votes = crowd()

    targets = posteriors(TAXONOMY, [*rows, row("x", "cat")], [*votes, *said("x", "cat", "cat", "dog")])

    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-5)
    cat, dog, car = targets[-1]
    assert 0.7 < cat < targets[0, CAT]  # a picture on which all agree
    assert dog > 5 * car


def test_what_is_certain_is_known_and_tells_who_is_right():
    rows, votes = crowd()
    known = [row(f"k{i:02}", "dog", 1.0) for i in range(30)]
    wrong = [vote for each in known for vote in said(each.sha256, "cat", "dog", "dog")]

    targets = posteriors(TAXONOMY, [*rows, *known, row("x")], [*votes, *wrong, *said("x", "cat", "dog")])

    assert targets[60].tolist() == [0, 1, 0]
    # Annotator 1 took thirty known dogs for cats.
    assert targets[-1, DOG] > targets[-1, CAT]


def test_a_vote_for_a_noun_above_some_classes_leaves_the_others_less_probable():
    rows, votes = crowd()
    seen = said("x", "animal", "animal", "animal")

    targets = posteriors(TAXONOMY, [*rows, row("x")], [*votes, *seen])

    assert targets[-1, CAR] < 0.02
    np.testing.assert_allclose(targets[-1, CAT], targets[-1, DOG], rtol=0.1)


@pytest.mark.parametrize("wnid", ["", "entity", "siamese"], ids=["no noun", "above all classes", "not in it"])
def test_a_vote_that_says_nothing_of_the_classes_leaves_the_confidence(wnid):
    rows, votes = crowd()

    targets = posteriors(TAXONOMY, [*rows, row("x", "cat", 0.8)], [*votes, *said("x", wnid)])

    np.testing.assert_allclose(targets[-1], [0.8, 0.1, 0.1], rtol=1e-6)


def test_who_cannot_tell_makes_the_others_less_sure():
    rows, votes = crowd()
    shaky = said("x", "cat", "cat")
    unsure = [VoteRow("x", number, "", "cannot_tell", None) for number in range(3, 9)]

    sure = posteriors(TAXONOMY, [*rows, row("x")], [*votes, *shaky])
    less = posteriors(TAXONOMY, [*rows, row("x")], [*votes, *shaky, *unsure])

    assert less[-1, CAT] < sure[-1, CAT]


def test_shares_are_those_of_the_votes_even_where_a_label_is_certain():
    rows = [row("x", "cat", 1.0)]

    targets = shares(TAXONOMY, rows, said("x", "cat", "cat", "cat", "dog"))

    np.testing.assert_allclose(targets, [[0.75, 0.25, 0]])
    assert targets.dtype == np.float32


def test_a_vote_for_a_noun_above_some_classes_is_shared_out_among_them():
    targets = shares(TAXONOMY, [row("x", "cat")], said("x", "cat", "cat", "animal", "car"))

    np.testing.assert_allclose(targets, [[2.5 / 4, 0.5 / 4, 1 / 4]])


def test_shares_of_a_picture_without_votes_follow_its_confidence():
    unsure = VoteRow("y", 9, "", "cannot_tell", None)

    targets = shares(TAXONOMY, [row("x", "dog", 0.9), row("y")], [*said("y", "cat"), unsure])

    np.testing.assert_allclose(targets, [[0.05, 0.9, 0.05], [1, 0, 0]], rtol=1e-6)


def test_where_it_was_asked_whether_one_noun_is_shown_the_confidence_stands():
    rows, votes = crowd()

    targets = posteriors(TAXONOMY, rows, [*votes, *said(rows[0].sha256, "dog", answer="absent")])

    np.testing.assert_allclose(targets[0], [0.9, 0.05, 0.05], rtol=1e-6)


def test_votes_on_other_pictures_count_for_nothing():
    rows, votes = crowd()
    elsewhere = [vote for i in range(50) for vote in said(f"validation-{i}", "cat", "dog", "car")]

    np.testing.assert_array_equal(
        posteriors(TAXONOMY, rows, votes), posteriors(TAXONOMY, rows, [*votes, *elsewhere])
    )


def test_a_class_above_other_classes_means_itself_and_what_lies_between_is_rolled_up():
    taxonomy = {"classes": ["cat", "animal"], "nouns": TAXONOMY["nouns"]}

    nouns = Nouns(taxonomy)

    assert nouns.label("animal") == 1
    assert nouns.label("dog") == 1
    assert nouns.label("cat") == 0
    assert nouns.label("entity") is None


def test_the_groups_are_the_nouns_above_some_of_the_classes():
    nouns = Nouns(TAXONOMY)

    assert nouns.label("animal") == 3
    assert nouns.tree[0].tolist() == [CAT, DOG]


def test_a_table_that_fits_no_memory_is_refused(monkeypatch):
    monkeypatch.setattr("training.targets.MOST_BYTES", 4 * 3 * 60)
    rows, votes = crowd(60)

    assert posteriors(TAXONOMY, rows, votes).shape == (60, 3)
    with pytest.raises(
        SplitError, match="expected at most 720 bytes of them; found 732, for 61 pictures and 3"
    ):
        posteriors(TAXONOMY, [*rows, row("x")], votes)


class Seen(BaseException):
    """Ends a training before it begins."""


def learnt_by(run, monkeypatch):
    """Return the training split that a run would learn."""
    found = []

    def train(config, train_split, *others, **options):
        found.append(train_split)
        raise Seen

    monkeypatch.setattr("training.running.train", train)
    with pytest.raises(Seen):
        execute(run)
    return found[0]


def claimed(snapshot, **options):
    config = {**Config.default("perceptron", 8, 12).to_json(), **options}
    config.pop("seed")
    Run.objects.all().delete()
    make_run(snapshot, config=config)
    return Run.objects.claim_next()


@pytest.fixture
def collection(db):
    """Return twenty pictures, each of which two people took for a cat and one, who errs, for a dog."""
    collection = make_settled_collection(20)
    cat, dog = collection.ordered_classes()
    annotators = [make_user() for _ in range(3)]
    for question in collection.questions.all():
        for annotator, synset in zip(annotators, (cat, cat, dog), strict=True):
            Vote.objects.create(
                question=question, annotator=annotator, synset=synset, answer="present", taxonomy_version=0
            )
    return collection


def test_a_run_learns_the_posteriors_of_the_votes_that_were_frozen(collection, monkeypatch):
    snapshot = freeze_all(collection, with_votes=True)
    Vote.objects.all().delete()  # the snapshot alone is asked

    split = learnt_by(claimed(snapshot, targets="posteriors"), monkeypatch)

    assert split.targets.shape == (len(split), 2)
    assert len(np.unique(split.targets[:, 0])) == 1  # votes alike, whatever the labels
    assert split.targets[0, 0] > 0.5


def test_a_run_learns_the_shares_of_the_votes_that_were_frozen(collection, monkeypatch):
    split = learnt_by(claimed(freeze_all(collection, with_votes=True), targets="shares"), monkeypatch)

    np.testing.assert_allclose(split.targets, [[2 / 3, 1 / 3]] * len(split), rtol=1e-6)


def test_a_run_on_a_snapshot_without_votes_learns_the_confidences(collection, monkeypatch):
    split = learnt_by(claimed(freeze_all(collection), targets="posteriors"), monkeypatch)

    np.testing.assert_allclose(split.targets[np.arange(len(split)), split.labels], 0.99, rtol=1e-6)


def test_a_run_that_was_not_told_to_learns_the_labels(collection, monkeypatch):
    split = learnt_by(claimed(freeze_all(collection, with_votes=True)), monkeypatch)

    assert split.targets is None


def test_a_withdrawn_picture_leaves_and_the_others_keep_their_targets(collection, monkeypatch):
    snapshot = freeze_all(collection, with_votes=True)
    before = learnt_by(claimed(snapshot, targets="posteriors"), monkeypatch)
    first = next(each for each in snapshot.rows() if each.split == "train")
    Image.objects.filter(sha256=first.sha256).update(withdrawn_at=timezone.now())

    after = learnt_by(claimed(snapshot, targets="posteriors"), monkeypatch)

    assert len(after) == len(before) - 1
    np.testing.assert_array_equal(after.pictures[:], before.pictures[1:])
    np.testing.assert_array_equal(after.targets, before.targets[1:])
