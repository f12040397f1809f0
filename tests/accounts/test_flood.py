import time
from threading import Thread
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import flood
from accounts.models import ApiToken, User
from config.settings import FLOOD_LIMITS
from labeling.models import GRID, Comment, QuizPass, Report
from taxonomy.models import Synset
from tests.factories import make_collection, make_image, make_synset, make_user
from tests.labeling.grids import make_verifying
from tests.taxonomy.curators import make_curator

pytestmark = pytest.mark.django_db

NOON = 1_800_000_000 - 1_800_000_000 % 3600
LIMITS = {
    "guests": (2, 0),
    "votes": (2, 4),
    "reports": (1, 2),
    "comments": (0, 2),
    "sign_ins": (2, 0),
    "mails": (2, 2),
    "uploads": (0, 1),
    "quizzes": (1, 2),
    "pictures": (0, 3),
    "searches": (2, 3),
    "exports": (1, 1),
    "tokens": (1, 1),
}


@pytest.fixture(autouse=True)
def limits(settings, monkeypatch):
    """Small limits, counted afresh for each test, at noon."""
    settings.FLOOD_LIMITS = LIMITS
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}}
    at(monkeypatch, NOON)


def at(monkeypatch, seconds):
    monkeypatch.setattr("accounts.flood.time.time", lambda: seconds)


def request_of(rf, user=None, **meta):
    request = rf.get("/", **meta)
    request.user = user or AnonymousUser()
    return request


def spends(request, what="votes", n=1, **kwargs):
    """Whether so much may still be spent."""
    try:
        flood.spend(request, what, n, **kwargs)
    except flood.FloodError:
        return False
    return True


# --- Counting ---------------------------------------------------------------------------------------------


def test_a_person_may_do_more_than_a_guest(rf):
    person, guest = request_of(rf, make_user()), request_of(rf, User.objects.create_guest())

    assert [spends(person) for _ in range(5)] == [True, True, True, True, False]
    assert [spends(guest) for _ in range(3)] == [True, True, False]


def test_everybody_is_counted_by_themselves(rf):
    first, second = request_of(rf, make_user()), request_of(rf, make_user())
    assert (spends(first, n=4), spends(first)) == (True, False)

    assert spends(second)


def test_one_thing_is_not_counted_against_another(rf):
    person = request_of(rf, make_user())
    assert spends(person, "votes", 4)

    assert spends(person, "comments")


def test_the_next_hour_begins_at_none(rf, monkeypatch):
    person = request_of(rf, make_user())
    assert (spends(person, n=4), spends(person)) == (True, False)

    at(monkeypatch, NOON + 3600)

    assert spends(person)


def test_a_refusal_says_when_to_come_back(rf, monkeypatch):
    person = request_of(rf, make_user())
    flood.spend(person, "votes", 4)
    at(monkeypatch, NOON + 3600 - 90.5)

    with pytest.raises(flood.FloodError) as refused:
        flood.spend(person, "votes")

    assert refused.value.wait == 91
    assert "in 2 min" in str(refused.value.detail)


def test_a_batch_larger_than_an_hour_allows_is_not_refused_for_ever(rf):
    assert spends(request_of(rf, make_user()), n=100)


def test_no_limit_asks_the_cache_nothing(rf, settings, monkeypatch):
    settings.FLOOD_LIMITS = {"votes": (0, 0)}
    monkeypatch.setattr(flood, "cache", None)

    assert all(spends(request_of(rf, make_user()), n=10) for _ in range(10))


def test_counting_asks_the_cache_once(rf, monkeypatch):
    person = request_of(rf, make_user())
    flood.spend(person, "votes")  # the first of the hour
    asked = []
    incr = cache.incr
    monkeypatch.setattr(
        flood, "cache", type("Once", (), {"incr": lambda self, *a: asked.append(a) or incr(*a)})()
    )

    flood.spend(person, "votes")

    assert len(asked) == 1


