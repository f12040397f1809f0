"""The curators' pages: what is proposed, what a draft says, and who may press what."""

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taxonomy import ledger
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import Kind
from tests.factories import make_synset, make_user
from tests.taxonomy.curators import make_curator

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(client):
    user = make_curator()
    client.force_login(user)
    return user


@pytest.fixture
def other(client):
    """A second curator, signed in elsewhere."""
    user = make_curator()
    browser = type(client)()
    browser.force_login(user)
    return browser


@pytest.fixture
def animals():
    """animal › (dog › husky, cat)"""
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    return {
        "animal": animal,
        "dog": dog,
        "cat": make_synset("cat", animal),
        "husky": make_synset("husky", dog),
    }


@pytest.fixture
def send(client, django_capture_on_commit_callbacks):
    """Post to an address and let the workers, which are eager here, do what it asked for."""

    def send(address, data=None, browser=client, **options):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(address, data or {}, **options)

    return send


@pytest.fixture
def propose(send):
    """Send the form of one change and return its draft."""

    def propose(synset, kind, reason="because", **fields):
        response = send(form_of(synset, kind), {"reason": reason, **fields})
        assert response.status_code == 302, response.context["form"].errors
        return Draft.objects.latest("pk")

    return propose


def form_of(synset, kind):
    return reverse("taxonomy:propose", args=[synset.wnid, kind])


def press(draft, button):
    return reverse(f"taxonomy:{button}", args=[draft.pk])


def hypernyms(synset):
    return set(synset.hypernyms.values_list("name", flat=True))


# --- Who may ----------------------------------------------------------------------------------------------

PAGES = ["/nouns/add/", "/nouns/pick/?q=d", "/drafts/", "/drafts/1/", "/drafts/1/state/", "/changes/1/undo/"]


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_asked_to_sign_in(client, address):
    response = client.get(address)

    assert response.status_code == 302
    assert response.url.startswith("/sign-in/?next=")


@pytest.mark.parametrize("address", PAGES)
def test_a_person_who_is_no_curator_may_not(client, address):
    client.force_login(make_user())

    assert client.get(address).status_code == 403


@pytest.mark.parametrize("kind", [kind for kind in Kind.values if kind not in {"import", "undo"}])
def test_only_a_curator_sees_the_form_of_a_change(client, animals, kind):
    if kind == Kind.RESTORE:
        ledger.make(Kind.RETIRE, {"synset": animals["cat"].wnid}, author=None, reason="a test")
    address = form_of(animals["cat"], kind)
    client.force_login(make_user())
    assert client.get(address).status_code == 403

    client.force_login(make_curator())

    assert client.get(address, follow=True).status_code == 200


def test_members_of_the_group_curators_may_curate():
    user = make_user()
    assert not user.has_perm("taxonomy.curate")

    user.groups.add(Group.objects.get(name="Curators"))

    assert type(user).objects.get(pk=user.pk).has_perm("taxonomy.curate")


def test_nobody_but_curators_is_shown_what_to_change(client, animals):
    address = animals["dog"].get_absolute_url()
    assert b"Merge it" not in client.get(address).content

    client.force_login(make_curator())

    assert b"Merge it" in client.get(address).content


# --- Proposing --------------------------------------------------------------------------------------------


def test_a_noun_is_added_under_another(curator, animals, send):
    address = reverse("taxonomy:add") + f"?under={animals['dog'].wnid}"

    send(
        address,
        {"name": "puppy", "gloss": "a young dog", "lemmas": "whelp", "hypernym": "dog", "reason": "missing"},
    )

    draft = Draft.objects.get()
    assert (draft.kind, draft.summary, draft.state) == ("add", "puppy is new under dog", "ready")
    assert draft.synset.lemmas_text == "puppy, whelp"
    assert not Synset.objects.current().filter(name="puppy").exists()


def test_a_noun_without_a_hypernym_becomes_a_root(curator, animals, send):
    send(reverse("taxonomy:add"), {"name": "idea", "gloss": "a thought", "reason": "missing"})

    assert Draft.objects.get().summary == "idea is a new root"


def test_the_form_of_a_kind_below_a_noun_comes_with_that_noun(client, curator, animals):
    form = client.get(reverse("taxonomy:add"), {"under": animals["dog"].wnid}).context["form"]

    assert form["hypernym"].value() == f"dog ({animals['dog'].wnid})"


