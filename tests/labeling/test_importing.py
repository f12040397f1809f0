import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from labeling import importing
from labeling.crowd import CrowdVote, TrueLabel
from labeling.importing import ImportRefusedError, import_votes, name_classes, prepare_collection
from labeling.models import Question, Vote
from tests.factories import make_collection, make_question, make_synset, make_user

pytestmark = pytest.mark.django_db


class Dataset:
    """A collection of a few pictures, called "0", "1" and so on, into which votes are imported."""

    def __init__(self, n_pictures: int = 2, **fields) -> None:
        self.collection = make_collection(**fields)
        self.cat, self.dog = self.collection.ordered_classes()
        self.classes = {"cat": self.cat, "dog": self.dog, "3": self.cat}
        self.questions = {str(i): make_question(self.collection).pk for i in range(n_pictures)}
        self.known = frozenset(self.questions)

    def take(self, *rows: tuple[str, str, str]) -> int:
        votes = [CrowdVote(line, *row) for line, row in enumerate(rows, start=2)]
        return import_votes(self.collection, votes, self.classes, self.questions, self.known)

    def question(self, name: str) -> Question:
        return Question.objects.get(pk=self.questions[name])


# Classes


def test_a_class_is_named_by_its_name_and_its_code():
    cat = make_synset("cat")

    classes = name_classes([TrueLabel(2, "0", "cat", "3"), TrueLabel(3, "1", "cat", "3")], {})

    assert classes == {"cat": cat, "3": cat}


def test_a_class_without_a_code_is_named_by_its_name_alone():
    cat = make_synset("cat")

    assert name_classes([TrueLabel(2, "0", "cat", "")], {}) == {"cat": cat}


def test_a_class_may_be_given_another_noun_than_the_commonest():
    make_synset("cat")
    house_cat = make_synset("house cat")

    classes = name_classes([TrueLabel(2, "0", "cat", "")], {"cat": house_cat.wnid})

    assert classes == {"cat": house_cat}


def test_a_class_that_the_taxonomy_lacks_is_refused_with_its_line():
    make_synset("cat")

    with pytest.raises(ImportRefusedError, match=r"Labels file line 3: .*found 'chimera'"):
        name_classes([TrueLabel(2, "0", "cat", ""), TrueLabel(3, "1", "chimera", "")], {})


# The collection


def test_a_collection_is_made_closed_under_the_lowest_common_noun():
    animal = make_synset("animal")
    pet = make_synset("pet", animal)
    cat, dog = make_synset("cat", pet), make_synset("dog", pet)

    collection = prepare_collection("many-pets", [dog, cat, dog])

    assert (collection.name, collection.root, collection.is_open) == ("Many pets", pet, False)
    assert collection.ordered_classes() == [cat, dog]


def test_nouns_with_nothing_above_them_all_hang_under_the_first():
    cat, stone = make_synset("cat"), make_synset("stone")

    assert prepare_collection("things", [stone, cat]).root == cat


def test_a_collection_that_is_there_stays_as_it_is():
    collection = make_collection(names=("cat", "dog"), is_open=True)

    again = prepare_collection(collection.slug, collection.ordered_classes()[:1])

    assert (again, again.is_open) == (collection, True)
    assert len(again.ordered_classes()) == 2


def test_a_collection_of_other_classes_is_refused_and_named():
    collection = make_collection(names=("cat", "dog"))

    with pytest.raises(ImportRefusedError, match=f"Collection {collection.slug}: .* it lacks stone"):
        prepare_collection(collection.slug, [make_synset("stone")])


# Votes


def test_an_imported_vote_says_that_it_is_one():
    data = Dataset()

    n_new = data.take(("7", "0", "cat"))

    vote = Vote.objects.get()
    assert n_new == 1
    assert (vote.synset, vote.answer, vote.is_imported) == (data.cat, "present", True)
    assert vote.question_id == data.questions["0"]


def test_an_annotator_becomes_a_user_with_a_pseudonym_who_cannot_sign_in():
    data = Dataset()

    data.take(("7", "0", "cat"), ("7", "1", "dog"))

    user = User.objects.get(kind="imported")
    assert user.username == f"{data.collection.slug}-7"
    assert not user.has_usable_password()


def test_annotators_of_two_datasets_are_different_people():
    for data in (Dataset(), Dataset()):
        data.take(("7", "0", "cat"))

    assert User.objects.filter(kind="imported").count() == 2


def test_a_class_may_be_named_by_its_code():
    data = Dataset()

    data.take(("7", "0", "3"))

    assert Vote.objects.get().synset == data.cat


