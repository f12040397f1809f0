import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taxonomy import drafting, ledger
from taxonomy.importing import import_synsets
from taxonomy.models import Change, Hypernym, Synset, Tally
from taxonomy.records import ExternalId, Lemma, SynsetRecord
from tests.factories import make_record, make_synset, make_user
from tests.taxonomy.curators import make_curator

pytestmark = pytest.mark.django_db

NOUNS = reverse("taxonomy:synsets")
CHANGES = reverse("taxonomy:changes")
PAGE = 50


@pytest.fixture
def nouns():
    """A pet and a canine are animals; a dog is both."""
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    return {s.name: s for s in (animal, pet, canine, make_synset("dog", pet, canine))}


@pytest.fixture
def curator(client):
    curator = make_curator()
    client.force_login(curator)
    return curator


def make_many(n, hypernym, name="noun"):
    """Add n kinds of one noun by one import, as the ledger of a real tree has them."""
    first = Synset.objects.count() + 1
    wnids = [f"m{first + i:08}" for i in range(n)]
    records = [make_record(wnid, f"{name} {i:03}", hypernym.wnid) for i, wnid in enumerate(wnids)]
    import_synsets(records, reason="a test")
    return wnids


def make(kind, author=None, reason="a test", **arguments):
    return ledger.make(kind, arguments, author=author, reason=reason)


def hide(synset):
    return make("mark", synset=synset.wnid, is_imageable=True, sensitive_reason="an insult")


def rows(level):
    """The names on show, each with what is open below it."""
    return {row.noun.name: rows(row.level) if row.level else {} for row in level.rows}


def read(client, url, **query):
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def n_queries(client, url, **query):
    with CaptureQueriesContext(connection) as queries:
        read(client, url, **query)
    return len(queries)


# --- The tree ---------------------------------------------------------------------------------------------


def test_the_tree_is_open_at_its_top_where_that_is_small(client, nouns):
    level = client.get(NOUNS).context["level"]

    assert rows(level) == {"animal": {"canine": {"dog": {}}, "pet": {"dog": {}}}}


def test_a_wide_top_is_closed(client):
    make_many(40, make_synset("animal"))

    assert rows(client.get(NOUNS).context["level"]) == {"animal": {}}


def test_an_empty_tree_says_so(client):
    assert "The tree is empty" in read(client, NOUNS)


def test_the_tree_opens_on_the_way_to_a_noun(client):
    animal = make_synset("animal")
    make_many(40, animal)
    dog = make_synset("dog", make_synset("canine", animal))

    response = client.get(NOUNS, {"open": dog.wnid})

    assert "dog" in rows(response.context["level"])["animal"]["canine"]
    assert response.content.decode().count('id="here"') == 1


def test_the_tree_opens_the_way_that_is_named(client, nouns):
    make_many(40, nouns["animal"])
    way = ".".join(nouns[name].wnid for name in ("animal", "canine", "dog"))

    animal = rows(client.get(NOUNS, {"open": way}).context["level"])["animal"]

    assert animal["canine"] == {"dog": {}}
    assert animal["pet"] == {}


@pytest.mark.parametrize("way", ["{dog}.{pet}", "{pet}.{dog}", "nowhere.{dog}", "{dog}"])
def test_a_way_that_is_none_is_a_shortest_way_to_its_last_noun(client, nouns, way):
    wnids = {name: noun.wnid for name, noun in nouns.items()}
    last = way.rpartition("{")[2].rstrip("}")

    here = client.get(NOUNS, {"open": way.format(**wnids)}).context["here"]

    assert here.startswith(wnids["animal"])
    assert here.endswith(wnids[last])


def test_a_branch_that_is_not_there_opens_nothing(client, nouns):
    assert client.get(NOUNS, {"open": ["n99999999", "", "..", "x" * 5000]}).status_code == 200


def test_the_way_to_a_sensitive_noun_opens_for_curators_alone(client, nouns):
    make_many(40, nouns["animal"])
    hide(nouns["dog"])
    assert client.get(NOUNS, {"open": nouns["dog"].wnid}).context["here"] == ""

    client.force_login(make_curator())

    assert client.get(NOUNS, {"open": nouns["dog"].wnid}).context["here"].endswith(nouns["dog"].wnid)


