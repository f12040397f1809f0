import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxonomy import ledger
from taxonomy.importing import import_synsets
from taxonomy.models import Change, Draft, Synset
from taxonomy.models.ledger import Kind
from taxonomy.records import ExternalId, Lemma, SynsetRecord
from taxonomy.serializers import ARGUMENTS
from tests.factories import make_synset, make_user
from tests.taxonomy.curators import make_curator

pytestmark = pytest.mark.django_db

SYNSETS = "/api/synsets/"
DRAFTS = "/api/drafts/"
CHANGES = "/api/changes/"


@pytest.fixture
def curator(client):
    user = make_curator()
    client.force_login(user)
    return user


@pytest.fixture
def send(client, django_capture_on_commit_callbacks):
    """Post JSON and let the workers, which are eager here, do what it asked for."""

    def send(address, data=None):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(address, data if data is not None else {}, content_type="application/json")

    return send


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


def move(animals, **fields):
    arguments = {"synset": animals["husky"].wnid, "target": animals["cat"].wnid}
    return {"kind": "move", "arguments": arguments, "reason": "it purrs", **fields}


def make_sensitive(synset, reason="a test"):
    arguments = {"synset": synset.wnid, "is_imageable": True, "sensitive_reason": reason}
    return ledger.make(Kind.MARK, arguments, author=None, reason="a test")


def n_queries(client, address=SYNSETS):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


# --- Nouns ------------------------------------------------------------------------------------------------


def test_a_noun_is_told_with_what_is_around_it(client):
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    puppy = make_synset("puppy", dog)

    said = client.get(reverse("synset-detail", args=[dog.wnid])).json()

    assert said == {
        "wnid": dog.wnid,
        "name": "dog",
        "lemmas": [{"text": "dog", "sense": 1}],
        "gloss": "what dog means",
        "is_imageable": True,
        "n_pictures": 0,
        "n_labels": 0,
        "hypernyms": [{"wnid": animal.wnid, "name": "animal"}],
        "hyponyms": [{"wnid": puppy.wnid, "name": "puppy"}],
        "n_hyponyms": 1,
        "external_ids": [],
        "sensitive_reason": "",
        "is_retired": False,
        "becomes": None,
    }


def test_a_noun_is_told_with_what_other_vocabularies_call_it(client):
    ids = (ExternalId("wordnet", "3.0", "02084071-n"),)
    import_synsets(
        [SynsetRecord("n02084071", (Lemma("dog", 1),), (), "barks", external_ids=ids)], reason="a test"
    )

    said = client.get(f"{SYNSETS}n02084071/").json()

    assert said["external_ids"] == [{"scheme": "wordnet", "version": "3.0", "id": "02084071-n"}]


def test_a_noun_that_is_not_there_is_not_found(client):
    make_synset("dog")

    assert client.get(f"{SYNSETS}n00000000/").status_code == 404


def test_nouns_are_listed_or_searched(client):
    make_synset("dog")
    make_synset("cat")

    assert client.get(SYNSETS).json()["count"] == 2
    assert [noun["name"] for noun in client.get(SYNSETS, {"q": "DO"}).json()["results"]] == ["dog"]


def test_nouns_below_one_and_the_tops_can_be_asked_for(client, animals):
    def names(**query):
        return {noun["name"] for noun in client.get(SYNSETS, query).json()["results"]}

    assert names(under=animals["dog"].wnid) == {"dog", "husky"}
    assert names(under=animals["dog"].wnid, q="hus") == {"husky"}
    assert names(roots="true") == {"animal"}
    assert names(roots="false") == {"animal", "dog", "cat", "husky"}


@pytest.mark.parametrize("query", [{"under": "n00000000"}, {"under": "é"}, {"roots": "perhaps"}])
def test_a_question_that_means_nothing_is_refused_in_a_sentence(client, animals, query):
    response = client.get(SYNSETS, query)

    assert response.status_code == 400
    [[sentence]] = response.json().values()
    assert sentence.startswith("Expected")


def test_a_list_can_be_read_in_pages(client):
    for name in ("ant", "bee", "cat"):
        make_synset(name)

    page = client.get(SYNSETS, {"limit": 2, "offset": 2}).json()

    assert [noun["name"] for noun in page["results"]] == ["cat"]


def test_of_many_hyponyms_the_first_are_told_and_all_are_read_in_pages(client):
    animal = make_synset("animal")
    kinds = [SynsetRecord(f"k{i:08}", (Lemma(f"kind {i:03}", 1),), (animal.wnid,), "") for i in range(130)]
    import_synsets(kinds, reason="a test")

    said = client.get(f"{SYNSETS}{animal.wnid}/").json()
    page = client.get(f"{SYNSETS}{animal.wnid}/hyponyms/", {"offset": 100}).json()

    assert (len(said["hyponyms"]), said["n_hyponyms"]) == (100, 130)
    assert (page["count"], page["results"][0]["name"]) == (130, "kind 100")