def test_many_at_once_are_counted_each(rf, settings):
    settings.FLOOD_LIMITS = {"votes": (0, 50)}
    person = request_of(rf, make_user())
    allowed = []

    def vote():
        for _ in range(20):
            allowed.append(spends(person))

    threads = [Thread(target=vote) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (sum(allowed), len(allowed)) == (50, 80)


def test_while_the_cache_is_away_nothing_is_refused(rf, monkeypatch, caplog):
    def away(*args):
        raise RedisConnectionError("away")

    monkeypatch.setattr(flood, "_add", away)
    monkeypatch.setattr(flood, "_left_alone_until_s", 0.0)

    assert all(spends(request_of(rf, make_user())) for _ in range(9))
    assert "does not answer" in caplog.text


def test_a_cache_that_is_away_is_not_asked_at_every_request(rf, monkeypatch):
    asked = []

    def away(*args):
        asked.append(args)
        raise RedisConnectionError("away")

    monkeypatch.setattr(flood, "_add", away)
    monkeypatch.setattr(flood, "_left_alone_until_s", 0.0)

    for _ in range(9):
        spends(request_of(rf, make_user()))
    assert len(asked) == 1
    monkeypatch.setattr(flood, "_left_alone_until_s", time.monotonic())
    spends(request_of(rf, make_user()))

    assert len(asked) == 2


# --- Whom a request comes from ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_proxies", "forwarded", "expected"),
    [
        (0, "", "10.0.0.1"),
        (0, "6.6.6.6", "10.0.0.1"),  # written by the client: no proxy of ours is there
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        (1, "", "10.0.0.1"),
        (2, "6.6.6.6", "10.0.0.1"),  # it has not come through both
        (1, "2001:db8::1", "2001:db8::/64"),
        (1, "::ffff:1.2.3.4", "1.2.3.4"),
        (1, "unknown", "unknown"),
    ],
)
def test_an_address_is_believed_from_our_proxies_alone(rf, settings, n_proxies, forwarded, expected):
    settings.N_PROXIES = n_proxies
    meta = {"REMOTE_ADDR": "10.0.0.1"} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})

    assert flood.address(rf.get("/", **meta)) == expected


def test_two_addresses_of_one_ipv6_network_are_one(rf):
    requests = [request_of(rf, REMOTE_ADDR=f"2001:db8::{n}") for n in (1, 2, 3)]

    assert [spends(request, "guests") for request in requests] == [True, True, False]


# --- Where it is spent ------------------------------------------------------------------------------------


def test_one_address_makes_so_many_guests_and_no_more():
    collection = make_collection(n_questions=1)
    start = reverse("labeling:start", args=[collection.slug])
    assert [Client().post(start).status_code for _ in range(3)] == [302, 302, 429]
    assert User.objects.filter(kind="guest").count() == 2

    assert Client(REMOTE_ADDR="10.0.0.7").post(start).status_code == 302


def test_a_guest_who_goes_on_is_not_counted_again(client):
    start = reverse("labeling:start", args=[make_collection(n_questions=1).slug])

    assert {client.post(start).status_code for _ in range(5)} == {302}


def test_a_refused_page_says_when_to_come_back(client):
    start = reverse("labeling:start", args=[make_collection(n_questions=1).slug])
    for _ in range(2):
        Client().post(start)

    response = client.post(start)

    assert response["Retry-After"] == "3600"
    assert "Come back at" in response.content.decode()


def test_a_name_is_tried_from_one_address_only_so_often(client):
    User.objects.create_user("linnaeus", password="systema naturae")
    url = reverse("accounts:sign-in")

    def attempt(name, password):
        return client.post(url, {"login": name, "password": password}).status_code

    assert [attempt("linnaeus", "a guess") for _ in range(2)] == [200, 200]
    assert attempt("Linnaeus", "another") == 429
    assert attempt("linnaeus", "systema naturae") == 429
    assert attempt("darwin", "a guess") == 200