def test_the_page_of_a_branch_that_has_the_noun_is_shown(client):
    animal = make_synset("animal")
    wnids = make_many(3 * PAGE, animal)

    branch = client.get(NOUNS, {"open": wnids[2 * PAGE]}).context["level"].rows[0].level

    assert (branch.start, len(branch.rows), branch.n_after) == (2 * PAGE, PAGE, 0)


def test_a_noun_says_under_what_else_it_is(client, nouns):
    page = read(client, reverse("taxonomy:children", args=[nouns["pet"].wnid]))

    assert re.search(r"also under\s+<bdi>canine<", page)


def test_the_rows_count_what_is_below_and_its_pictures_once(client, nouns):
    Tally.objects.create(synset=nouns["animal"], n_pictures=4000, n_labels=5000)
    Tally.objects.create(synset=nouns["pet"], n_pictures=1000, n_labels=1000)

    response = client.get(NOUNS)
    animal = response.context["level"].rows[0]

    assert animal.figures.n_below == 3
    assert [row.share for row in animal.level.rows] == [None, 25]
    assert "4,000" in response.content.decode()


def test_many_roots_are_paged(client):
    for number in range(PAGE + 1):
        make_synset(f"root {number:02}")

    first, second = (client.get(NOUNS, query).context["level"] for query in ({}, {"page": 2}))

    assert (len(first.rows), first.next_page, first.n_after) == (PAGE, 2, 1)
    assert [row.noun.name for row in second.rows] == ["root 50"]


def test_a_stranger_sees_no_sensitive_noun_anywhere_in_the_tree(client, nouns):
    hide(nouns["pet"])

    page = client.get(NOUNS)

    assert rows(page.context["level"]) == {"animal": {"canine": {"dog": {}}}}
    assert page.context["level"].rows[0].figures.n_below == 2
    assert nouns["pet"].wnid not in page.content.decode()


def test_a_curator_sees_sensitive_nouns_with_a_mark(client, nouns, curator):
    hide(nouns["pet"])

    page = client.get(NOUNS)

    assert "pet" in rows(page.context["level"])["animal"]
    assert 'title="an insult"' in page.content.decode()


def test_rows_can_be_dragged_by_curators_alone(client, nouns):
    assert 'draggable="true"' not in read(client, NOUNS)

    client.force_login(make_curator())

    assert f'data-wnid="{nouns["pet"].wnid}" data-parent="{nouns["animal"].wnid}"' in read(client, NOUNS)
    assert 'draggable="true"' in read(client, NOUNS)


# --- A branch ---------------------------------------------------------------------------------------------


def test_a_branch_comes_in_pages(client):
    animal = make_synset("animal")
    make_many(2 * PAGE + 1, animal)
    url = reverse("taxonomy:children", args=[animal.wnid])

    pages = [client.get(url, {"page": page}).context["level"] for page in (1, 2, 3, 4)]

    assert [len(page.rows) for page in pages] == [PAGE, PAGE, 1, 0]
    assert [(page.previous_page, page.next_page) for page in pages[:3]] == [(None, 2), (1, 3), (2, None)]


def test_htmx_gets_the_rows_and_a_browser_a_page(client, nouns):
    url = reverse("taxonomy:children", args=[nouns["animal"].wnid])

    part = client.get(url, headers={"HX-Request": "true"})
    page = client.get(url)

    assert "<html" not in part.content.decode()
    assert "<html" in page.content.decode()
    assert part.content.decode().strip().splitlines()[0] in page.content.decode()
    assert "HX-Request" in part["Vary"]


def test_instances_come_after_kinds_and_say_so(client):
    city = SynsetRecord("n00000001", (Lemma("city", 1),), (), "large")
    rome = SynsetRecord("n00000002", (Lemma("Rome", 1),), (), "eternal", instance_of=("n00000001",))
    suburb = SynsetRecord("n00000003", (Lemma("suburb", 1),), ("n00000001",), "outside")
    import_synsets([city, rome, suburb], reason="a test")

    page = read(client, reverse("taxonomy:children", args=["n00000001"]))

    assert page.index("suburb") < page.index("Rome")
    assert page.count(">instance<") == 1


