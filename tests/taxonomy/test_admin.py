"""The taxonomy in the administration: read there, and changed through the ledger alone."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from taxonomy.models import Ancestry, Change, Draft, ExternalId, Hypernym, Synset, Tally
from tests.factories import make_synset
from tests.taxonomy.curators import make_curator

pytestmark = pytest.mark.django_db

DRAFTS = "admin:taxonomy_draft_changelist"


@pytest.fixture
def staff(client):
    user = make_curator(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def draft():
    """A rename, previewed."""
    dog = make_synset("dog")
    return Draft.objects.create(
        kind="rename",
        arguments={"synset": dog.wnid, "name": "hound"},
        summary="dog is called hound",
        reason="a test",
        author=make_curator(),
        synset=dog,
        state=Draft.State.READY,
    )


@pytest.fixture
def act(client, django_capture_on_commit_callbacks):
    """Choose an action of the list for one draft; the workers, which are eager here, then do it."""

    def act(action, draft):
        data = {"action": action, "_selected_action": [draft.pk]}
        with django_capture_on_commit_callbacks(execute=True):
            response = client.post(reverse(DRAFTS), data, follow=True)
        draft.refresh_from_db()
        return response

    return act


@pytest.mark.parametrize("model", [Synset, Hypernym, Ancestry, Tally, ExternalId, Change, Draft])
@pytest.mark.parametrize("action", ["add", "change", "delete"])
def test_nothing_is_written_by_hand(rf, staff, model, action):
    request = rf.get("/")
    request.user = staff

    assert not getattr(admin.site._registry[model], f"has_{action}_permission")(request)


def test_a_noun_leads_to_its_editor(client, staff, draft):
    page = client.get(reverse("admin:taxonomy_synset_change", args=[draft.synset.pk]))

    assert f'href="{draft.synset.get_absolute_url()}"' in page.content.decode()


def test_a_draft_leads_to_its_page(client, staff, draft):
    page = client.get(reverse("admin:taxonomy_draft_change", args=[draft.pk]))

    assert f'href="{draft.get_absolute_url()}"' in page.content.decode()


def test_a_change_can_be_read(client, staff, draft):
    change = draft.synset.changes.get()

    page = client.get(reverse("admin:taxonomy_change_change", args=[change.pk]))

    assert change.summary in page.content.decode()


def test_a_draft_is_committed(staff, draft, act):
    act("commit", draft)

    assert draft.state == "committed"
    assert draft.change.author == draft.author


def test_a_draft_is_discarded(staff, draft, act):
    act("discard", draft)

    assert draft.state == "discarded"


def test_a_large_draft_is_approved_by_another_than_its_author(staff, draft, act, settings):
    settings.SECOND_CURATOR_FROM = 0
    act("commit", draft)
    assert draft.state == "waiting"

    act("approve", draft)

    assert (draft.state, draft.approver) == ("committed", staff)


def test_an_author_cannot_approve_in_the_administration_either(staff, draft, act):
    Draft.objects.filter(pk=draft.pk).update(state="waiting", author=staff)

    response = act("approve", draft)

    assert draft.state == "waiting"
    assert "waits for a second curator" in response.content.decode()


def test_staff_who_are_no_curators_are_offered_no_action(client, draft, act):
    viewer = make_curator(is_staff=True)
    viewer.user_permissions.clear()
    viewer.user_permissions.add(*_permissions("view_draft"))
    client.force_login(viewer)

    act("commit", draft)

    assert draft.state == "ready"


def test_staff_who_are_curators_are_offered_the_actions(client, draft, act):
    curator = make_curator(is_staff=True)
    curator.user_permissions.add(*_permissions("view_draft"))
    client.force_login(curator)

    act("commit", draft)

    assert draft.state == "committed"


def _permissions(*codenames):
    return Permission.objects.filter(codename__in=codenames)
