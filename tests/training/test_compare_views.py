"""Runs side by side."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.calibration import wilson
from tests.browser.test_pages import add_epochs
from tests.factories import make_run, make_snapshot
from tests.training.answered import answer
from training.config import Config
from training.models import Run

pytestmark = pytest.mark.django_db

COMPARE = reverse("training:compare")
VALIDATED = ("train", "val", "val", "val", "val", "val", "val", "val", "val", "test")


@pytest.fixture
def snapshot():
    return make_snapshot(n_questions=20, splits=VALIDATED)  # 16 of them for validation


def compare(client, *runs):
    return client.get(COMPARE, {"run": [getattr(run, "pk", run) for run in runs]})


def test_runs_stand_beside_each_other_in_the_order_in_which_they_were_asked_for(client, snapshot):
    first, second = make_run(snapshot, network="mlp"), make_run(snapshot)
    add_epochs(first, 1, 2)
    add_epochs(second, 1)

    context = compare(client, second, first).context

    assert [each.run for each in context["compared"]] == [second, first]
    # add_epochs halves the error of 0.5 in the second epoch; 16 pictures.
    assert [each.error for each in context["compared"]] == [0.5, 0.25]
    assert context["compared"][1].interval == wilson(4, 16)
    assert [each.seconds for each in context["compared"]] == [1.5, 3.0]


def test_every_chart_has_a_line_for_each_run(client, snapshot):
    runs = [make_run(snapshot, network=network) for network in ("mlp", "perceptron")]
    for run in runs:
        add_epochs(run, 1, 2, 3)

    curves = compare(client, *runs).context["curves"]

    assert [[series.place for series in curve.series] for curve in curves] == [[0, 1]] * 4
    by_second = curves[2]
    assert (by_second.unit, by_second.x_max) == ("fraction by second", 4.5)


def test_only_options_that_differ_are_told(client, snapshot):
    run = make_run(snapshot)
    slower = {**run.config, "learning_rate": 0.001}
    other = Run.objects.enqueue(snapshot, Config.from_json(slower))

    assert compare(client, run, other).context["differing"] == [("Learning rate", ["0.02", "0.001"])]


def test_runs_that_err_on_the_same_pictures_are_not_told_apart(client, snapshot):
    runs = [make_run(snapshot, network=name, status="finished") for name in ("mlp", "perceptron")]
    for run, wrong in zip(runs, [(0, 1, 2), (0, 1, 3)], strict=True):
        add_epochs(run, 1)
        answer(run, wrong)

    response = compare(client, *runs)

    [verdict] = response.context["verdicts"]
    assert (verdict.pair.n, verdict.pair.n_only_first, verdict.pair.n_only_second) == (16, 1, 1)
    assert (verdict.p, verdict.is_told_apart) == (1.0, False)
    assert "cannot be told apart" in response.content.decode()
    # What the answers say goes before what the last epoch said.
    assert response.context["compared"][0].error == 3 / 16


def test_a_run_that_errs_less_is_called_better(client, snapshot):
    good, bad = (make_run(snapshot, network=name, status="finished") for name in ("mlp", "perceptron"))
    answer(good)
    answer(bad, range(9))

    response = compare(client, bad, good)

    [verdict] = response.context["verdicts"]
    assert verdict.p == pytest.approx(2 / 2**9)
    assert f"mlp (run {good.pk}) errs less than perceptron (run {bad.pk})." in response.content.decode()


def test_runs_on_different_snapshots_are_not_tested_against_each_other(client, snapshot):
    runs = [make_run(snapshot), make_run(make_snapshot(n_questions=10))]
    for run in runs:
        answer(run)

    response = compare(client, *runs)

    assert response.context["verdicts"] == []
    assert "They were trained on different snapshots" in response.content.decode()


def test_runs_without_an_epoch_are_compared_by_what_they_were_told(client, snapshot):
    response = compare(client, make_run(snapshot), make_run(snapshot, network="mlp"))

    assert [each.error for each in response.context["compared"]] == [None, None]
    assert "None of them has ended an epoch yet." in response.content.decode()


@pytest.mark.parametrize("asked", [[], ["1"], ["x", "-1"], ["9" * 30]])
def test_fewer_than_two_runs_lead_back_to_the_list(client, asked):
    assert "tick them in the list" in compare(client, *asked).content.decode()


def test_the_same_run_twice_is_one(client, snapshot):
    run = make_run(snapshot)

    assert [each.run for each in compare(client, run, run).context["compared"]] == [run]


def test_at_most_six_are_shown_and_the_page_says_so(client, snapshot):
    runs = [Run.objects.enqueue_usual(snapshot, "perceptron", seed=seed) for seed in range(7)]

    response = compare(client, *runs)

    assert [each.run for each in response.context["compared"]] == runs[:6]
    assert "Only the first 6 are shown." in response.content.decode()
    assert "Only the first 6 are shown." not in compare(client, *runs[:6]).content.decode()


def test_six_runs_ask_as_much_of_the_database_as_two(client, snapshot):
    runs = [Run.objects.enqueue_usual(snapshot, "perceptron", seed=seed) for seed in range(6)]
    for run in runs:
        add_epochs(run, 1, 2)

    def n_queries(*some):
        with CaptureQueriesContext(connection) as queries:
            compare(client, *some)
        return len(queries)

    assert n_queries(*runs) == n_queries(*runs[:2])
