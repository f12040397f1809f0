"""The administration opens for every model, and for staff alone."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from labeling.models import Lease
from tests.factories import make_collection, make_phase, make_run, make_user, make_vote

pytestmark = pytest.mark.django_db
PAGES = [
    f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry
]
OURS = {"accounts", "taxonomy", "labeling", "datasets", "training", "competition"}


@pytest.fixture
def rows():
    """One row at least of most models."""
    phase = make_phase()
    make_run(phase.contest.snapshot)
    make_vote(make_collection(n_questions=2), None)
    return phase


@pytest.mark.parametrize("page", PAGES)
def test_staff_see_every_list(client, rows, page):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    assert client.get(reverse(page)).status_code == 200


@pytest.mark.parametrize("model", ["image", "question", "vote", "lease"])
def test_of_a_list_as_long_as_a_collection_the_first_rows_are_counted_alone(client, rows, monkeypatch, model):
    monkeypatch.setattr("accounts.listing.LISTED", 1)
    client.force_login(make_user(is_staff=True, is_superuser=True))
    Lease.objects.hand_out(make_collection(n_questions=2), make_user(), 2)
    make_vote(make_collection(n_questions=1), None)
    make_vote(make_collection(n_questions=1), None)

    page = client.get(reverse(f"admin:labeling_{model}_changelist"))

    assert apps.get_model("labeling", model).objects.count() > 1
    assert page.context["cl"].result_count == 1


def test_people_who_are_not_staff_are_sent_away(client):
    client.force_login(make_user())

    assert client.get(reverse("admin:index")).status_code == 302


def test_every_model_of_ours_is_there():
    automatic = {"CollectionClass", "Phase", "Lemma"}  # edited inside their owners
    missing = {
        model.__name__
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if model not in admin.site._registry
    }

    assert missing == automatic


@pytest.mark.parametrize("action", ["add", "change", "delete"])
def test_votes_cannot_be_written_by_hand(client, rf, action):
    request = rf.get("/")
    request.user = make_user(is_staff=True, is_superuser=True)
    [vote_admin] = [a for model, a in admin.site._registry.items() if model.__name__ == "Vote"]

    assert not getattr(vote_admin, f"has_{action}_permission")(request)
