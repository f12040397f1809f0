"""The page of a collection's quality."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from labeling import quality, tasks
from labeling.models import Collection, Figures, Question, Skill, Vote
from taxonomy.models import Synset
from tests.factories import make_collection, make_settled_collection, make_user
from tests.labeling.grids import make_verifying
from tests.labeling.judged import say, settle
from tests.labeling.organisers import make_organiser
from tests.labeling.test_overview import add_votes
from tests.labeling.trees import make_menagerie, noun

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser(client) -> User:
    """Signed in."""
    user = make_organiser()
    client.force_login(user)
    return user


@pytest.fixture
def full(organiser) -> Collection:
    """A collection with something to say in every part of the page."""
    collection = make_settled_collection(n_questions=10, splits=("train",))
    Collection.objects.filter(pk=collection.pk).update(owner=organiser)
    cat, _dog = collection.ordered_classes()
    collection.questions.filter(label=cat).update(truth=cat)
    add_votes(collection, "cat", "cat", "dog")
    for vote in Vote.objects.all()[:3]:
        Skill.objects.create(collection=collection, annotator=vote.annotator, right=3, wrong=2)
    Skill.objects.create(collection=collection, annotator=make_user(), right=1, wrong=99)
    return collection


@pytest.fixture
def large(monkeypatch):
    """Every collection that was counted passes for a large one."""
    monkeypatch.setattr("labeling.models.figures.LIVE", -1)


def count_now():
    Figures.objects.update(due_at=timezone.now())
    tasks.count_figures()


def page(client, collection, query=""):
    response = client.get(reverse("labeling:quality", args=[collection.slug]) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


# --- Who sees it ------------------------------------------------------------------------------------------


def test_strangers_are_asked_to_sign_in(client):
    address = reverse("labeling:quality", args=[make_collection().slug])

    assert client.get(address).url.startswith(reverse("accounts:sign-in"))


def test_other_organisers_do_not_find_it(client, organiser):
    address = reverse("labeling:quality", args=[make_collection(owner=make_organiser()).slug])

    assert client.get(address).status_code == 404


def test_staff_see_that_of_every_collection(client):
    client.force_login(make_user(is_staff=True))

    assert "<h1>Quality</h1>" in page(client, make_collection(owner=make_organiser()))


def test_the_dashboard_leads_to_it(client, organiser):
    collection = make_collection(owner=organiser)

    said = client.get(reverse("labeling:dashboard", args=[collection.slug])).content.decode()

    assert f'href="{reverse("labeling:quality", args=[collection.slug])}"' in said


# --- What it says -----------------------------------------------------------------------------------------


def test_an_empty_one_says_what_will_be_there(client, organiser):
    said = page(client, make_collection(owner=organiser))

    assert re.findall('class="empty">([^.]*)[.]', said) == [
        "Nothing yet",
        "None yet",
        "No picture with votes has a known answer yet, so nobody can say whether confidences hold",
        "None yet",
        "No vote yet",
        "Nobody yet",
    ]


def test_one_vote_is_told_as_what_it_is(client, organiser):
    collection = make_menagerie(1, owner=organiser)
    say(collection.questions.get(), "husky")

    said = page(client, collection)

    assert "No label has been decided by votes yet." in said
    assert "Once pictures have two votes" in said


def test_a_full_one_shows_every_part(client, full):
    said = page(client, full)

    assert "It is computed over all 10 questions with two votes or more." in said
    assert said.count('class="point"') >= 2 + 1 + 4  # both alphas, a bin, annotators
    assert "Measured on <b>5</b> questions whose answer is known." in said
    assert "So far each decided label has cost <b>3.00</b> votes." in said
    assert "1 annotator is surely right less often than dice would be." in said
    assert said.count("below chance</span>") == 1
    # 10 of the 15 votes on cats, as on dogs, say cat.
    assert re.findall('<td class="shade-[^"]*">([^<]*)</td>', said) == ["67", "33", "67", "33"]


def test_the_least_skilled_come_first(client, full):
    said = page(client, full)

    shown = re.findall(
        r"<tr(?: class=\"doubtful\")?> <td class=\"soft small\">(\d+)</td>.*?<b>([^<]*?) ?</b>", said
    )
    assert shown == [("1", "1.0&nbsp;%"), *((str(place), "60.0&nbsp;%") for place in (2, 3, 4))]


def test_one_noun_is_shown_in_full(client, full):
    cat, _dog = full.ordered_classes()

    said = page(client, full, f"?noun={cat.wnid}")

    assert "What the 15 votes on pictures that show “cat” say." in said
    assert f'<option value="{cat.wnid}" selected>cat</option>' in said
    assert re.search(
        r'cat</bdi> <span class="small soft">right</span>.*?>10</td><td class="number">66.7', said
    )


@pytest.mark.parametrize("query", ["?noun=nowhere", "?noun=", "?page=x&noun=%C3%A4", "?page=99"])
def test_a_wish_that_cannot_be_met_is_passed_over(client, full, query):
    assert "on pictures that show" not in page(client, full, query)


def test_who_clicks_one_noun_is_named_with_their_numbers(client, organiser, monkeypatch):
    monkeypatch.setattr("labeling.quality.doubting.FEWEST", 4)
    collection = make_menagerie(4, owner=organiser)
    clicker = User.objects.create_guest()
    Skill.objects.create(collection=collection, annotator=clicker, right=2, wrong=3)
    for question in settle(collection, "husky", "cat", "cat", "cat"):
        say(question, "husky", clicker)

    said = page(client, collection)

    assert (
        f'<bdi>Guest {clicker.pk}</bdi> <span class="tag">guest</span> says “husky” of nearly everything.'
        in said
    )
    assert "4 of 4 votes. Of their decided pictures, labelled otherwise: 75.0&nbsp;%" in said
    assert 'class="small flag">always “husky”' in said
    assert clicker.username not in said


def test_one_that_verifies_tells_no_noun_from_another(client, organiser):
    collection = make_verifying(3, owner=organiser, splits=("train",))
    cat, _dog = collection.ordered_classes()
    about_cat = collection.questions.filter(about=cat)
    about_cat.update(truth=cat, state="settled", label=cat, confidence=0.97, n_votes=2)
    for question in about_cat:
        for answer in ("present", "absent"):
            Vote.objects.create(
                question=question, annotator=make_user(), synset=cat, answer=answer, taxonomy_version=1
            )

    said = page(client, collection)

    assert "Measured on <b>3</b> questions" in said
    assert "Alpha, answers alike or not" in said
    assert "kinship" not in said
    assert "Confusion" not in said


# --- A contest's secret -----------------------------------------------------------------------------------


def test_what_a_test_picture_shows_is_nowhere(client, organiser):
    collection = make_menagerie(1, split="test", owner=organiser)
    [question] = settle(collection, "husky")
    Question.objects.filter(pk=question.pk).update(truth=noun("husky"))
    for name in ("husky", "corgi"):
        say(question, name)

    said = page(client, collection, f"?noun={noun('husky').wnid}")

    assert "husky" not in said.split("What kinship means here")[1].replace("husky and", "")
    assert "No picture with votes has a known answer yet" in said


# --- What it costs ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("large")
def test_a_large_one_shows_what_was_counted_and_reads_no_votes(client, full):
    live = page(client, full)
    count_now()

    with CaptureQueriesContext(connection) as queries:
        said = page(client, full)

    assert "Counted on" in said
    assert not [query for query in queries if '"labeling_vote"' in query["sql"]]
    assert told(said) == told(live)


def told(said):
    """What the page says of the collection, whenever it was counted."""
    return said[said.index("<h2>Agreement</h2>") : said.index("</main>")]


@pytest.mark.usefixtures("large")
def test_figures_from_before_there_was_this_page_are_made_up_for(client, full):
    count_now()
    figures = Figures.objects.get()
    del figures.found[quality.KEPT]
    figures.save()

    said = page(client, full)

    assert "Counted on" not in said
    assert "So far each decided label has cost <b>3.00</b> votes." in said


@pytest.mark.usefixtures("large")
def test_a_noun_that_is_hidden_after_the_count_is_not_shown(client, organiser):
    collection = make_menagerie(1, owner=organiser)
    [question] = settle(collection, "husky")
    say(question, "corgi")
    count_now()
    Synset.objects.filter(pk=noun("corgi").pk).update(is_sensitive=True, sensitive_reason="a test")

    assert "corgi" not in page(client, collection)


def test_it_takes_as_many_queries_for_many_pictures_nouns_and_people(client, organiser):
    def n_queries(n):
        names = tuple(f"noun {i}" for i in range(n))
        collection = make_settled_collection(n_questions=n, names=names, splits=("train",))
        Collection.objects.filter(pk=collection.pk).update(owner=organiser)
        for question in collection.questions.all():
            Question.objects.filter(pk=question.pk).update(truth=question.label)
        collection.questions.filter(pk__in=collection.questions.values("pk")[: n // 2]).update(is_gold=True)
        add_votes(collection, *names[:3])
        for vote in Vote.objects.filter(question__collection=collection)[:n]:
            Skill.objects.create(collection=collection, annotator=vote.annotator, right=3, wrong=1)
        with CaptureQueriesContext(connection) as queries:
            page(client, collection)
        return len(queries)

    assert n_queries(4) == n_queries(16)


def test_no_query_brings_the_votes_of_those_who_are_not_measured_one_by_one(client, full):
    with CaptureQueriesContext(connection) as queries:
        page(client, full)

    of_votes = [query["sql"] for query in queries if 'FROM "labeling_vote"' in query["sql"]]
    assert of_votes
    assert all("COUNT(" in sql for sql in of_votes)  # gold questions have none here