def test_a_branch_is_moved(curator, animals, propose, send):
    draft = propose(animals["husky"], "move", target="cat")

    send(press(draft, "commit"))

    draft.refresh_from_db()
    assert draft.state == "committed"
    assert hypernyms(animals["husky"]) == {"cat"}


def test_a_noun_becomes_a_root_only_when_that_is_said(client, curator, animals, propose):
    refused = client.post(form_of(animals["husky"], "move"), {"reason": "because"})
    assert "one of the two" in str(refused.context["form"].errors)

    draft = propose(animals["husky"], "move", is_root="on")

    assert draft.summary == "husky becomes a root"


def test_what_a_row_was_dropped_on_stands_in_the_form(client, curator, animals):
    ledger.make(
        Kind.ADD_PARENT,
        {"synset": animals["husky"].wnid, "hypernym": animals["cat"].wnid},
        author=None,
        reason="a test",
    )
    query = {"source": animals["dog"].wnid, "target": animals["animal"].wnid}

    form = client.get(form_of(animals["husky"], "move"), query).context["form"]

    assert form["target"].value() == f"animal ({animals['animal'].wnid})"
    assert form["source"].value() == animals["dog"].wnid


def test_a_hypernym_is_added_and_another_dropped(curator, animals, propose, send):
    send(press(propose(animals["husky"], "add_parent", hypernym="cat.n.01"), "commit"))
    assert hypernyms(animals["husky"]) == {"dog", "cat"}

    send(press(propose(animals["husky"], "drop_parent", hypernym=animals["dog"].wnid), "commit"))

    assert hypernyms(animals["husky"]) == {"cat"}


def test_a_noun_is_renamed_edited_and_marked(curator, animals, propose, send):
    husky = animals["husky"]
    send(press(propose(husky, "rename", name=" Siberian  husky "), "commit"))
    send(press(propose(husky, "edit", lemmas="Siberian husky\nhusky", gloss="pulls sledges"), "commit"))
    send(press(propose(husky, "mark", sensitive_reason="a test", with_below="no"), "commit"))

    husky.refresh_from_db()
    assert (husky.name, husky.lemmas_text) == ("Siberian husky", "Siberian husky, husky")
    assert husky.gloss == "pulls sledges"
    assert (husky.is_imageable, husky.sensitive_reason) == (False, "a test")


def test_a_noun_is_merged_retired_and_restored(curator, animals, propose, send):
    send(press(propose(animals["cat"], "merge", target="dog"), "commit"))
    send(press(propose(animals["dog"], "retire", with_below="no"), "commit"))
    assert list(Synset.objects.current().values_list("name", flat=True)) == ["animal", "husky"]

    send(press(propose(animals["dog"], "restore"), "commit"))

    assert hypernyms(animals["dog"]) == {"animal"}


def split_form(*parts, **fields):
    data = {"is_kept": "no", "reason": "two things", "part-TOTAL_FORMS": len(parts), "part-INITIAL_FORMS": 0}
    for i, part in enumerate(parts):
        data |= {f"part-{i}-{key}": value for key, value in part.items()}
    return data | fields


def test_a_noun_is_split_into_a_new_one_and_one_that_is_there(curator, animals, send):
    parts = [{"name": "sled dog", "gloss": "pulls"}, {"existing": "cat"}, {}]

    send(form_of(animals["dog"], "split"), split_form(*parts))
    send(press(Draft.objects.get(), "commit"))

    assert Change.objects.latest("pk").summary == "dog is split into sled dog, cat"
    assert Synset.objects.current().get(name="sled dog").hypernyms.get() == animals["animal"]


def test_a_split_asks_for_two_parts(client, curator, animals):
    response = client.post(
        form_of(animals["dog"], "split"), split_form({"name": "sled dog", "gloss": "pulls"}, {})
    )

    assert "Expected two parts or more; found 1." in str(response.context["form"].errors)
    assert not Draft.objects.exists()


def test_there_is_room_for_one_more_part_without_losing_what_was_written(client, curator, animals):
    data = split_form({"name": "sled dog", "gloss": "pulls"}, {"existing": "cat"}, more="1", reason="")

    form = client.post(form_of(animals["dog"], "split"), data).context["form"]

    assert len(form.parts.forms) == 3
    assert form.parts[0]["name"].value() == "sled dog"
    assert form["is_kept"].value() == "no"
    assert not form.is_bound


def test_what_the_tree_does_not_allow_is_said_in_its_own_sentence(client, curator, animals):
    response = client.post(form_of(animals["animal"], "move"), {"target": "husky", "reason": "because"})

    sentence = "Expected no noun above itself; found that animal is a kind of husky, a kind of dog, a kind of animal."
    assert response.context["form"].non_field_errors() == [sentence]
    assert not Draft.objects.exists()


