import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from competition.models import Submission
from operations import figures, multiprocess
from tests.browser.test_pages import submit_all_first_class
from tests.factories import (
    make_collection,
    make_lease,
    make_phase,
    make_run,
    make_snapshot,
    make_user,
    make_vote,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_read_before():
    cache.delete(figures.KEPT)


def scrape(client, **headers):
    """Return every sample that Prometheus reads, by its name and labels."""
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_a_request_is_counted_by_its_route_and_status_and_timed(client):
    key, timed = (
        ("nestwork_requests_total", ("302", "GET", "favicon")),
        (
            "nestwork_request_seconds_count",
            ("favicon",),
        ),
    )
    before = scrape(client)

    client.get("/favicon.ico?once")

    after = scrape(client)
    assert after[key] == before.get(key, 0) + 1
    assert after[timed] == before.get(timed, 0) + 1


def test_what_another_process_counted_is_added(client, settings):
    key = ("nestwork_tasks_total", ("SUCCESS", "a.task"))
    before = scrape(client).get(key, 0)
    count = "from operations.metrics import count_task; count_task('a.task', 'SUCCESS', 1.0)"
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(settings.METRICS_DIR)}

    subprocess.run([sys.executable, "-c", count], env=env, cwd=settings.BASE_DIR, check=True)

    assert scrape(client)[key] == before + 1


def test_rows_are_told_as_they_are(client):
    collection = make_collection(n_questions=3)
    cat = collection.ordered_classes()[0]
    make_vote(collection, cat)
    make_lease(collection)
    make_run(status="running")  # on a snapshot of 40 settled pictures with 3 votes each

    told = scrape(client)

    assert told["nestwork_votes", ()] == 121
    assert told["nestwork_questions_settled", ()] == 40
    assert told["nestwork_leases_open", ()] == 1
    assert told["nestwork_questions_open", (collection.slug,)] == 2  # the third is lent
    assert told["nestwork_runs", ("running",)] == 1
    assert told["nestwork_runs", ("queued",)] == 0
    assert told["nestwork_submissions", ("scored",)] == 0


def test_the_time_from_handing_in_to_the_scores_is_told(client):
    submission = submit_all_first_class(make_phase(make_snapshot()), make_user())
    handed_in = timezone.now()
    Submission.objects.filter(pk=submission.pk).update(
        status="scored", created_at=handed_in, ended_at=handed_in + timedelta(seconds=4)
    )

    told = scrape(client)

    assert told["nestwork_scoring_seconds", ("0.95",)] == pytest.approx(4)


def test_however_much_there_is_it_takes_the_same_few_queries(django_assert_max_num_queries):
    def n_queries():
        cache.delete(figures.KEPT)
        with django_assert_max_num_queries(20) as taken:
            figures.read()
        return len(taken)

    before = n_queries()
    for _ in range(3):
        make_vote(make_collection(n_questions=2), None)
    make_run()

    assert n_queries() == before


def test_scrapes_within_seconds_share_one_reading(django_assert_num_queries):
    figures.read()

    with django_assert_num_queries(0):
        figures.read()


# --- Who may read them --------------------------------------------------------------------------------------------


def test_without_a_token_this_machine_alone_may_read_them(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    # A proxy here asks for somebody elsewhere.
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404


def test_with_a_token_whoever_has_it_may_and_nobody_else(client, settings):
    settings.METRICS_TOKEN = "tell me"

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer tell"}).status_code == 404
    elsewhere = client.get("/metrics", headers={"Authorization": "Bearer tell me"}, REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 200


# --- Files of processes -------------------------------------------------------------------------------------------


def test_files_of_ended_processes_are_forgotten_and_those_of_others_stay(tmp_path):
    mine = tmp_path / f"counter_{multiprocess.identity()}.db"
    ended = tmp_path / f"counter_{multiprocess.machine()}-99999999.db"
    elsewhere, long_ago = tmp_path / "counter_another-7.db", tmp_path / "counter_another-8.db"
    for path in (mine, ended, elsewhere, long_ago):
        path.touch()
    then = time.time() - multiprocess.OLD_AFTER_S - 1
    os.utime(long_ago, (then, then))

    assert multiprocess.forget_old(tmp_path) == 2

    assert {*tmp_path.iterdir()} == {mine, elsewhere}
