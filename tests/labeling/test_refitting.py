"""Refits as they wait, run, are lost and end."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from labeling import aggregation, consensus, refitting, tasks
from labeling.models import ClassesChangedError, Collection, Question, Refit, RefitLostError
from labeling.models.refits import LOST_AFTER, MOST_LOST, REST
from tests.factories import make_collection, make_user, make_vote

pytestmark = pytest.mark.django_db
GROWTH, NIGHTLY, ASKED = Refit.Cause.GROWTH, Refit.Cause.NIGHTLY, Refit.Cause.ASKED


@pytest.fixture
def collection():
    return make_collection(n_questions=4, min_votes=10, max_votes=20)


def grow(collection, n_votes: int = 12) -> None:
    cat, dog = collection.ordered_classes()
    for number in range(n_votes):
        make_vote(collection, dog if number % 5 == 0 else cat)


def silent_for(refit: Refit, time: timedelta) -> None:
    Refit.objects.filter(pk=refit.pk).update(heartbeat_at=timezone.now() - time)


def lose(refit: Refit) -> None:
    silent_for(refit, LOST_AFTER + timedelta(seconds=1))


def claimed(collection, cause: Refit.Cause = ASKED) -> Refit:
    refit = Refit.objects.claim(Refit.objects.enqueue(collection, cause).pk)
    assert refit is not None
    return refit


def break_off(error: BaseException, monkeypatch) -> None:
    def fit(*args, **kwargs):
        raise error

    monkeypatch.setattr(consensus, "fit", fit)


# --- One at a time ----------------------------------------------------------------------------------------


def test_a_collection_waits_for_one_refit_however_often_it_is_asked_for(collection):
    first, second = (Refit.objects.enqueue(collection, ASKED) for _ in range(2))

    assert first == second == Refit.objects.get()


def test_no_refit_is_begun_beside_one_that_runs(collection):
    refit = claimed(collection)

    assert Refit.objects.enqueue(collection, GROWTH) == refit
    assert Refit.objects.claim_next() is None
    assert refitting.refit_waiting() == 0


def test_other_collections_are_refitted_meanwhile(collection):
    claimed(collection)
    Refit.objects.enqueue(make_collection(n_questions=1), ASKED)

    assert refitting.refit_waiting() == 1


def test_after_one_has_ended_another_may_be_asked_for(collection):
    refitting.refit_now(collection)

    assert Refit.objects.enqueue(collection, ASKED).state == "waiting"
    assert Refit.objects.count() == 2


def test_the_database_keeps_a_second_refit_out(collection):
    claimed(collection)

    with pytest.raises(IntegrityError):
        Refit.objects.create(collection=collection, cause=ASKED)


def test_what_waits_because_of_growth_begins_anew_once_somebody_asks(collection):
    Refit.objects.enqueue(collection, GROWTH)

    assert Refit.objects.enqueue(collection, ASKED).cause == ASKED
    assert Refit.objects.get().cause == ASKED
    assert Refit.objects.enqueue(collection, GROWTH).cause == ASKED


def test_a_refit_is_claimed_once(collection):
    refit = Refit.objects.enqueue(collection, ASKED)

    assert Refit.objects.claim(refit.pk) == refit
    assert Refit.objects.claim(refit.pk) is None


# --- When they are due ------------------------------------------------------------------------------------


def test_growth_goes_on_from_the_last_fit_and_the_night_begins_anew(collection):
    grow(collection)
    tasks.refit_grown_collections()
    grow(collection)
    tasks.refit_grown_collections()
    tasks.refit_nightly()

    told = Refit.objects.order_by("pk").values_list("cause", "state", "is_anew", "n_votes")
    assert list(told) == [
        ("growth", "finished", True, 12),  # there was nothing to go on from
        ("growth", "finished", False, 24),
        ("nightly", "finished", True, 24),
    ]


def test_the_night_leaves_alone_what_has_no_other_votes_than_it_read(collection):
    grow(collection, 3)

    assert [tasks.refit_nightly(), tasks.refit_nightly()] == [1, 0]
    grow(collection, 1)
    assert tasks.refit_nightly() == 1


def test_a_collection_without_votes_is_not_refitted_at_night(collection):
    assert tasks.refit_nightly() == 0


def test_a_vote_that_was_taken_back_is_unlearnt_at_night(collection):
    grow(collection, 3)
    tasks.refit_nightly()
    question = Question.objects.filter(n_votes__gt=0).first()
    question.votes.first().delete()
    Question.objects.filter(pk=question.pk).update(n_votes=question.n_votes - 1)

    assert tasks.refit_nightly() == 1


def test_what_waits_is_refitted_every_minute_though_its_message_was_lost(collection):
    Refit.objects.enqueue(collection, ASKED)

    assert tasks.refit_grown_collections() == 1


# --- Going on ---------------------------------------------------------------------------------------------


def watched_start(monkeypatch) -> list[consensus.Start | None]:
    """Note what each fit begins with."""
    begun, fit = [], consensus.fit

    def watched(*args, start=None, **kwargs):
        begun.append(start)
        return fit(*args, start=start, **kwargs)

    monkeypatch.setattr(consensus, "fit", watched)
    return begun


def agreeing_votes(collection, people) -> None:
    """Let some people name every picture, one of them always a cat."""
    cat, dog = collection.ordered_classes()
    for number, question in enumerate(collection.questions.order_by("pk")):
        shown = cat if number % 2 else dog
        for person in people:
            question.votes.create(
                annotator=person,
                synset=cat if person == people[-1] else shown,
                answer="present",
                taxonomy_version=1,
                lease_number=1000 * question.pk + person.pk,
            )
    collection.questions.update(n_votes=len(people), state="open")


def test_it_begins_with_the_parameters_skills_and_own_confusions_of_the_last_fit(monkeypatch):
    collection, people = (
        make_collection(n_questions=24, min_votes=2, max_votes=6),
        [make_user() for _ in range(4)],
    )
    agreeing_votes(collection, people)
    aggregation.refit(collection)
    kept = {skill.annotator_id: skill for skill in collection.skills.all()}
    begun = watched_start(monkeypatch)

    aggregation.refit(collection, is_anew=False)

    [start] = begun
    assert start.parameters.to_json() == collection.fits.earliest().parameters
    by_place = [kept[pk] for pk in sorted(kept)]
    assert start.skill.tolist() == [[skill.right, skill.wrong] for skill in by_place]
    assert sorted(start.own) == [0, 1, 2, 3]
    for place, own in start.own.items():
        assert own.tolist() == by_place[place].own_confusion().tolist()


def test_what_older_fits_had_learnt_is_forgotten_but_for_the_one_before():
    people = [make_user() for _ in range(3)]
    collection = make_collection(n_questions=4)
    agreeing_votes(collection, people)

    for _ in range(4):
        aggregation.refit(collection)

    assert [bool(fit.parameters) for fit in collection.fits.order_by("pk")] == [False, False, True, True]
    assert Collection.objects.get(pk=collection.pk).latest_fit == collection.fits.latest()


def test_it_begins_anew_where_the_classes_have_changed(collection, monkeypatch):
    grow(collection)
    aggregation.refit(collection)
    cat, dog = collection.ordered_classes()
    collection.set_classes([dog, cat])
    begun = watched_start(monkeypatch)

    report = aggregation.refit(collection, is_anew=False)

    assert begun == [None]
    assert report.is_anew


def test_going_on_finds_what_beginning_anew_finds_in_fewer_iterations():
    collection, people = (
        make_collection(n_questions=60, min_votes=2, max_votes=9),
        [make_user() for _ in range(5)],
    )
    agreeing_votes(collection, people)

    anew = aggregation.refit(collection)
    labels = list(collection.questions.order_by("pk").values_list("label", "state"))
    on = aggregation.refit(collection, is_anew=False)

    assert on.n_iterations < anew.n_iterations
    assert list(collection.questions.order_by("pk").values_list("label", "state")) == labels


# --- How far it is ----------------------------------------------------------------------------------------


def test_the_row_is_told_every_state_and_how_it_ended(collection, monkeypatch):
    grow(collection)
    told, tell = [], Refit.tell
    monkeypatch.setattr(
        Refit, "tell", lambda self, **progress: (told.append(progress), tell(self, **progress))
    )

    report = refitting.refit_now(collection)

    refit = Refit.objects.get()
    assert list(dict.fromkeys(each["state"] for each in told)) == ["reading", "learning", "writing"]
    assert (refit.state, refit.n_votes, refit.n_iterations) == ("finished", 12, report.n_iterations)
    assert 0 <= refit.moved <= consensus.TOLERANCE
    assert refit.took_s > 0


def test_every_iteration_is_told_when_time_enough_has_passed(collection, monkeypatch):
    grow(collection)
    monkeypatch.setattr(refitting, "HEARTBEAT_EVERY_S", 0)
    told, tell = [], Refit.tell
    monkeypatch.setattr(
        Refit, "tell", lambda self, **progress: (told.append(progress), tell(self, **progress))
    )

    report = refitting.refit_now(collection)

    iterations = [each["n_iterations"] for each in told if each["state"] == "learning" and each.get("moved")]
    assert iterations == list(range(1, report.n_iterations + 1))


def test_a_refit_that_breaks_off_says_so_and_the_error_goes_on(collection, monkeypatch):
    break_off(MemoryError(), monkeypatch)

    with pytest.raises(MemoryError):
        refitting.refit_now(collection)

    refit = Refit.objects.get()
    assert (refit.state, refit.error) == ("failed", "It broke off; the log of whoever ran it says why.")
    assert refit.finished_at


def test_a_refit_that_is_interrupted_does_not_keep_the_next_one_out(collection, monkeypatch):
    break_off(KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        refitting.refit_now(collection)
    monkeypatch.undo()

    refitting.refit_now(collection)

    assert [refit.state for refit in Refit.objects.all()] == ["finished", "failed"]


def test_one_that_changes_of_the_nouns_overtake_again_and_again_says_that(collection, monkeypatch):
    break_off(ClassesChangedError("The nouns changed."), monkeypatch)

    with pytest.raises(ClassesChangedError):
        refitting.refit_now(collection)

    assert Refit.objects.get().error == "The nouns changed."


def test_after_a_failure_growth_rests_and_whoever_asks_need_not(collection, monkeypatch):
    grow(collection)
    break_off(MemoryError(), monkeypatch)
    with pytest.raises(MemoryError):
        tasks.refit_grown_collections()
    monkeypatch.undo()

    assert tasks.refit_grown_collections() == 0
    Refit.objects.update(finished_at=timezone.now() - REST)
    assert tasks.refit_grown_collections() == 1


# --- Workers that die -------------------------------------------------------------------------------------


def test_one_that_is_silent_for_long_waits_again_and_is_run_by_another(collection):
    grow(collection)
    lost = claimed(collection)
    lose(lost)

    assert tasks.refit_grown_collections() == 1

    lost.refresh_from_db()
    assert (lost.state, lost.attempt, lost.n_lost) == ("finished", 2, 1)


def test_one_that_beats_is_left_alone(collection):
    refit = claimed(collection)
    silent_for(refit, LOST_AFTER - timedelta(seconds=30))

    assert tasks.refit_grown_collections() == 0
    assert Refit.objects.get().state == "reading"


def test_one_whose_workers_die_again_and_again_is_given_up(collection):
    for _ in range(MOST_LOST):
        lose(claimed(collection))
        Refit.objects.lost().requeue()

    refit = Refit.objects.get()
    assert (refit.state, refit.error) == (
        "failed",
        "It broke off 3 times; perhaps the machine has too little memory for it.",
    )


def test_a_worker_that_wakes_up_after_another_took_over_writes_nothing_more(collection):
    slow = claimed(collection)
    lose(slow)
    Refit.objects.lost().requeue()
    other = Refit.objects.claim(slow.pk)

    with pytest.raises(RefitLostError):
        slow.tell(state=Refit.State.WRITING)
    assert refitting.run(slow) is None
    slow.fail("It broke off.")

    assert not collection.fits.exists()
    other.refresh_from_db()
    assert (other.state, other.error, other.attempt) == ("reading", "", 2)


# --- Commands ---------------------------------------------------------------------------------------------


def test_the_command_leaves_a_collection_that_is_being_refitted(collection):
    claimed(collection)

    with pytest.raises(CommandError, match="Expected that nobody else refits"):
        call_command("update_consensus", collection.slug)


def test_the_command_takes_what_waits(collection):
    Refit.objects.enqueue(collection, GROWTH)

    call_command("update_consensus", collection.slug)

    assert Refit.objects.get().state == "finished"
