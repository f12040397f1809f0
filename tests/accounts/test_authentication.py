"""What a token may do, and for how long."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Scope
from labeling.models import Vote
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db


def program(user, *scopes, **fields):
    """Return a client that shows a new token of `user`."""
    said = {"scopes": " ".join(scopes)} if scopes else {}
    _row, secret = ApiToken.objects.create(user=user, name="a script", **said, **fields)
    return Client(headers={"Authorization": f"Token {secret}"})


def borrow(program, collection):
    return program.post(reverse("collection-leases", args=[collection.slug]), content_type="application/json")


def test_a_token_to_label_votes_and_does_no_more():
    collection = make_collection(n_questions=1)
    labels = program(collection.owner or make_user(), "label")

    [lease] = borrow(labels, collection).json()["leases"]
    vote = {"lease": lease["id"], "synset": collection.ordered_classes()[0].wnid}
    assert (
        labels.post(reverse("votes"), {"votes": [vote]}, content_type="application/json").status_code == 200
    )

    refused = labels.get(reverse("collection-list"))
    assert (Vote.objects.count(), refused.status_code) == (1, 403)
    assert refused.json()["detail"] == "Expected a token with the scope read; found one with label."


# For each scope one thing that takes it. The answer to whoever has it may be another refusal, and never this one.
@pytest.mark.parametrize(
    ("scope", "method", "name"),
    [
        ("read", "get", "submission-list"),
        ("label", "post", "undo-vote"),
        ("compete", "post", "submission-list"),
        ("organise", "post", "draft-list"),
    ],
)
def test_each_scope_opens_its_own_and_nothing_else(scope, method, name):
    user = make_user()

    def is_refused(*scopes):
        answer = getattr(program(user, *scopes), method)(reverse(name))
        return answer.status_code == 403 and "scope" in answer.json()["detail"]

    assert not is_refused(scope)
    assert is_refused(*(each for each in Scope.values if each != scope))


def test_a_token_from_before_there_were_scopes_does_all_it_could():
    user = make_user()
    before = program(user)

    assert ApiToken.objects.get().scopes.split() == Scope.values
    assert before.get(reverse("submission-list")).status_code == 200


def test_a_session_has_every_scope(client):
    client.force_login(make_user())

    assert borrow(client, make_collection(n_questions=1)).status_code == 200


def test_a_token_works_until_its_last_day():
    user = make_user()
    still, over = program(user, expiry=timedelta(seconds=60)), program(user, expiry=timedelta(seconds=-1))

    assert still.get(reverse("submission-list")).status_code == 200
    refused = over.get(reverse("submission-list"))
    assert (refused.status_code, refused.json()["detail"][:28]) == (401, "This token’s time is over. M")


def test_the_day_of_last_use_is_written_once_a_day():
    reads = program(make_user())
    url = reverse("submission-list")
    assert ApiToken.objects.get().last_used_on is None

    with CaptureQueriesContext(connection) as first:
        reads.get(url)
    with CaptureQueriesContext(connection) as second:
        reads.get(url)

    assert ApiToken.objects.get().last_used_on == timezone.localdate()
    assert (len(first) - len(second), [q for q in second if q["sql"].startswith("UPDATE")]) == (1, [])


def test_the_database_keeps_no_token_for_nothing():
    with pytest.raises(IntegrityError):
        ApiToken.objects.create(user=make_user(), name="a script", scopes="")


def test_the_page_makes_a_token_of_the_scopes_and_days_that_were_chosen(client):
    client.force_login(make_user())
    asked = {"name": "a script", "scopes": ["read", "compete"], "days": "30"}

    client.post(reverse("accounts:create-token"), asked)

    token = ApiToken.objects.get()
    assert token.scopes == "read compete"
    assert timedelta(days=29) < token.expiry - timezone.now() < timedelta(days=31)

    client.post(reverse("accounts:create-token"), asked | {"days": ""})
    assert ApiToken.objects.filter(expiry=None).count() == 1


def test_the_page_refuses_scopes_that_there_are_not(client):
    client.force_login(make_user())

    refused = client.post(reverse("accounts:create-token"), {"name": "a script", "scopes": ["rule"]})

    assert "scopes" in refused.context["token_form"].errors
    assert not ApiToken.objects.exists()


def test_the_schema_says_of_each_operation_what_it_takes(client):
    paths = client.get(reverse("schema"), headers={"Accept": "application/json"}).json()["paths"]

    assert "Scope of a token: `label`." in paths["/api/votes/"]["post"]["description"]
    assert "Scope of a token: `read`." in paths["/api/collections/"]["get"]["description"]
    assert "Scope of a token: `organise`." in paths["/api/drafts/"]["post"]["description"]
    assert all("Scope of a token" in each["description"] for path in paths.values() for each in path.values())