def test_the_administration_has_no_door_of_its_own(client):
    response = client.get("/admin/login/?next=/admin/")

    assert response["Location"] == f"{reverse('accounts:sign-in')}?next=/admin/"


def test_strangers_sign_up_only_so_often():
    def sign_up(name):
        password = "systema naturae"
        fields = {"username": name, "password1": password, "password2": password}
        return Client().post(reverse("accounts:sign-up"), fields).status_code

    assert [sign_up(name) for name in ("ada", "grace", "mary")] == [302, 302, 429]


def test_a_person_says_only_so_much(client):
    client.force_login(make_user())
    url = reverse("labeling:synset-talk", args=[make_synset("fox").wnid])

    assert [client.post(url, {"text": "Hm."}).status_code for _ in range(3)] == [302, 302, 429]
    assert Comment.objects.count() == 2


def test_a_guest_reports_only_so_much(client):
    client.force_login(User.objects.create_guest())
    urls = [reverse("labeling:report", args=[make_image().sha256]) for _ in range(2)]

    assert [client.post(url, {"reason": "mine"}).status_code for url in urls] == [302, 429]
    assert Report.objects.count() == 1


def test_the_default_lets_a_guest_look_over_a_grid_every_15_seconds_and_no_faster_script():
    most, _of_people = FLOOD_LIMITS["votes"]

    assert 3600 / 15 * GRID <= most < 3600 / 12 * GRID


def test_a_guest_guesses_at_quizzes_only_so_often(client):
    collection = make_verifying()
    client.force_login(User.objects.create_guest())
    url = reverse("labeling:quiz", args=[collection.slug, collection.ordered_classes()[0].wnid])
    client.get(f"{url}?ask")
    wrong = place_of(client, "what dog means")

    assert client.post(url, {"meaning": wrong}).status_code == 200
    client.get(f"{url}?ask")
    assert client.post(url, {"meaning": place_of(client, "what cat means")}).status_code == 429
    assert not QuizPass.objects.exists()


def place_of(client, gloss):
    """Return the number of the choice with this meaning in the quiz that was drawn last."""
    meanings = client.session["quiz"]["meanings"]
    return meanings.index(Synset.objects.get(gloss=gloss).pk)


@pytest.mark.parametrize("name", ["collection-pictures", "labeling:pictures"])
def test_an_owner_adds_only_so_many_mib_of_pictures(client, name):
    collection = make_collection(owner=make_user())
    client.force_login(collection.owner)
    url = reverse(name, args=[collection.slug])

    def send(*sizes):
        files = [SimpleUploadedFile("a.txt", bytes(size)) for size in sizes]
        return client.post(url, {"files": files}).status_code

    assert send(10, 2**20 + 1) == 200  # of one MiB and of two
    assert send(10) == 429


@pytest.mark.parametrize("name", ["taxonomy:synsets", "synset-list"])
def test_a_stranger_looks_up_only_so_many_nouns(client, name):
    url = reverse(name)

    assert [client.get(url, {"q": "fox"}).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get(url).status_code == 200


def test_a_picker_looks_up_only_so_many_nouns(client):
    client.force_login(make_curator())
    url = reverse("taxonomy:pick")

    assert [client.get(url, {"q": "fox"}).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_one_takes_ones_data_along_and_makes_tokens_only_so_often(client):
    client.force_login(make_user())
    export, token = reverse("accounts:export"), reverse("accounts:create-token")

    assert [client.get(export).status_code for _ in range(2)] == [200, 429]
    assert [client.post(token, {"name": "a script", "scopes": "read"}).status_code for _ in range(2)] == [
        302,
        429,
    ]
    assert ApiToken.objects.count() == 1


def test_the_api_answers_the_same():
    class Votes(APIView):
        def get(self, request):
            flood.spend(request, "votes", 4)
            return Response()

    request = APIRequestFactory().get("/")
    request._force_auth_user = make_user()
    assert Votes.as_view()(request).status_code == 200

    refused = Votes.as_view()(request)

    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert "Come back at" in refused.data["detail"]
