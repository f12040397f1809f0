import pytest
from django.core.cache import cache
from django.urls import reverse

from operations import checks, figures
from operations.checks import ok, wrong
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db

PAGES = ["operations:dashboard", "operations:figures", "operations:findings"]


@pytest.fixture
def staff(client):
    cache.delete(figures.KEPT)
    client.force_login(make_user(is_staff=True))
    return client


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_of_operations_are_for_staff(client, name):
    address = reverse(name)
    assert client.get(address).status_code == 302

    client.force_login(make_user())
    assert client.get(address).status_code == 403


def test_the_page_shows_what_metrics_tell_and_asks_for_it_again(staff):
    collection = make_collection(n_questions=1)

    page = staff.get(reverse("operations:dashboard")).content.decode()

    assert collection.slug in page
    assert f'hx-get="{reverse("operations:figures")}" hx-trigger="every 5s"' in page
    assert f'hx-get="{reverse("operations:findings")}" hx-trigger="load, every 60s"' in page


def test_it_shows_what_the_doctor_finds_and_what_to_do(staff, monkeypatch):
    found = [ok("database", "It answers."), wrong("beat", "It is silent.", "Start one.")]
    monkeypatch.setattr(checks, "CHECKS", {"all": lambda: found})

    part = staff.get(reverse("operations:findings")).content.decode()

    assert "It answers." in part
    assert "<bdi>It is silent.</bdi> <b><bdi>Start one.</bdi></b>" in part


def test_of_many_collections_it_shows_those_with_most_and_says_how_many_are_left_out(staff):
    for _ in range(14):
        make_collection()

    part = staff.get(reverse("operations:figures")).content.decode()

    assert part.count("collection-") == 12
    assert "2 more are lower." in part
