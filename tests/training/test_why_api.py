"""Explanations by program."""

import io

import numpy as np
import pytest
from django.test import Client

from labeling.models import Image
from labeling.splits import TEST
from tests.factories import make_snapshot, make_user
from tests.training.explanations import a_picture, make_explanation, make_finished
from training import why_views
from training.explained import Explained
from training.models import Explanation

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return make_finished(make_snapshot(n_questions=20))


@pytest.fixture
def program(monkeypatch):
    monkeypatch.setattr(why_views.explain_queued, "delay", lambda: None)
    client = Client()
    client.force_login(make_user())
    return client


def ask(client, run, sha256=None, **more):
    sent = {"sha256": sha256 or a_picture(run), **more}
    return client.post(f"/api/runs/{run.pk}/explanations/", sent, content_type="application/json")


def test_a_program_asks_and_is_told_where_to_ask_again(program, run):
    answer = ask(program, run)

    asked = Explanation.objects.get()
    assert answer.status_code == 202
    said = answer.json()
    assert (said["id"], said["status"], said["n_before"]) == (asked.pk, "queued", 0)
    assert said["maps"] is said["file"] is said["explained"] is said["probability"] is None
    assert program.get(said["url"]).json() == said


def test_it_may_name_a_class(program, run):
    wnid = run.snapshot.classes[1]

    assert ask(program, run, wnid=wnid).json()["wnid"] == wnid
    assert ask(program, run, wnid="nowhere").status_code == 404


def test_what_was_found_out_is_told(program, run):
    asked = make_explanation(run)

    said = program.get(f"/api/runs/{run.pk}/explanations/{asked.pk}/").json()

    assert (said["status"], said["explained"]) == ("finished", run.snapshot.classes[0])
    assert said["probability"] == pytest.approx(0.8)
    assert (said["log_odds_explained"], said["delta"]) == (1.2, 0.001)
    assert [each["method"] for each in said["maps"]] == ["gradients", "occlusion", "grad-cam"]
    first = said["maps"][0]
    assert program.get(first["url"])["Content-Type"] == "image/png"
    assert first["deletion"]["verdict"] == "holds"
    assert first["deletion"]["times"] > 1
    assert (len(first["deletion"]["marked"]), len(first["deletion"]["at_random"])) == (21, 10)


def test_all_arrays_can_be_had(program, run):
    asked = make_explanation(run)

    response = program.get(f"/api/runs/{run.pk}/explanations/{asked.pk}/file/")

    data = response.getvalue()
    assert Explained.from_bytes(data).label == 0
    with np.load(io.BytesIO(data)) as arrays:
        assert arrays["map occlusion"].shape == (16, 16)


def test_there_is_no_file_before_it_has_finished(program, run):
    said = ask(program, run).json()

    assert program.get(f"{said['url']}file/").status_code == 400


def test_one_that_failed_says_why(program, run):
    said = ask(program, run).json()
    Explanation.objects.claim_next().fail("It is broken.")

    told = program.get(said["url"]).json()

    assert (told["status"], told["detail"]) == ("failed", "It is broken.")


def test_of_a_test_picture_nothing_is_told(program, run):
    assert ask(program, run, a_picture(run, TEST)).status_code == 404
    assert not Explanation.objects.exists()


def test_nor_of_one_that_was_withdrawn(program, run):
    asked = make_explanation(run)
    address = f"/api/runs/{run.pk}/explanations/{asked.pk}/"
    Image.objects.get(sha256=asked.sha256).withdraw()

    assert [program.get(address + more).status_code for more in ("", "file/")] == [404, 404]


@pytest.mark.parametrize("sha256", ["", "a" * 63, "A" * 64, "../" + "a" * 61])
def test_what_is_no_hash_is_refused(program, run, sha256):
    answer = ask(program, run, sha256 or " ")

    assert answer.status_code == 400
    assert list(answer.json()) == ["sha256"]


def test_whoever_is_not_signed_in_may_look_and_not_ask(client, run):
    asked = make_explanation(run)

    assert ask(client, run).status_code == 401
    assert client.get(f"/api/runs/{run.pk}/explanations/{asked.pk}/").status_code == 200


def test_too_many_that_wait_are_status_503(program, run, monkeypatch):
    monkeypatch.setattr("training.models.explanations.MOST_WAITING", 0)

    answer = ask(program, run)

    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Too many pictures wait")


def test_a_person_asks_for_so_many_in_an_hour(program, run, settings):
    settings.FLOOD_LIMITS = {**settings.FLOOD_LIMITS, "explanations": (0, 1)}

    assert [ask(program, run, wnid=wnid).status_code for wnid in run.snapshot.classes] == [202, 429]