def test_the_list_asks_as_much_for_many_nouns_as_for_few(client):
    animal = make_synset("animal")
    make_synset("dog", animal)
    few = n_queries(client)

    for number in range(3):
        make_synset(f"cat {number}", animal)

    assert n_queries(client) == few


def test_a_sensitive_noun_is_for_curators(client, animals):
    make_sensitive(animals["dog"])
    address = f"{SYNSETS}{animals['dog'].wnid}/"
    assert client.get(address).status_code == 404
    assert client.get(SYNSETS).json()["count"] == 3
    assert client.get(f"{SYNSETS}{animals['husky'].wnid}/").json()["hypernyms"] == []
    assert client.get(f"{SYNSETS}{animals['animal'].wnid}/").json()["n_hyponyms"] == 1
    assert client.get(f"{SYNSETS}{animals['animal'].wnid}/hyponyms/").json()["count"] == 1

    client.force_login(make_curator())

    assert client.get(address).json()["sensitive_reason"] == "a test"
    assert client.get(SYNSETS).json()["count"] == 4


def test_a_retired_noun_says_what_it_became(client, animals):
    arguments = {"synset": animals["cat"].wnid, "target": animals["dog"].wnid}
    ledger.make(Kind.MERGE, arguments, author=None, reason="a test")

    said = client.get(f"{SYNSETS}{animals['cat'].wnid}/").json()

    assert (said["is_retired"], said["becomes"]) == (True, animals["dog"].wnid)
    assert client.get(SYNSETS).json()["count"] == 3


def test_a_noun_that_is_only_drafted_is_not_found(client, curator):
    drafted = ledger.plant("puppy", "a young dog")

    assert client.get(f"{SYNSETS}{drafted.wnid}/").status_code == 404


def test_nobody_can_write_a_noun_by_program(client):
    dog = make_synset("dog")
    client.force_login(make_curator(is_staff=True, is_superuser=True))

    answers = [
        client.post(SYNSETS, {"wnid": "n00000001"}).status_code,
        client.delete(reverse("synset-detail", args=[dog.wnid])).status_code,
    ]

    assert answers == [405, 405]
    assert Synset.objects.get() == dog


# --- Drafts -----------------------------------------------------------------------------------------------


def test_strangers_and_people_who_are_no_curators_read_and_write_no_draft(client, animals, send):
    draft = make_draft(animals, make_curator())
    addresses = [DRAFTS, f"{DRAFTS}{draft.pk}/"]
    for user, status in ((None, 401), (make_user(), 403), (make_curator(), 200)):
        if user:
            client.force_login(user)

        assert {client.get(address).status_code for address in addresses} == {status}
        if status != 200:
            assert send(DRAFTS, move(animals)).status_code == status
            assert send(f"{DRAFTS}{draft.pk}/commit/").status_code == status
            assert send(f"{CHANGES}1/undo/", {"reason": "a test"}).status_code == status


def make_draft(animals, author):
    return Draft.objects.create(
        kind="rename", summary="a draft", reason="a test", author=author, synset=animals["dog"]
    )


def test_a_change_is_proposed_read_and_committed(client, curator, animals, send):
    proposed = send(DRAFTS, move(animals))
    assert proposed.status_code == 201
    address = f"{DRAFTS}{proposed.json()['id']}/"
    draft = client.get(address).json()
    assert (draft["state"], draft["summary"]) == ("ready", "husky moves under cat")
    assert draft["author"] == curator.username

    send(f"{address}commit/")

    assert client.get(address).json()["change"] == Change.objects.version()
    assert animals["husky"].hypernyms.get() == animals["cat"]


def arguments_of_every_kind(animals):
    dog, cat, husky = (animals[name].wnid for name in ("dog", "cat", "husky"))
    puppy = {"name": "puppy", "gloss": "a young dog"}
    return {
        Kind.ADD: {"synset": puppy, "hypernyms": [dog]},
        Kind.RENAME: {"synset": dog, "name": "hound"},
        Kind.EDIT: {"synset": dog, "lemmas": ["dog", "hound"], "gloss": "barks"},
        Kind.ADD_PARENT: {"synset": husky, "hypernym": cat},
        Kind.MOVE: {"synset": husky, "target": None},
        Kind.MERGE: {"synset": cat, "target": dog},
        Kind.SPLIT: {"synset": dog, "parts": [cat, puppy], "is_kept": True},
        Kind.RETIRE: {"synset": dog, "with_below": True},
        Kind.MARK: {"synset": dog, "is_imageable": False, "sensitive_reason": ""},
        Kind.UNDO: {"change": Change.objects.version()},
    }