@pytest.mark.parametrize("page", ["0", "-1", "two", "99999999999999999999", "²"])
@pytest.mark.parametrize("view", ["synset", "children"])
def test_a_page_without_a_number_is_not_found(client, nouns, view, page):
    url = reverse(f"taxonomy:{view}", args=[nouns["animal"].wnid])

    assert client.get(url, {"page": page}).status_code == 404
    assert client.get(url, {"page": "1"}).status_code == 200


# --- A noun -----------------------------------------------------------------------------------------------


def test_a_nouns_page_shows_what_is_around_it(client, nouns):
    context = client.get(nouns["pet"].get_absolute_url()).context

    assert context["ways"] == [[(nouns["animal"].wnid, "animal")]]
    assert [row.noun.name for row in context["level"].rows] == ["dog"]


def test_a_nouns_page_shows_every_way_down_to_it(client, nouns):
    page = read(client, nouns["dog"].get_absolute_url())

    lines = re.findall(r'<ol class="line".*?</ol>', page)
    assert len(lines) == 2
    assert all(nouns["animal"].get_absolute_url() in line for line in lines)
    assert "<details" not in page


def test_a_nouns_many_ways_are_put_away_but_for_three(client):
    top = make_synset("top")
    tops = [make_synset(f"middle {number}", top) for number in range(5)]

    page = read(client, make_synset("dog", *tops).get_absolute_url())

    assert "2 more ways down to it" in page
    assert page.count('<ol class="line"') == 5


def test_ways_without_end_are_cut(client):
    low = make_synset("top")
    for number in range(8):
        low = make_synset(f"{number}", *(make_synset(f"{number} {side}", low) for side in "ab"))

    context = client.get(low.get_absolute_url()).context

    assert len(context["ways"]) == 60
    assert context["has_more_ways"]


def test_a_nouns_page_gives_its_words_ids_and_figures(client):
    lemmas = (Lemma("dog", 1), Lemma("hound dog", 4))
    ids = (ExternalId("wordnet", "3.0", "02084071-n"),)
    import_synsets([SynsetRecord("n02084071", lemmas, (), "barks", external_ids=ids)], reason="a test")
    Tally.objects.create(synset=Synset.objects.get(), n_pictures=1234, n_labels=5678)

    page = read(client, reverse("taxonomy:synset", args=["n02084071"]))

    for words in ("hound dog</bdi></a><sub>4</sub>", "02084071-n", "wordnet 3.0", "1,234", "5,678"):
        assert words in page


def test_what_a_noun_is_a_kind_of_is_told_from_what_it_is_an_instance_of(client, nouns):
    Hypernym.objects.filter(hyponym=nouns["dog"], hypernym=nouns["pet"]).update(is_instance=True)

    context = client.get(nouns["dog"].get_absolute_url()).context

    assert context["hypernyms"] == [(nouns["canine"].wnid, "canine")]
    assert context["instance_of"] == [(nouns["pet"].wnid, "pet")]


def test_a_noun_that_is_not_there_is_not_found(client):
    make_synset("dog")

    assert client.get(reverse("taxonomy:synset", args=["n00000000"])).status_code == 404


@pytest.mark.parametrize("view", ["synset", "children"])
def test_a_sensitive_noun_is_found_by_curators_alone(client, nouns, view):
    hide(nouns["pet"])
    url = reverse(f"taxonomy:{view}", args=[nouns["pet"].wnid])

    assert client.get(url).status_code == 404

    client.force_login(make_curator())
    assert client.get(url).status_code == 200


def test_a_hidden_hypernym_is_on_no_way(client, nouns):
    hide(nouns["pet"])

    page = client.get(nouns["dog"].get_absolute_url())

    assert [names[-1][1] for names in page.context["ways"]] == ["canine"]
    assert nouns["pet"].wnid not in page.content.decode()


def test_a_drafted_noun_is_found_by_nobody(client, curator):
    drafted = ledger.plant("cat", "purrs")

    assert client.get(drafted.get_absolute_url()).status_code == 404


def test_a_retired_noun_says_when_why_and_what_it_counts_as_today(client, nouns):
    change = make("retire", author=make_user(), reason="nobody asks", synset=nouns["dog"].wnid)
    make("merge", synset=nouns["canine"].wnid, target=nouns["pet"].wnid)

    response = client.get(nouns["dog"].get_absolute_url())

    assert response.context["left"] == change
    assert response.context["stand_in"] == nouns["pet"]
    assert "Why: nobody asks." in response.content.decode()