def test_a_change_needs_a_reason(client, curator, animals):
    response = client.post(form_of(animals["dog"], "rename"), {"name": "hound", "reason": " "})

    assert "reason" in response.context["form"].errors
    assert not Draft.objects.exists()


def test_a_button_pressed_twice_makes_one_draft(curator, animals, propose):
    first = propose(animals["dog"], "rename", name="hound")

    assert propose(animals["dog"], "rename", name="hound") == first
    assert propose(animals["dog"], "rename", name="pooch") != first


def test_a_new_noun_sent_twice_is_one_draft(curator, animals, send):
    data = {"name": "puppy", "gloss": "a young dog", "hypernym": "dog", "reason": "missing"}

    answers = {send(reverse("taxonomy:add"), data).url for _press in range(2)}

    assert answers == {Draft.objects.get().get_absolute_url()}
    assert Synset.objects.filter(name="puppy").count() == 1


def test_a_form_sent_by_htmx_leads_on_to_the_draft(curator, animals, send):
    data = {"name": "hound", "reason": "because"}

    response = send(form_of(animals["dog"], "rename"), data, headers={"HX-Request": "true"})

    assert response.headers["HX-Redirect"] == Draft.objects.get().get_absolute_url()


def test_in_a_dialog_the_form_comes_alone(client, curator, animals):
    response = client.get(form_of(animals["dog"], "rename"), headers={"HX-Request": "true"})

    assert b"<form" in response.content
    assert b"<html" not in response.content


@pytest.mark.parametrize("kind", ["undo", "import", "explode"])
def test_there_is_no_form_of_any_other_kind(client, curator, animals, kind):
    assert client.get(form_of(animals["dog"], kind)).status_code == 404
    assert client.get(form_of(animals["dog"], "rename")).status_code == 200


def test_a_noun_that_is_only_drafted_is_not_changed(client, curator, animals, send):
    send(reverse("taxonomy:add"), {"name": "puppy", "gloss": "young", "reason": "missing"})

    assert client.get(form_of(Draft.objects.get().synset, "rename")).status_code == 404


def test_a_noun_that_has_left_the_tree_meanwhile_is_refused_in_a_sentence(client, curator, animals):
    ledger.make(Kind.RETIRE, {"synset": animals["cat"].wnid}, author=None, reason="a test")

    response = client.post(form_of(animals["cat"], "rename"), {"name": "kitty", "reason": "because"})

    assert response.context["form"].non_field_errors() == [
        "Expected a noun that is in the tree; found cat, which is retired."
    ]


# --- Picking a noun ---------------------------------------------------------------------------------------


def test_a_picker_shows_senses_with_gloss_and_line(client, curator, animals):
    content = client.get("/nouns/pick/", {"q": "hus"}).content.decode()

    assert f'data-value="husky ({animals["husky"].wnid})"' in content
    assert "animal › dog" in content
    assert "what husky means" in content
    assert "1 noun found." in content


def test_a_picker_leaves_out_the_noun_itself(client, curator, animals):
    query = {"q": "husky", "not": animals["husky"].wnid}

    assert "No noun" in client.get("/nouns/pick/", query).content.decode()


def test_a_picker_asks_as_much_for_many_nouns_as_for_few(client, curator, animals):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            client.get("/nouns/pick/", {"q": "c"})
        return len(queries)

    few = n_queries()
    for number in range(5):
        make_synset(f"cat {number}", animals["dog"])

    assert n_queries() == few


@pytest.mark.parametrize("query", ["", "  ", "%", "_", "\\", "dog.n.99999999999999999999", "(" * 500, "é🐕"])
def test_a_picker_takes_anything(client, curator, animals, query):
    assert client.get("/nouns/pick/", {"q": query}).status_code == 200


# --- Drafts -----------------------------------------------------------------------------------------------


def test_a_draft_says_what_it_does_who_and_why(client, curator, animals, propose):
    draft = propose(animals["husky"], "move", target="cat", reason="it purrs")

    content = client.get(draft.get_absolute_url()).content.decode()

    assert "husky moves under cat" in content
    assert "it purrs" in content
    assert curator.username in content
    assert "husky › cat" in content  # step by step


