"""What is noted of privileged acts, and that it stays."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import audit, personal
from accounts.models import Act, LastingError, User
from labeling import reporting
from tests.accounts.second_factors import switch_on
from tests.factories import make_image, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "systema naturae"


@pytest.fixture
def boss(client):
    boss = make_user(is_staff=True, is_superuser=True, password=PASSWORD)
    client.force_login(boss)
    return boss


def noted():
    return [(act.kind, act.actor, act.on_key) for act in Act.objects.order_by("pk")]


def change(client, user, **fields):
    """Send the form of the administration that changes `user`."""
    url = reverse("admin:accounts_user_change", args=[user.pk])
    form = client.get(url).context["adminform"].form
    sent = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    sent |= {"date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"} | fields
    return client.post(url, {name: value for name, value in sent.items() if value not in (None, False)})


def test_rights_that_are_given_are_noted_with_who_gave_them_and_from_where(client, boss):
    somebody, curators = make_user(), Group.objects.get_or_create(name="Curators")[0]

    assert change(client, somebody, is_staff="on", groups=[curators.pk]).status_code == 302

    act = Act.objects.get(kind=Act.Kind.RIGHTS)
    assert (act.actor, act.on_kind, act.on_key) == (boss, "accounts.user", str(somebody.pk))
    assert (act.note, act.address) == ("now is_active, is_staff, Curators", "127.0.0.1")


def test_whatever_is_changed_in_the_administration_is_noted(client, boss):
    group = Group.objects.create(name="Friends")
    url = reverse("admin:auth_group_change", args=[group.pk])
    client.get(url)
    client.post(url, {"name": ""})  # refused
    assert not Act.objects.exists()

    client.post(url, {"name": "Foes"})
    delete = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    client.post(reverse("admin:auth_group_changelist"), delete)

    assert [act.note for act in Act.objects.order_by("pk")] == [
        f"auth_group_change {group.pk}",
        f"auth_group_changelist delete_selected {group.pk}",
    ]


def test_tokens_made_and_revoked_are_noted_without_their_secret(client):
    user = make_user()
    client.force_login(user)
    asked = {"name": "a script", "scopes": ["read"], "days": "30"}
    secret = client.post(reverse("accounts:create-token"), asked, follow=True).context["new_token"]

    client.post(reverse("accounts:revoke-token", args=[user.auth_token_set.get().pk]))

    assert noted() == [("token made", user, str(user.pk)), ("token revoked", user, str(user.pk))]
    assert Act.objects.last().note == f"begins with {secret[:8]}; read"


def test_a_failed_sign_in_is_noted_of_staff_alone(client):
    staff, other = make_user(is_staff=True, password=PASSWORD), make_user(password=PASSWORD)

    for user in (staff, other):
        client.post("/sign-in/", {"login": user.username, "password": "a guess"})
    assert noted() == [("sign-in failed", None, str(staff.pk))]

    switch_on(staff)
    client.post("/sign-in/", {"login": staff.username, "password": PASSWORD})
    client.post("/sign-in/code/", {"code": "000000"})
    assert [act.note for act in Act.objects.order_by("pk")] == ["by password", "by code"]


def test_a_changed_password_is_noted(client):
    user = make_user(password=PASSWORD)
    client.force_login(user)
    new = "species plantarum"

    client.post("/account/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert noted() == [("password", user, str(user.pk))]


def test_a_picture_withdrawn_and_put_back_is_noted(client):
    staff, image = make_user(is_staff=True), make_image()

    reporting.withdraw(image, staff)
    reporting.put_back(image, staff)

    assert noted() == [("withdrawn", staff, str(image.pk)), ("put back", staff, str(image.pk))]


def test_that_somebody_was_forgotten_is_noted_and_what_they_did_stays_without_a_name(client):
    user = make_user(is_staff=True)
    audit.record(Act.Kind.RESCORED, by=user)
    name = user.username

    call_command("forget", name)

    assert [(kind, str(actor)) for kind, actor, _key in noted()] == [
        ("rescored", "somebody who left"),
        ("forgotten", "None"),
    ]
    assert name not in str(list(Act.objects.values()))


def test_ones_own_acts_are_in_ones_export():
    user = make_user()
    audit.record(Act.Kind.RESCORED, by=user)

    assert '"kind": "rescored"' in "".join(personal.export(user))
    assert '"kind": "rescored"' not in "".join(personal.export(make_user()))


def test_an_act_is_never_changed_or_deleted():
    audit.record(Act.Kind.RESCORED)
    act = Act.objects.get()

    for attempt in (act.delete, Act.objects.all().delete, lambda: Act.objects.update(note="no")):
        with pytest.raises(LastingError):
            attempt()
    act.note = "no"
    with pytest.raises(IntegrityError), transaction.atomic():
        act.save()
    for statement in ("UPDATE accounts_act SET note = 'no'", "DELETE FROM accounts_act"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert Act.objects.get().note == ""


def test_acts_are_shown_to_superusers_alone(client, boss):
    audit.record(Act.Kind.RESCORED, note="by hand")
    page = reverse("admin:accounts_act_changelist")
    staff = Client()
    staff.force_login(make_user(is_staff=True))

    assert "by hand" in client.get(page).content.decode()
    assert "by hand" not in client.get(page, {"kind__exact": "withdrawn"}).content.decode()
    assert staff.get(page).status_code == 403
    act = Act.objects.get()
    assert client.post(reverse("admin:accounts_act_delete", args=[act.pk])).status_code == 403


def test_an_act_is_found_again_by_the_id_of_its_request(client, settings):
    staff, answers = make_user(is_staff=True), []
    for settings.N_PROXIES in (0, 1):
        answers.append(
            client.post(
                "/sign-in/",
                {"login": staff.username, "password": "a guess"},
                headers={"X-Request-ID": "abc-1", "X-Forwarded-For": "10.0.0.9"},
            )
        )

    told = [(act.request_id, act.address) for act in Act.objects.order_by("pk")]
    ours, proxys = (answer["X-Request-ID"] for answer in answers)
    assert told == [(ours, "127.0.0.1"), ("abc-1", "10.0.0.9")]
    assert (proxys, ours != "abc-1") == ("abc-1", True)


def test_people_are_still_made_without_a_note(client):
    client.post("/sign-up/", {"username": "ada", "password1": PASSWORD, "password2": PASSWORD})

    assert User.objects.filter(username="ada").exists()
    assert not Act.objects.exists()