@pytest.mark.parametrize("kind", [kind for kind in ARGUMENTS if kind not in {"drop_parent", "restore"}])
def test_every_kind_can_be_proposed(curator, animals, send, kind):
    arguments = arguments_of_every_kind(animals)[kind]

    response = send(DRAFTS, {"kind": kind, "arguments": arguments, "reason": "a test"})

    assert response.status_code == 201, response.content
    assert Draft.objects.get().state == "ready"


def test_a_hypernym_is_dropped_and_a_noun_restored(curator, animals, send):
    dog, cat, husky = (animals[name].wnid for name in ("dog", "cat", "husky"))
    ledger.make(Kind.ADD_PARENT, {"synset": husky, "hypernym": cat}, author=None, reason="a test")
    drop = {"kind": "drop_parent", "arguments": {"synset": husky, "hypernym": dog}, "reason": "a test"}
    assert send(DRAFTS, drop).status_code == 201

    ledger.make(Kind.RETIRE, {"synset": cat}, author=None, reason="a test")
    restore = {"kind": "restore", "arguments": {"synset": cat}, "reason": "a test"}

    assert send(DRAFTS, restore).status_code == 201


def test_what_the_tree_does_not_allow_is_a_conflict_in_one_sentence(curator, animals, send):
    arguments = {"synset": animals["animal"].wnid, "target": animals["husky"].wnid}

    response = send(DRAFTS, move(animals, arguments=arguments))

    assert response.status_code == 409
    assert response.json()["detail"].startswith("Expected no noun above itself; found that animal")
    assert not Draft.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": "import"}, "kind"),
        ({"kind": ["move"]}, "kind"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"arguments": None}, "arguments"),
        ({"arguments": []}, "arguments"),
        ({"arguments": {}}, "arguments"),
        ({"arguments": {"synset": "n00000001", "target": "n00000002", "tagret": 1}}, "arguments"),
        ({"arguments": {"synset": 7.5, "target": {}}}, "arguments"),
        ({"arguments": {"synset": "n" * 17, "target": None}}, "arguments"),
        ({"arguments": {"synset": "a\0b", "target": None}}, "arguments"),
        ({"kind": "undo", "arguments": {"change": 2**70}}, "arguments"),
        ({"kind": "undo", "arguments": {"change": True}}, "arguments"),
        ({"kind": "split", "arguments": {"synset": "n00000001", "parts": ["n00000002"]}}, "arguments"),
        ({"kind": "split", "arguments": {"synset": "n00000001", "parts": [1, None]}}, "arguments"),
        ({"kind": "add", "arguments": {"synset": {"name": "x" * 201, "gloss": "y"}}}, "arguments"),
        ({"kind": "add", "arguments": {"synset": "n00000001"}}, "arguments"),
        ({"kind": "edit", "arguments": {"synset": "n00000001", "lemmas": [], "gloss": ""}}, "arguments"),
    ],
)
def test_bad_arguments_are_refused_where_they_are_wrong(curator, animals, send, wrong, where):
    assert send(DRAFTS, move(animals)).status_code == 201

    response = send(DRAFTS, move(animals, **wrong))

    assert response.status_code == 400
    assert set(response.json()) == {where}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"move"', '{"kind": 1}', "\x00", "[" * 2000])
def test_a_body_that_is_no_proposal_is_refused(client, curator, body):
    assert client.post(DRAFTS, body, content_type="application/json").status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({name for shape in ARGUMENTS.values() for name in shape().fields})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(ARGUMENTS)))
def test_no_rubbish_makes_the_server_fail(curator, animals, client, data, kind):
    known = JSON | st.sampled_from([synset.wnid for synset in animals.values()])
    arguments = data.draw(st.dictionaries(st.sampled_from(NAMES), known | st.lists(known, max_size=3)))
    proposal = {"kind": kind, "arguments": arguments, "reason": data.draw(JSON | st.just("because"))}

    response = client.post(DRAFTS, proposal, content_type="application/json")

    assert response.status_code in {201, 400, 409}


def test_pressing_twice_by_program_does_no_harm(client, curator, animals, send):
    address = f"{DRAFTS}{send(DRAFTS, move(animals)).json()['id']}/"
    assert send(f"{address}commit/").status_code == 200
    version = Change.objects.version()

    assert send(f"{address}commit/").status_code == 200
    assert send(f"{address}discard/").status_code == 409
    assert Change.objects.version() == version