def test_a_draft_that_is_counted_asks_for_itself_until_something_happens(client, curator, animals, propose):
    draft = propose(animals["husky"], "move", target="cat")
    Draft.objects.filter(pk=draft.pk).update(state="previewing")
    assert "every 1s" in client.get(draft.get_absolute_url()).content.decode()
    state = reverse("taxonomy:draft-state", args=[draft.pk])
    assert client.get(state, {"was": "previewing"}).status_code == 204

    Draft.objects.filter(pk=draft.pk).update(state="ready")

    content = client.get(state, {"was": "previewing"}).content.decode()
    assert "Commit" in content
    assert "every 1s" not in content


def test_a_preview_is_drawn_in_figures(client, curator, animals, propose):
    draft = propose(animals["husky"], "move", target="cat")
    impact = [{"what": "labels", "count": 1234, "examples": ["a picture"], "is_size": True}]
    Draft.objects.filter(pk=draft.pk).update(impact=impact, size=1234)

    content = client.get(draft.get_absolute_url()).content.decode()

    assert "<dt>Labels</dt><dd>1,234</dd>" in content
    assert "a picture" in content
    assert "It touches 1,234 labels: from 1,000 on, a second curator has to approve it." in content


@pytest.fixture
def large(curator, animals, propose, settings):
    """A draft that takes two curators."""
    settings.SECOND_CURATOR_FROM = 0
    return propose(animals["husky"], "move", target="cat")


def test_a_large_change_waits_for_another_curator(client, animals, large, send, other):
    send(press(large, "commit"))
    large.refresh_from_db()
    assert large.state == "waiting"
    assert b"Approve and commit" not in client.get(large.get_absolute_url()).content

    assert b"Approve and commit" in other.get(large.get_absolute_url()).content
    send(press(large, "approve"), browser=other)

    large.refresh_from_db()
    assert large.state == "committed"
    assert hypernyms(animals["husky"]) == {"cat"}


def test_an_author_cannot_approve(large, send):
    send(press(large, "commit"))

    response = send(press(large, "approve"), follow=True)

    large.refresh_from_db()
    assert large.state == "waiting"
    assert "A second curator has to approve it, not its author." in response.content.decode()


def test_a_second_press_of_any_button_does_no_harm(curator, animals, propose, send, other):
    draft = propose(animals["husky"], "move", target="cat")
    send(press(draft, "commit"))
    made = Change.objects.version()

    for button in ("commit", "approve", "discard"):
        assert send(press(draft, button)).status_code == 302
        assert send(press(draft, button), browser=other).status_code == 302

    draft.refresh_from_db()
    assert draft.state == "committed"
    assert Change.objects.version() == made


def test_a_discarded_draft_changes_nothing(client, curator, animals, propose, send):
    draft = propose(animals["husky"], "move", target="cat")

    send(press(draft, "discard"))
    send(press(draft, "commit"))

    draft.refresh_from_db()
    assert draft.state == "discarded"
    assert hypernyms(animals["husky"]) == {"dog"}


def test_a_button_that_is_only_looked_at_is_not_pressed(client, curator, animals, propose):
    draft = propose(animals["husky"], "move", target="cat")

    response = client.get(press(draft, "commit"))

    draft.refresh_from_db()
    assert response.url == draft.get_absolute_url()
    assert draft.state == "ready"


def test_a_stale_draft_says_so_and_offers_another_try(client, curator, animals, propose, send):
    draft = propose(animals["husky"], "move", target="cat")
    ledger.make(Kind.RETIRE, {"synset": animals["cat"].wnid}, author=None, reason="a test")
    sentence = "Expected a noun that is in the tree; found cat, which is retired."
    assert sentence in client.get(draft.get_absolute_url()).content.decode()

    send(press(draft, "commit"))

    draft.refresh_from_db()
    content = client.get(draft.get_absolute_url()).content.decode()
    assert (draft.state, draft.error) == ("refused", sentence)
    assert f"{form_of(animals['husky'], 'move')}?from={draft.pk}" in content


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("rename", {"name": "hound"}),
        ("edit", {"lemmas": "dog\nhound", "gloss": "barks"}),
        ("add_parent", {"hypernym": "cat"}),
        ("merge", {"target": "cat"}),
        ("retire", {"with_below": "yes"}),
        ("mark", {"is_imageable": "on", "sensitive_reason": "a test", "with_below": "yes"}),
    ],
)
def test_what_was_proposed_can_be_proposed_again(client, curator, animals, propose, send, kind, fields):
    draft = propose(animals["dog"], kind, **fields)
    send(press(draft, "discard"))

    form = client.get(form_of(animals["dog"], kind), {"from": draft.pk}).context["form"]
    again = {name: form[name].value() for name in form.fields if form[name].value() is not False}
    send(form_of(animals["dog"], kind), again)

    twin = Draft.objects.latest("pk")
    assert twin != draft
    assert (twin.arguments, twin.reason) == (draft.arguments, draft.reason)