def test_a_retired_sensitive_noun_is_not_found(client, nouns):
    hide(nouns["dog"])
    make("retire", synset=nouns["dog"].wnid)

    assert client.get(nouns["dog"].get_absolute_url()).status_code == 404


def test_a_nouns_page_shows_its_latest_changes(client, nouns):
    make("rename", reason="it is", synset=nouns["dog"].wnid, name="hound")

    page = read(client, nouns["dog"].get_absolute_url())

    assert "dog is called hound" in page
    assert f"{CHANGES}?noun={nouns['dog'].wnid}" in page


@pytest.fixture
def draft(nouns):
    arguments = {"synset": nouns["dog"].wnid, "name": "hound"}
    return drafting.propose("rename", arguments, author=make_curator(), reason="a test")


def test_curators_alone_see_open_drafts_and_acts_on_a_nouns_page(client, nouns, draft):
    url = nouns["dog"].get_absolute_url()
    assert draft.get_absolute_url() not in read(client, url)
    assert "/change/rename/" not in read(client, url)

    client.force_login(make_curator())

    assert draft.get_absolute_url() in read(client, url)
    assert "/change/rename/" in read(client, url)


# --- A search ---------------------------------------------------------------------------------------------


def test_a_search_lists_what_begins_so(client):
    dog, cat = make_synset("dog"), make_synset("cat")

    page = read(client, NOUNS, q="do")

    assert dog.get_absolute_url() in page
    assert cat.get_absolute_url() not in page


def test_a_search_tells_the_senses_of_a_word_apart(client):
    part = make_record("n00000001", "part", sense=1)
    mind = SynsetRecord("n00000002", (Lemma("mind", 7), Lemma("head", 3)), ("n00000001",), "thinks")
    import_synsets([part, mind], reason="a test")

    page = read(client, NOUNS, q="head")

    assert "head.n.03" in page
    assert '<p class="line"><bdi>part</bdi></p>' in page


def test_a_search_that_finds_nothing_says_so(client):
    assert "No noun here goes by that name" in read(client, NOUNS, q="zebra")


def test_what_was_searched_for_is_shown_as_text(client):
    assert "<script>alert" not in read(client, NOUNS, q="<script>alert(1)</script>")


def test_a_search_of_spaces_shows_the_tree(client):
    make_synset("animal")

    assert rows(client.get(NOUNS, {"q": "  "}).context["level"]) == {"animal": {}}


def test_a_search_is_paged(client):
    make_many(45, make_synset("animal"))

    pages = [client.get(NOUNS, {"q": "noun", "page": page}).context for page in (1, 3)]

    assert [(len(page["results"]), page["n_found"], page["next_page"]) for page in pages] == [
        (20, 45, 2),
        (5, 45, None),
    ]


def test_a_search_finds_sensitive_nouns_for_curators_alone(client, nouns):
    hide(nouns["pet"])
    assert not client.get(NOUNS, {"q": "pet"}).context["results"]

    client.force_login(make_curator())

    assert client.get(NOUNS, {"q": "pet"}).context["results"] == [nouns["pet"]]


# --- The history ------------------------------------------------------------------------------------------


def listed(client, **query):
    return [entry.change.summary for entry in client.get(CHANGES, query).context["entries"]]


@pytest.fixture
def history(nouns):
    """Two renames and a move by two people, of which the first is undone."""
    mira, jonas = make_user(), make_user()
    first = make("rename", author=mira, synset=nouns["dog"].wnid, name="hound")
    make("undo", author=jonas, change=first.pk)
    make("rename", author=jonas, synset=nouns["pet"].wnid, name="house pet")
    return {"mira": mira, "jonas": jonas, "first": first}


def test_the_history_begins_with_the_latest_change(client, history):
    assert listed(client)[:2] == [
        "pet is called house pet",
        f"undo of change {history['first'].pk}: dog is called hound",
    ]


def test_the_history_is_told_in_the_readers_language(client, history):
    page = client.get(CHANGES, headers={"Accept-Language": "de"}).content.decode()

    assert "<bdi>pet heißt house pet</bdi>" in page
    assert f"<bdi>Änderung {history['first'].pk} rückgängig: dog heißt hound</bdi>" in page