def test_a_large_change_is_approved_by_another_curator(client, curator, animals, send, settings):
    settings.SECOND_CURATOR_FROM = 0
    address = f"{DRAFTS}{send(DRAFTS, move(animals)).json()['id']}/"
    assert send(f"{address}commit/").json()["state"] == "waiting"
    refused = send(f"{address}approve/")
    assert refused.status_code == 409
    assert refused.json()["detail"] == "A second curator has to approve it, not its author."

    client.force_login(make_curator())
    send(f"{address}approve/")

    assert client.get(address).json()["state"] == "committed"


def test_a_discarded_draft_is_not_committed(client, curator, animals, send):
    address = f"{DRAFTS}{send(DRAFTS, move(animals)).json()['id']}/"

    assert send(f"{address}discard/").json()["state"] == "discarded"
    refused = send(f"{address}commit/")

    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("Expected a draft that can become")


def test_drafts_are_listed_by_state(client, curator, animals, send):
    send(DRAFTS, move(animals))

    assert client.get(DRAFTS, {"state": "ready"}).json()["count"] == 1
    assert client.get(DRAFTS, {"state": "waiting"}).json()["count"] == 0
    assert client.get(DRAFTS, {"state": "lost"}).status_code == 400


def test_lists_of_drafts_and_changes_cost_the_same_for_many_as_for_few(client, curator, animals):
    make_draft(animals, curator)
    few = n_queries(client, DRAFTS), n_queries(client, CHANGES)

    for _number in range(3):
        make_draft(animals, make_curator())
        make_synset("bird")

    assert (n_queries(client, DRAFTS), n_queries(client, CHANGES)) == few


@pytest.mark.parametrize("number", ["0", "987654321", "9" * 30, "rubbish"])
def test_a_number_that_nothing_has_is_not_found(client, curator, send, number):
    assert client.get(f"{DRAFTS}{number}/").status_code == 404
    assert client.get(f"{CHANGES}{number}/").status_code == 404
    assert send(f"{DRAFTS}{number}/commit/").status_code == 404
    assert send(f"{CHANGES}{number}/undo/", {"reason": "a test"}).status_code == 404


# --- Changes ----------------------------------------------------------------------------------------------


def test_changes_are_told_to_everybody_with_what_they_did(client, animals):
    arguments = {"synset": animals["husky"].wnid, "target": animals["cat"].wnid}
    change = ledger.make(Kind.MOVE, arguments, author=make_user(), reason="it purrs")

    said = client.get(f"{CHANGES}{change.pk}/").json()

    assert (said["kind"], said["summary"], said["reason"]) == ("move", "husky moves under cat", "it purrs")
    assert said["facts"]["linked"] == [[animals["husky"].wnid, animals["cat"].wnid, False]]
    assert said["stands"]


def test_changes_are_filtered(client, animals):
    author = make_user()
    arguments = {"synset": animals["dog"].wnid, "name": "hound"}
    change = ledger.make(Kind.RENAME, arguments, author=author, reason="a test")

    def numbers(**query):
        return [each["id"] for each in client.get(CHANGES, query).json()["results"]]

    assert numbers(kind="rename") == [change.pk]
    assert numbers(author=author.username) == [change.pk]
    assert numbers(synset=animals["dog"].wnid)[0] == change.pk
    assert numbers(synset=animals["dog"].wnid, kind="move") == []
    assert client.get(CHANGES, {"kind": "explode"}).status_code == 400


def test_what_a_change_says_of_a_sensitive_noun_is_for_curators(client, animals):
    change = make_sensitive(animals["dog"])
    first = client.get(CHANGES).json()["results"][0]
    assert (first["id"], first["summary"]) == (change.pk, None)
    assert client.get(f"{CHANGES}{change.pk}/").status_code == 404
    imported = client.get(f"{CHANGES}{animals['dog'].changes.earliest('pk').pk}/").json()
    assert imported["facts"]["added"] == []
    assert client.get(CHANGES, {"synset": animals["dog"].wnid}).json()["count"] == 0

    client.force_login(make_curator())

    assert client.get(f"{CHANGES}{change.pk}/").json()["facts"]["edited"][0][0] == animals["dog"].wnid


def test_a_change_is_undone_by_program(client, curator, animals, send):
    arguments = {"synset": animals["dog"].wnid, "name": "hound"}
    change = ledger.make(Kind.RENAME, arguments, author=None, reason="a test")

    draft = send(f"{CHANGES}{change.pk}/undo/", {"reason": "a mistake"})
    send(f"{DRAFTS}{draft.json()['id']}/commit/")

    assert draft.status_code == 201
    assert client.get(f"{CHANGES}{change.pk}/").json()["undone_by"] == Change.objects.version()
    assert send(f"{CHANGES}{change.pk}/undo/", {"reason": "again"}).status_code == 409
    assert send(f"{CHANGES}{change.pk}/undo/", {}).status_code == 400