def test_a_new_noun_and_a_split_can_be_proposed_again(client, curator, animals, send):
    new = {"name": "puppy", "gloss": "a young dog", "lemmas": "whelp", "hypernym": "dog", "reason": "missing"}
    send(reverse("taxonomy:add"), new)
    form = client.get(reverse("taxonomy:add"), {"from": Draft.objects.latest("pk").pk}).context["form"]
    assert form["name"].value() == "puppy"
    assert form["lemmas"].value() == "whelp"
    assert form["hypernym"].value() == f"dog ({animals['dog'].wnid})"

    send(
        form_of(animals["dog"], "split"),
        split_form({"name": "sled dog", "gloss": "pulls"}, {"existing": "cat"}),
    )
    form = client.get(form_of(animals["dog"], "split"), {"from": Draft.objects.latest("pk").pk}).context[
        "form"
    ]

    assert form.parts[0]["name"].value() == "sled dog"
    assert form.parts[1]["existing"].value() == f"cat ({animals['cat'].wnid})"


def test_the_list_shows_first_what_waits_for_its_reader(client, curator, animals, propose, send, settings):
    past = propose(animals["dog"], "rename", name="hound")
    send(press(past, "commit"))
    settings.SECOND_CURATOR_FROM = 0
    waiting = propose(animals["cat"], "rename", name="kitty")
    send(press(waiting, "commit"))
    ready = propose(animals["husky"], "rename", name="Husky")

    mine = [(draft.place, draft) for draft in client.get("/drafts/").context["page"]]
    client.force_login(make_curator())
    others = [(draft.place, draft) for draft in client.get("/drafts/").context["page"]]

    assert mine == [("mine", ready), ("open", waiting), ("past", past)]
    assert others == [("mine", waiting), ("open", ready), ("past", past)]


def test_the_list_is_read_in_pages_at_the_same_cost(client, curator, animals):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/drafts/").status_code == 200
        return len(queries)

    def add(count):
        Draft.objects.bulk_create(
            Draft(kind="rename", summary=f"draft {i}", reason="a test", author=curator, synset=animals["dog"])
            for i in range(count)
        )

    add(1)
    few = n_queries()
    add(60)

    assert n_queries() == few
    assert len(client.get("/drafts/", {"page": 2}).context["page"]) == 11
    assert client.get("/drafts/", {"page": "rubbish"}).status_code == 200


# --- Undoing ----------------------------------------------------------------------------------------------


def test_a_change_is_undone_through_a_draft(curator, animals, propose, send):
    send(press(propose(animals["husky"], "move", target="cat"), "commit"))
    change = Change.objects.latest("pk")

    response = send(reverse("taxonomy:undo", args=[change.pk]), {"reason": "a mistake"})
    draft = Draft.objects.latest("pk")
    send(press(draft, "commit"))

    assert response.url == draft.get_absolute_url()
    assert draft.summary == f"undo of change {change.pk}: husky moves under cat"
    assert hypernyms(animals["husky"]) == {"dog"}


def test_an_undo_that_is_refused_is_said_on_the_changes_page(client, curator, animals, propose, send):
    send(press(propose(animals["husky"], "move", target="cat"), "commit"))
    change = Change.objects.latest("pk")
    send(press(propose(animals["husky"], "move", target="animal"), "commit"))

    response = send(reverse("taxonomy:undo", args=[change.pk]), {"reason": "a mistake"})

    assert response.url == change.get_absolute_url()
    assert f"nothing depends on change {change.pk}" in client.get(response.url).content.decode()


def test_an_undo_needs_a_reason(curator, animals, propose, send):
    send(press(propose(animals["husky"], "move", target="cat"), "commit"))
    n_drafts = Draft.objects.count()

    response = send(reverse("taxonomy:undo", args=[Change.objects.version()]))

    assert response.status_code == 302
    assert Draft.objects.count() == n_drafts


@pytest.mark.parametrize("number", [0, 987654321, 10**30])
def test_a_number_that_nothing_has_is_not_found(client, curator, number):
    assert client.get(f"/drafts/{number}/").status_code == 404
    assert client.post(f"/drafts/{number}/commit/").status_code == 404
    assert client.post(f"/changes/{number}/undo/", {"reason": "a test"}).status_code == 404