def test_the_history_says_who_when_why_and_what_was_undone(client, history):
    page = read(client, CHANGES)

    undoing = Change.objects.get(undoes=history["first"])
    assert history["mira"].display_name in page
    assert "a test" in page
    assert f'Undone by <a href="{undoing.get_absolute_url()}">change {undoing.pk}</a>.' in page


def test_a_change_whose_undoing_was_undone_stands(client, history):
    make("undo", change=Change.objects.get(undoes=history["first"]).pk)

    assert "which was undone itself: it stands" in read(client, CHANGES)


def test_the_history_is_asked_by_kind_author_and_noun(client, nouns, history):
    assert len(listed(client, kind="rename")) == 2
    assert len(listed(client, author=history["jonas"].pk)) == 2
    assert len(listed(client, kind="rename", author=history["jonas"].pk)) == 1
    assert listed(client, noun="house pet") == ["pet is called house pet", "import of 1 nouns"]
    assert listed(client, noun=nouns["dog"].wnid, kind="rename") == ["dog is called hound"]


def test_the_history_is_asked_by_dates(client, history):
    today = f"{Change.objects.first().created_at:%Y-%m-%d}"

    assert listed(client, since=today, until=today)
    assert listed(client, until="2001-01-01") == []
    assert listed(client, since="yesterday") == []


def test_the_history_is_paged(client):
    noun = make_synset("animal")
    for number in range(PAGE):
        make("rename", synset=noun.wnid, name=f"name {number}")

    assert len(listed(client)) == PAGE
    assert listed(client, page=2) == ["import of 1 nouns"]


def test_the_history_of_a_sensitive_noun_is_told_to_curators_alone(client, nouns):
    change = hide(nouns["pet"])
    page = read(client, CHANGES)
    assert change.summary not in page
    assert "about a noun that is not shown" in page
    assert client.get(change.get_absolute_url()).status_code == 404

    client.force_login(make_curator())

    assert change.summary in read(client, CHANGES)
    assert client.get(change.get_absolute_url()).status_code == 200


def test_a_change_is_told_in_words_with_its_impact(client, nouns):
    change = make("rename", reason="shorter", synset=nouns["dog"].wnid, name="cur")
    Change.objects.filter(pk=change.pk).update(
        impact=[{"what": "labels", "count": 1312, "examples": ["cats"]}]
    )

    page = read(client, change.get_absolute_url())

    assert "cur: dog → cur, dog" in page
    assert "1,312" in page
    assert "shorter" in page
    assert f"{NOUNS}?as_of={change.pk - 1}" in page


def test_a_change_can_be_undone_by_curators_while_it_stands(client, nouns):
    change = make("rename", synset=nouns["dog"].wnid, name="cur")
    undo = reverse("taxonomy:undo", args=[change.pk])
    assert undo not in read(client, change.get_absolute_url())
    client.force_login(make_curator())
    assert undo in read(client, change.get_absolute_url())

    make("undo", change=change.pk)

    assert undo not in read(client, change.get_absolute_url())


def test_a_change_that_was_not_made_is_not_found(client):
    assert client.get(reverse("taxonomy:change", args=[10**12])).status_code == 404


# --- The past ---------------------------------------------------------------------------------------------


@pytest.fixture
def past(nouns):
    """The version before the dog moved and was renamed."""
    version = Change.objects.version()
    make("move", synset=nouns["dog"].wnid, source=nouns["pet"].wnid, target=nouns["animal"].wnid)
    make("rename", synset=nouns["dog"].wnid, name="hound")
    return version


def test_the_tree_of_the_past_is_shown_with_the_way_back(client, past):
    response = client.get(NOUNS, {"as_of": past})

    assert rows(response.context["level"]) == {"animal": {"canine": {"dog": {}}, "pet": {"dog": {}}}}
    assert f"as it was after change {past}" in response.content.decode()
    assert "Back to today" in response.content.decode()
    assert "Back to today" not in read(client, NOUNS)


