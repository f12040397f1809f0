import pytest

from labeling.asking_again import AskedAgain
from labeling.models import Dispute, Image, Question
from taxonomy.models import Synset
from tests.factories import make_run, make_snapshot, make_user
from tests.training.answered import make_answered_run, make_zoo_run, validation
from training.results import Results

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    """Forty pictures of cats and dogs in turns; eight of them validate."""
    return make_snapshot()


@pytest.fixture
def run(snapshot):
    """Its network is wrong about the first two validation pictures."""
    return make_answered_run(snapshot, wrong={0: 0.9, 1: 0.99})


def hide(wnid):
    Synset.objects.filter(wnid=wnid).update(is_sensitive=True, sensitive_reason="a test")


def test_a_run_without_answers_has_no_results(snapshot):
    assert Results.of(make_run(snapshot, status="finished")) is None


def test_how_good_it_is(run):
    found = Results.of(run)

    assert (found.n, found.n_right, found.accuracy) == (8, 6, 0.75)
    assert found.interval == pytest.approx((0.4093, 0.9285), abs=1e-4)  # Wilson's for 6 of 8
    assert found.top5 is None  # there are two classes
    assert found.severity == 1  # a cat and a dog meet at the animal right above both


def test_the_surest_mistake_comes_first(run, snapshot):
    found = Results.of(run)

    first, second = found.mistakes(found.answers.surest_mistakes())

    (first_picture, label), (second_picture, _label) = validation(snapshot)[1], validation(snapshot)[0]
    assert (first.sha256, second.sha256) == (first_picture, second_picture)
    assert (first.label, first.guesses[0].wnid) == (snapshot.classes[label], snapshot.classes[1 - label])
    assert first.guesses[0].probability == pytest.approx(0.99)
    assert first.of_label == pytest.approx(0.01)


def test_reading_takes_two_queries(run, django_assert_num_queries):
    Results.of(run)

    with django_assert_num_queries(2):
        Results.of(run)


def test_withdrawn_pictures_are_left_out(run, snapshot):
    Image.objects.get(sha256=validation(snapshot)[0][0]).withdraw()

    found = Results.of(run)

    assert (found.n, found.n_right) == (7, 6)
    assert validation(snapshot)[0][0] not in found.answers.sha256


def test_pictures_of_a_noun_that_became_sensitive_are_left_out_and_its_name_too(run, snapshot):
    hide(snapshot.classes[1])

    found = Results.of(run)

    assert {each.wnid for each in found.fared()} == {snapshot.classes[0]}
    assert set(found.answers.label.tolist()) == {0}
    assert {guess.name for each in found.mistakes(range(found.n)) for guess in each.guesses} == {
        "cat",
        "a noun that is not shown",
    }
    assert {row.name for row in found.map(found.kinds.top)} == {"cat", "a noun that is not shown"}


def test_each_class_by_itself(run, snapshot):
    cat, dog = Results.of(run).fared()

    labels = [label for _sha256, label in validation(snapshot)]
    n, n_wrong = labels.count(0), labels[:2].count(0)
    assert (cat.name, cat.n, cat.n_right, cat.n_taken_for) == ("cat", n, n - n_wrong, n_wrong)
    assert dog.recall == dog.n_right / (8 - n)


def test_the_map_of_few_classes_has_each(run):
    found = Results.of(run)

    cat, dog = found.map(found.kinds.top)

    assert [cell.name for cell in cat.cells] == ["cat", "dog"]
    assert [[cell.n for cell in row.cells] for row in (cat, dog)] == found.confusion.tolist()
    assert cat.cells[0].is_right
    assert cat.cells[0].share == cat.cells[0].n / cat.n


def test_many_classes_are_taken_together_and_walked_down():
    found = Results.of(make_zoo_run())

    rows = found.map(found.kinds.top)

    assert [(row.name, row.n_classes) for row in rows] == [("dog", 12), ("cat", 11), ("saw", 1)]
    inside = found.map(rows[0].key)
    assert [row.name for row in inside] == [*(f"dog {place}" for place in range(12)), "anything else"]
    assert sum(row.n for row in inside[:-1]) == rows[0].n
    # The last kind of dog is taken for the first kind of cat, and the saws for the first kind of dog.
    assert [(row.name, row.cells[-1].n) for row in inside if row.cells[-1].n] == [("dog 11", 1)]
    assert [cell.n for cell in inside[-1].cells] == [1] + 12 * [0]


def test_a_cell_leads_to_its_pictures():
    found = Results.of(make_zoo_run())
    top = found.kinds.top
    dog, cat, saw = (row.key for row in found.map(top))

    def pictures(label, answer, at=top):
        return found.mistakes(
            found.chosen(found.classes_of(label, at), found.classes_of(answer, at), only_wrong=False)
        )

    assert [(each.label_name, each.guesses[0].name) for each in pictures(dog, cat)] == [("dog 11", "cat 0")]
    assert [(each.label_name, each.guesses[0].name) for each in pictures("else", dog, at=dog)] == [
        ("saw", "dog 0")
    ]
    assert pictures(saw, cat) == []
    assert found.classes_of("rest", top) is None
    assert found.classes_of("nowhere", top) is None


# Asking people again


def test_people_are_asked_about_what_it_is_wrong_about(run, snapshot):
    user = make_user()
    wrong, right = validation(snapshot)[0][0], validation(snapshot)[2][0]

    assert Results.of(run).ask_again([wrong, right, "no picture"], user) == AskedAgain(1, 0, 2)

    dispute = Dispute.objects.get()
    assert (dispute.question.image.sha256, dispute.asked_by) == (wrong, user)
    assert dispute.network.name == str(run)
    assert dispute.probability == pytest.approx(0.9)
    assert dispute.claim.wnid != dispute.label.wnid


def test_asking_twice_does_no_harm(run, snapshot):
    hashes = [sha256 for sha256, _label in validation(snapshot)[:2]]
    found = Results.of(run)

    assert found.ask_again(hashes, make_user()) == AskedAgain(2, 0, 0)
    assert found.ask_again(hashes, make_user()) == AskedAgain(0, 2, 0)


@pytest.mark.parametrize("split", ["test", "train"])
def test_nobody_is_asked_about_a_picture_of_another_part(run, snapshot, split):
    picture = next(row.sha256 for row in snapshot.rows() if row.split == split)

    assert Results.of(run).ask_again([picture], make_user()) == AskedAgain(0, 0, 1)
    assert not Dispute.objects.exists()


def test_what_came_of_asking_is_told(run, snapshot):
    sha256 = validation(snapshot)[0][0]
    found = Results.of(run)
    told = found.of_pictures([sha256])
    assert found.standing(told)[sha256].is_possible
    found.ask_again([sha256], make_user())
    assert found.standing(told)[sha256].finding == "open"

    dispute = Dispute.objects.get()
    changed = {"state": "settled", "label": dispute.claim, "n_votes": dispute.n_votes + 1, "open_places": 0}
    Question.objects.filter(pk=dispute.question_id).update(**changed)

    asking = found.standing(told)[sha256]
    assert (asking.finding, asking.label_words) == ("changed", dispute.claim.name)
    assert not asking.is_possible
