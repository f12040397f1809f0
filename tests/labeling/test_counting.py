"""What pages of large collections show was counted before, and is what counting at that moment gives."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import personal
from accounts.models import User
from labeling import aggregation, counting, overview, people, progress, tasks
from labeling.models import Figures, Lease, NotUndoneError, Question, Retraction, Standing, Vote
from tests.factories import make_collection, make_settled_collection, make_user
from tests.labeling.test_following_laws import History
from tests.labeling.test_people import make_settled
from tests.labeling.test_people import make_vote as add_vote

pytestmark = pytest.mark.django_db

LIVE = "labeling.models.figures.LIVE"


@pytest.fixture
def large(monkeypatch):
    """Every collection that was counted passes for a large one; nothing is counted twice for being recent."""
    monkeypatch.setattr(LIVE, -1)
    monkeypatch.setattr(counting, "LATE", timedelta(0))


def count_now():
    Figures.objects.update(due_at=timezone.now())
    return tasks.count_figures()


def seen(collections, users):
    """All that pages show of these, without when it was counted."""
    boards = [people.board(each, 1) for each in (None, *collections)]
    return (
        [(board.rows, board.n_named, board.n_nameless) for board in boards],
        [(place.n_agreed, place.n_judged, place.rank, place.n_ranked) for place in map(people.place, users)],
        [(found.n_right, found.n_known) for found in map(people.accuracy, users)],
        [without(progress.of(each)) for each in collections],
        without(progress.of_site()),
        [progress.settled(each) for each in collections],
        [vars(overview.report(each)) | {"counted": None, "pace": None} for each in collections],
    )


def without(found):
    return {name: value for name, value in found.items() if name != "counted"}


class Busy(History):
    """What else happens: votes are taken back, people leave or take names, pictures go, some become gold."""

    def step(self):
        super().step()
        acts = [self.take_back, self.leave, self.take_name, self.withdraw, self.make_gold]
        self.random.choice(acts)()

    def take_back(self):
        vote = Vote.objects.exclude(lease_number=None).order_by("-pk").first()
        if vote:
            try:
                Lease.objects.take_back(vote.annotator, vote.lease_number)
            except NotUndoneError:
                return

    def leave(self):
        if self.random.random() < 0.3:
            person = self.people.pop(0)
            self.people.append(User.objects.create_guest())
            personal.forget(person)

    def take_name(self):
        person = self.random.choice(self.people)
        User.objects.filter(pk=person.pk).update(board_name=f"Name {person.pk}")

    def withdraw(self):
        self.any_collection().questions.order_by("position")[0].image.withdraw()

    def make_gold(self):
        collection = self.any_collection()
        keys = list(collection.questions.values_list("pk", flat=True))
        collection.use_as_gold(keys[:1])
        Figures.objects.filter(collection=collection).mark()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_happens_what_was_counted_is_what_the_votes_say(seed, monkeypatch):
    history = Busy(seed)
    for _ in range(8):
        history.step()
        count_now()
        collections = [figures.collection for figures in Figures.objects.order_by("pk")]
        users = list(User.objects.order_by("pk"))
        kept = seen(collections, users)

        with monkeypatch.context() as live:
            live.setattr(LIVE, 10**9)
            assert kept == seen(collections, users)


@pytest.mark.usefixtures("large")
def test_what_was_counted_stays_until_it_is_counted_again(client):
    collection = make_collection()
    cat, _dog = collection.ordered_classes()
    ada = make_user(board_name="Ada")
    add_vote(make_settled(collection, cat), ada, cat)
    count_now()
    add_vote(make_settled(collection, cat), ada, cat)
    url = reverse("labeling:board")

    before = client.get(url)
    count_now()
    after = client.get(url)

    assert [page.context["board"].rows[0]["n_agreed"] for page in (before, after)] == [1, 2]
    assert "Counted on" in before.content.decode()


def test_what_few_votes_say_is_counted_for_each_page(client):
    collection = make_collection()
    cat, _dog = collection.ordered_classes()
    ada = make_user(board_name="Ada")
    add_vote(make_settled(collection, cat), ada, cat)
    count_now()
    add_vote(make_settled(collection, cat), ada, cat)

    page = client.get(reverse("labeling:board"))

    assert page.context["board"].rows[0]["n_agreed"] == 2
    assert "Counted on" not in page.content.decode()


@pytest.mark.usefixtures("large")
def test_nothing_is_counted_twice_without_a_change():
    make_settled_collection(n_questions=2)

    assert [count_now(), count_now()] == [1, 0]


def vote(collection):
    question = collection.questions.first()
    add_vote(question, make_user(), collection.ordered_classes()[0])


def take_back(collection):
    Retraction.objects.create(
        question=collection.questions.first(), annotator=make_user(), answer="cannot_tell", lease_number=1,
        cast_at=timezone.now(),
    )  # fmt: skip


def use_as_gold(collection):
    collection.use_as_gold([collection.questions.exclude(image__split="test").first().pk])
    Figures.objects.filter(collection=collection).mark()


def grow_old(collection):
    Figures.objects.filter(collection=collection).update(counted_at=timezone.now() - timedelta(hours=2))


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("change", [vote, take_back, aggregation.refit, use_as_gold, grow_old])
def test_a_change_has_its_collection_counted_anew_and_no_other(change):
    collection, _other = make_settled_collection(n_questions=4), make_settled_collection(n_questions=4)
    vote(collection)
    count_now()

    change(collection)

    assert count_now() == 1


@pytest.mark.usefixtures("large")
def test_a_vote_that_was_written_down_late_is_found(monkeypatch):
    monkeypatch.setattr(counting, "LATE", timedelta(seconds=10))
    collection = make_settled_collection(n_questions=2)
    vote(collection)
    vote(collection)
    Vote.objects.filter(pk=Vote.objects.latest("pk").pk).update(cast_at=timezone.now() - timedelta(hours=1))
    late = Vote.objects.earliest("pk")
    count_now()
    Vote.objects.filter(pk=late.pk).update(cast_at=timezone.now() - timedelta(seconds=5))

    assert count_now() == 1


def test_a_count_rests_ten_times_as_long_as_it_took(monkeypatch):
    make_settled_collection(n_questions=2)
    moments = iter([100.0, 103.0])
    monkeypatch.setattr(counting.time, "monotonic", lambda: next(moments, 103.0))

    count_now()

    figures = Figures.objects.get()
    assert figures.every_s == 30
    assert figures.due_at == figures.counted_at + timedelta(seconds=30)
    assert tasks.count_figures() == 0


def test_what_somebody_else_counts_is_left_to_them():
    make_settled_collection(n_questions=2)
    count_now()
    figures = Figures.objects.get()
    Figures.objects.update(due_at=timezone.now())

    assert [Figures.objects.claim(figures.pk), counting.count(figures)] == [True, False]


@pytest.mark.usefixtures("large")
def test_a_picture_that_was_withdrawn_is_shown_no_more_though_it_was_counted():
    collection = make_settled_collection(n_questions=4)
    count_now()
    shown = progress.settled(collection)[0]

    shown[0].image.withdraw()

    assert progress.settled(collection)[0] == shown[1:]


@pytest.mark.usefixtures("large")
def test_only_standings_that_changed_are_written():
    collection = make_settled_collection(n_questions=4)
    vote(collection)
    vote(collection)
    Standing.objects.replace(collection, people.count(collection))
    counted = people.count(collection)

    with CaptureQueriesContext(connection) as queries:
        Standing.objects.replace(collection, counted)

    assert not [query for query in queries if query["sql"].startswith("INSERT")]
    Standing.objects.replace(collection, {})
    assert not Standing.objects.exists()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["collection", "progress", "collection-board", "dashboard", "edit"])
def test_pages_of_a_large_collection_read_no_votes(client, name):
    collection = make_settled_collection(n_questions=4)
    client.force_login(make_user(is_staff=True))
    vote(collection)
    count_now()

    with CaptureQueriesContext(connection) as queries:
        page = client.get(reverse(f"labeling:{name}", args=[collection.slug]))

    assert "Counted on" in page.content.decode()
    assert not [query for query in queries if '"labeling_vote"' in query["sql"]]


# --- What accuracy is measured on -------------------------------------------------------------------------


def test_labels_are_measured_on_what_was_known_and_not_on_what_they_settled():
    collection = make_settled_collection(n_questions=10)
    cat, dog = collection.ordered_classes()
    first, second, third, *_rest = collection.questions.exclude(image__split="test").order_by("pk")
    Question.objects.filter(pk=first.pk).update(truth=cat, label=dog)
    Question.objects.filter(pk=second.pk).update(truth=dog, label=dog, is_gold=True)
    collection.use_as_gold([third.pk])
    collection.no_longer_gold([third.pk])

    assert collection.questions.accuracy() == 0.0
    assert overview.report(collection).agreement.label_accuracy == 0.0
    assert overview.report(collection).agreement.n_known == 1


def test_votes_that_settled_a_picture_are_not_measured_by_its_label():
    collection = make_settled_collection(n_questions=4)
    question = collection.questions.exclude(image__split="test").first()
    early, late = make_user(), make_user()
    add_vote(question, early, question.label)

    collection.use_as_gold([question.pk])
    add_vote(question, late, question.label)

    assert [people.accuracy(each).n_known for each in (early, late)] == [0, 1]
    assert overview.report(collection).agreement.n_known_votes == 1


def test_a_vote_is_measured_by_an_answer_that_was_known_beforehand_whenever_it_was_cast():
    collection = make_settled_collection(n_questions=4)
    question = collection.questions.exclude(image__split="test").first()
    Question.objects.filter(pk=question.pk).update(truth=question.label)
    early = make_user()
    add_vote(question, early, question.label)

    collection.use_as_gold([question.pk])

    assert people.accuracy(early).n_known == 1


def test_a_picture_that_was_gold_can_become_it_again(client):
    collection = make_settled_collection(n_questions=4)
    client.force_login(make_user(is_staff=True))
    question = collection.questions.exclude(image__split="test").first()
    collection.use_as_gold([question.pk])
    collection.no_longer_gold([question.pk])

    page = client.get(reverse("labeling:gold", args=[collection.slug]), {"show": "settled"})

    assert question in page.context["page"].object_list
    assert collection.use_as_gold([question.pk]) == 1