def test_every_link_of_a_page_of_the_past_leads_into_the_past(client, past):
    page = read(client, NOUNS, as_of=past)

    links = re.findall(r'<a [^>]*class="(?:name|opener)"[^>]*href="([^"]*)"', page)
    links += re.findall(r'<a class="(?:name|opener)"[^>]*href="([^"]*)"', page)
    assert links
    assert all(f"as_of={past}" in link for link in links)


def test_a_noun_and_what_is_below_it_are_shown_as_they_were(client, nouns, past):
    noun = client.get(nouns["dog"].get_absolute_url(), {"as_of": past})
    below = client.get(reverse("taxonomy:children", args=[nouns["pet"].wnid]), {"as_of": past})

    assert noun.context["noun"].name == "dog"
    assert {way[-1][1] for way in noun.context["ways"]} == {"pet", "canine"}
    assert [row.noun.name for row in below.context["level"].rows] == ["dog"]


def test_a_noun_that_was_not_there_then_says_so(client, nouns, past):
    before = Change.objects.order_by("pk").first().pk

    page = read(client, nouns["dog"].get_absolute_url(), as_of=before)

    assert "Not in the tree then" in page
    assert (
        client.get(reverse("taxonomy:children", args=[nouns["dog"].wnid]), {"as_of": before}).status_code
        == 404
    )


def test_a_noun_that_is_retired_today_is_shown_as_it_was(client, nouns, past):
    make("retire", synset=nouns["dog"].wnid)

    assert client.get(nouns["dog"].get_absolute_url(), {"as_of": past}).context["noun"].name == "dog"


def test_before_any_change_the_tree_was_empty(client, nouns):
    assert "The tree was empty then" in read(client, NOUNS, as_of=0)


@pytest.mark.parametrize("version", ["-1", "two", "999999999", "99999999999999999999"])
def test_a_version_that_never_was_is_not_found(client, nouns, version):
    assert client.get(NOUNS, {"as_of": version}).status_code == 404


# --- How much is asked ------------------------------------------------------------------------------------


@pytest.fixture
def addresses(nouns):
    """Every reading page, each with something on it."""
    version = Change.objects.version()
    make("rename", synset=nouns["dog"].wnid, name="hound")
    animal, dog = nouns["animal"], nouns["dog"]
    below = reverse("taxonomy:children", args=[animal.wnid])
    return [
        (NOUNS, {}),
        (NOUNS, {"open": dog.wnid}),
        (NOUNS, {"q": "noun"}),
        (NOUNS, {"as_of": version}),
        (NOUNS, {"as_of": version, "open": dog.wnid}),
        (below, {}),
        (below, {"as_of": version}),
        (animal.get_absolute_url(), {}),
        (animal.get_absolute_url(), {"as_of": version}),
        (dog.get_absolute_url(), {}),
        (CHANGES, {}),
        (CHANGES, {"noun": animal.wnid}),
        (reverse("taxonomy:change", args=[version]), {}),
    ]


def grow(n, roots):
    """Make it n nouns in all by one import: ten kinds of each, every tenth of them a kind of another one too."""
    start = Synset.objects.count()
    wnids = roots + [f"g{number:08}" for number in range(start, n)]
    records = [
        make_record(
            wnid, f"noun {place}", wnids[place // 10], *([wnids[place // 11]] if place % 10 == 3 else [])
        )
        for place, wnid in enumerate(wnids)
        if place >= len(roots)
    ]
    import_synsets(records, reason="a test")
    assert Synset.objects.count() == n


def test_every_page_asks_as_much_of_82115_nouns_as_of_100(client, nouns, addresses):
    roots = make_many(20, nouns["animal"])
    make_many(76, Synset.objects.get(wnid=roots[0]))
    few = [n_queries(client, url, **query) for url, query in addresses]

    grow(82_115, roots)
    many = [n_queries(client, url, **query) for url, query in addresses]

    assert many == few


def test_the_history_asks_as_much_for_many_changes_as_for_few(client, nouns):
    make("rename", synset=nouns["dog"].wnid, name="hound")
    few = n_queries(client, CHANGES), n_queries(client, nouns["dog"].get_absolute_url())

    for number in range(20):
        make("rename", synset=nouns["dog"].wnid, name=f"name {number}")

    assert (n_queries(client, CHANGES), n_queries(client, nouns["dog"].get_absolute_url())) == few