def test_imported_votes_are_counted_and_their_questions_wait_for_one_more():
    data = Dataset(n_pictures=2)

    data.take(("7", "0", "cat"), ("8", "0", "dog"))

    voted, unvoted = data.question("0"), data.question("1")
    assert (voted.n_votes, voted.state, voted.open_places) == (2, "open", 1)
    assert (unvoted.n_votes, unvoted.state, unvoted.open_places) == (0, "waiting", 0)


def test_importing_again_adds_nothing():
    data = Dataset()
    rows = [("7", "0", "cat"), ("8", "0", "dog")]
    data.take(*rows)

    assert data.take(*rows) == 0
    assert Vote.objects.count() == data.question("0").n_votes == 2


def test_more_votes_are_added_to_those_that_are_there():
    data = Dataset()
    data.take(("7", "0", "cat"))

    assert data.take(("7", "0", "cat"), ("8", "0", "dog")) == 1


def test_votes_of_the_sites_own_people_stay():
    data = Dataset(n_pictures=1)
    Vote.objects.create(
        question=data.question("0"), annotator=make_user(), synset=data.dog, answer="present",
        taxonomy_version=1, lease_number=1,
    )  # fmt: skip

    data.take(("7", "0", "cat"))

    assert data.question("0").n_votes == 2
    assert Vote.objects.imported().count() == 1


def test_votes_on_pictures_that_a_limit_left_out_are_passed_over():
    data = Dataset(n_pictures=2)
    left_out = data.questions.pop("1")

    assert data.take(("7", "0", "cat"), ("7", "1", "cat")) == 1
    assert not Vote.objects.filter(question=left_out).exists()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("8", "9", "cat"), "expected a picture of the labels file; found '9'."),
        (("8", "0", "bird"), "expected a class of the labels file; found 'bird'."),
        (("7", "0", "dog"), "expected one vote of each annotator on a picture; found a second one "
         "of annotator 7 on 0."),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_with_its_line_and_nothing_of_its_batch_is_kept(row, sentence):
    data = Dataset()

    with pytest.raises(ImportRefusedError) as refusal:
        data.take(("7", "0", "cat"), row)

    assert str(refusal.value) == f"Votes file line 3: {sentence}"
    assert not Vote.objects.exists()
    assert data.question("0").state == "waiting"


def test_batches_before_a_bad_row_stay_and_are_counted(monkeypatch):
    monkeypatch.setattr(importing, "VOTE_BATCH", 2)
    data = Dataset()

    with pytest.raises(ImportRefusedError, match="line 5"):
        data.take(("7", "0", "cat"), ("8", "0", "cat"), ("7", "1", "cat"), ("8", "1", "bird"))

    assert (data.question("0").n_votes, data.question("1").n_votes) == (2, 0)
    assert Vote.objects.count() == 2


def test_a_second_vote_is_found_in_a_later_batch_too(monkeypatch):
    monkeypatch.setattr(importing, "VOTE_BATCH", 1)
    data = Dataset()

    with pytest.raises(ImportRefusedError, match=r"line 3: .* a second one of annotator 7 on 0"):
        data.take(("7", "0", "cat"), ("7", "0", "cat"))

    assert Vote.objects.count() == 1


def test_an_import_that_was_stopped_goes_on_where_it_ended(monkeypatch):
    monkeypatch.setattr(importing, "VOTE_BATCH", 1)
    data = Dataset()
    with pytest.raises(ImportRefusedError):
        data.take(("7", "0", "cat"), ("8", "0", "bird"))

    assert data.take(("7", "0", "cat"), ("8", "0", "dog")) == 1
    assert data.question("0").n_votes == 2


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("789"), st.sampled_from("01"), st.sampled_from(["cat", "dog"])),
        max_size=6, unique_by=lambda row: row[:2],
    ),
    batch=st.integers(1, 7),
)  # fmt: skip
def test_how_votes_fall_into_batches_changes_nothing(rows, batch):
    data = Dataset()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "VOTE_BATCH", batch)
        n_new = data.take(*rows)

    assert n_new == len(rows)
    assert [data.question(name).n_votes for name in "01"] == [
        sum(image == name for _annotator, image, _label in rows) for name in "01"
    ]


def test_a_code_that_means_two_classes_is_refused_with_its_line():
    make_synset("cat")
    make_synset("dog")

    with pytest.raises(ImportRefusedError, match=r"line 3: expected code 1 to mean one class; found 'dog'"):
        name_classes([TrueLabel(2, "0", "cat", "1"), TrueLabel(3, "1", "dog", "1")], {})


def test_naming_a_class_that_no_row_has_is_refused():
    make_synset("cat")

    with pytest.raises(ImportRefusedError, match="found 'kat'"):
        name_classes([TrueLabel(2, "0", "cat", "")], {"kat": "cat"})
