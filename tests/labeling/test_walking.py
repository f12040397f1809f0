"""The walk down the nouns of a collection that has many, and the page that goes it without JavaScript."""

import json
import re

import pytest
from django.urls import reverse

from labeling.models import Choices, Lease, Vote
from labeling.walking import tree_of
from tests.factories import make_collection, make_user
from tests.labeling.trees import make_menagerie
from tests.labeling.walks import make_zoo, noun

pytestmark = pytest.mark.django_db


def names(tree, places):
    return [tree.nouns[place]["name"] for place in places]


def at(*steps):
    return ".".join(noun(step).wnid for step in steps)


@pytest.fixture
def tree():
    return tree_of(Choices.now(make_zoo()))


@pytest.fixture
def annotator(client):
    user = make_user()
    client.force_login(user)
    return user


def test_the_walk_begins_with_the_widest_nouns_by_name(tree):
    assert names(tree, tree.top) == ["bird", "canine", "pet", "snail"]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        (("bird",), ["macaw", "owl", "robin", "wren"]),
        (("canine",), ["dog", "fox", "wolf"]),
        (("canine", "dog"), ["corgi", "husky", "poodle"]),
        (("pet",), ["cat", "goldfish", "husky"]),  # a noun with two hypernyms lies below both
    ],
)
def test_each_step_leads_to_the_nouns_below(tree, steps, found):
    path = tree.path(at(*steps))

    assert names(tree, path) == list(steps)
    assert names(tree, tree.below(path)) == found


def test_a_way_that_is_none_leads_as_far_as_it_goes(tree):
    assert tree.path("") == []
    assert tree.path("n99999999") == []
    assert names(tree, tree.path(at("canine", "bird"))) == ["canine"]  # not below it
    assert names(tree, tree.path(at("canine", "dog", "husky"))) == ["canine", "dog"]  # a class leads nowhere


def test_an_inner_noun_hints_at_the_first_the_middle_and_the_last_of_its_classes(tree):
    hints = {each["name"]: each["hint"] for each in tree.nouns if "kinds" in each}

    assert hints["bird"] == "macaw, owl, wren, …"
    assert hints["pet"] == "cat, goldfish, husky"


def test_few_classes_are_shown_at_once_and_nothing_else():
    tree = tree_of(Choices.now(make_menagerie()))

    assert names(tree, tree.top) == ["husky", "corgi", "wolf", "cat"]
    assert len(tree.nouns) == 4


def test_many_classes_right_below_the_root_are_all_at_the_top():
    birds = tuple(f"bird {i:02}" for i in range(12))

    tree = tree_of(Choices.now(make_collection(names=birds)))

    assert names(tree, tree.top) == list(birds)


# --- Without JavaScript -----------------------------------------------------------------------------------


def level(client, collection, *steps):
    return client.get(reverse("labeling:label", args=[collection.slug]), {"at": at(*steps)} if steps else {})


def test_links_lead_down_to_a_class_while_the_same_picture_is_lent(client, annotator):
    collection = make_zoo()
    page = level(client, collection)
    lease = page.context["lease"]
    for step in ("canine", "dog"):
        [link] = re.findall(
            rf'class="choice inner"[^>]* href="([^"]*)"[^>]*data-wnid="{noun(step).wnid}"', page.text
        )
        page = client.get(reverse("labeling:label", args=[collection.slug]) + link)

    assert page.context["lease"] == lease
    assert "Which kind of dog is this?" in page.text
    client.post(
        reverse("labeling:cast-vote", args=[lease.pk]), {"answer": "present", "synset": noun("corgi").wnid}
    )

    assert Vote.objects.get().synset == noun("corgi")


def test_at_an_inner_noun_one_may_say_that_it_is_of_its_kinds(client, annotator):
    collection = make_zoo()
    page = level(client, collection, "canine", "dog")
    assert f'name="synset" value="{noun("dog").wnid}"' in page.text
    lease = page.context["lease"]

    answer = {"answer": "present", "synset": noun("dog").wnid}
    after = client.post(reverse("labeling:cast-vote", args=[lease.pk]), answer, follow=True)

    assert Vote.objects.get().synset == noun("dog")
    assert after.context["lease"] != lease
    assert after.context["level"]["noun"] is None  # the walk begins anew


def test_the_way_back_up_is_a_link(client, annotator):
    collection = make_zoo()

    page = level(client, collection, "canine", "dog")

    assert page.context["level"]["up"] == f"?at={at('canine')}"
    assert [step["name"] for step in page.context["level"]["steps"]] == ["canine", "dog"]


def test_none_of_these_is_said_of_all_nouns_and_not_of_some_kinds(client, annotator):
    collection = make_zoo()
    button = re.compile(r'id="none"[^>]*hidden')

    assert not button.search(level(client, collection).text)
    assert button.search(level(client, collection, "bird").text)


def test_the_page_tells_its_script_every_noun_once(client, annotator):
    collection = make_zoo()
    Lease.objects.hand_out(collection, annotator, 1)

    text = level(client, collection, "canine").text

    config = json.loads(re.search(r'id="label-config" type="application/json">(.*?)</script>', text).group(1))
    assert len(config["nouns"]) == len({each["wnid"] for each in config["nouns"]}) == 16
    assert [config["nouns"][place]["name"] for place in config["path"]] == ["canine"]
    assert config["choices"] is None
