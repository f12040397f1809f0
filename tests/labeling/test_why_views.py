"""The page that says why a question is decided as it is, and the same as JSON: who sees it, and what it says."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from labeling import aggregation
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Answer, Collection, Image, Lease, Question
from labeling.splits import TEST
from taxonomy import ledger
from tests.factories import make_collection, make_picture_of, make_user
from tests.labeling.organisers import make_organiser
from tests.labeling.trees import make_menagerie, noun, vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser(client):
    user = make_organiser()
    client.force_login(user)
    return user


@pytest.fixture
def question(organiser):
    """A picture that two said is a husky."""
    collection = make_menagerie(owner=organiser)
    vote(collection, "husky")
    return vote(collection, "husky")


def page_of(question):
    return reverse("labeling:why", args=[question.collection.slug, question.pk])


def api_of(question):
    return reverse("question-why", args=[question.collection.slug, question.pk])


def text(client, question):
    response = client.get(page_of(question))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def as_staff(client, *permissions):
    user = make_user(is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client.force_login(user)


# Who


def test_the_organiser_is_told(client, question):
    page = text(client, question)

    assert "Husky" in page
    assert "Its votes make “husky” likely enough" in page
    assert "<b>17</b> times likelier" in page


def test_staff_are_told_and_others_do_not_find_it(client, question):
    as_staff(client)
    assert client.get(page_of(question)).status_code == 200
    assert client.get(api_of(question)).status_code == 200

    client.force_login(make_organiser())
    assert client.get(page_of(question)).status_code == 404
    assert client.get(api_of(question)).status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, question):
    client.logout()

    assert client.get(page_of(question)).url.startswith(reverse("accounts:sign-in"))
    assert client.get(api_of(question)).status_code == 401


def test_a_question_of_another_collection_is_not_found(client, organiser, question):
    other = make_menagerie(owner=organiser)

    for name in ("labeling:why", "question-why"):
        assert client.get(reverse(name, args=[other.slug, question.pk])).status_code == 404


# Secrets


@pytest.fixture
def secret(organiser):
    """A test picture that three said is a cat."""
    collection = make_collection(owner=organiser)
    add_pictures(collection, [IncomingPicture("a.png", make_picture_of(TEST))], source="a test")
    for _ in range(3):
        [lease] = Lease.objects.hand_out(collection, make_user(), 1)
        lease.cast(collection.ordered_classes()[0])
    return collection.questions.get()


def test_of_a_test_picture_nothing_is_told(client, secret):
    assert secret.state == "settled"

    page, answer = text(client, secret), client.get(api_of(secret))

    assert "kept apart for contests" in page
    assert ">cat<" not in page.lower()
    assert "times likelier" not in page
    assert answer.status_code == 403
    assert "kept apart for contests" in answer.json()["detail"]


def test_staff_who_read_votes_anyway_are_told_of_a_test_picture(client, secret):
    as_staff(client)
    assert "times likelier" not in text(client, secret)

    as_staff(client, "view_vote")
    page = text(client, secret)
    assert "times likelier" in page
    assert "Keep to yourself" in page
    assert client.get(api_of(secret)).json()["stands"]["words"] == "cat"


def test_a_sensitive_noun_is_named_nowhere(client, question):
    husky = noun("husky")
    ledger.make(
        "mark",
        {"synset": husky.wnid, "is_imageable": True, "sensitive_reason": "names people"},
        author=None,
        reason="a test",
    )

    assert "husky" not in text(client, question).lower()
    answer = client.get(api_of(question))
    assert "husky" not in answer.content.decode()
    assert husky.wnid not in answer.content.decode()
    assert answer.json()["stands"]["words"] == "a noun that is not shown"


def test_a_withdrawn_picture_is_not_shown(client, question):
    Image.objects.get().withdraw()

    page = text(client, question)

    assert "The picture was withdrawn." in page
    assert question.image.get_absolute_url() + '"' not in page


# What it says


def test_an_inner_noun_is_said_to_be_one_of_an_undecided_kind(client, organiser):
    collection = make_menagerie(owner=organiser)
    vote(collection, "dog")

    page = text(client, vote(collection, "dog"))

    assert "Dog, kind undecided" in page
    assert "All 2 who answered say this and no more." in page
    assert "The votes leave open which kind of dog it is." in page


def test_a_gold_question_is_decided_by_its_answer(client, question):
    cat = noun("cat")
    Question.objects.update(is_gold=True, truth=cat, label=cat, confidence=1)

    page = text(client, question)

    assert "its answer was known beforehand, and decides it." in page
    assert "Its votes alone make “husky” likeliest." in page


def test_the_fit_is_named_with_its_votes_and_the_version_of_the_nouns(client, question):
    aggregation.refit(question.collection)

    page = text(client, question)

    fit = Question.objects.get().fit
    assert "over 2 votes" in page
    assert reverse("taxonomy:change", args=[fit.taxonomy_version]) in page
    assert "It is the latest." in page
    assert "The same" in page


@pytest.mark.parametrize("kinds", [[], ["present"], ["absent", "absent"], ["cannot_tell"] * 3])
def test_a_question_about_one_noun_is_told_in_every_state(client, organiser, kinds):
    fields = {"gold_share": 0, "target_confidence": 0.9, "max_votes": 3, "owner": organiser}
    collection = make_collection(1, kind=Collection.Kind.VERIFY, **fields)
    cat = collection.ordered_classes()[0]
    for kind in kinds:
        [lease] = Lease.objects.hand_out_grid(collection, make_user(), noun=cat, count=1).leases
        Lease.objects.cast(lease.annotator, [Answer(lease.pk, "", kind)])
    question = collection.questions.get(about=cat)

    assert "Does this picture show" in text(client, question)
    assert [each["answer"] for each in client.get(api_of(question)).json()["votes"]] == kinds


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "Nobody has answered yet."),
        (["husky"], "2 votes at least have to say what it is"),
        (["husky", "cat"], "so one more person is asked"),
        (["husky", "corgi", "husky", "corgi"], "no single kind is likely enough"),
        (["husky", "cat", "husky", "cat"], "nothing is likely enough"),
        ([None, None, None, None], "nothing: it does not say what it is"),
    ],
)
def test_the_page_says_why_in_words(client, organiser, names, words):
    collection = make_menagerie(owner=organiser, max_votes=4)
    for name in names:
        vote(collection, name)

    assert words in text(client, collection.questions.get())


def test_what_does_not_follow_any_more_says_so(client, question):
    Question.objects.update(label=noun("cat"))

    assert "It does not follow from today’s votes" in text(client, question)


# As JSON


def test_programs_are_told_the_same(client, question):
    told = client.get(api_of(question)).json()

    husky = {"wnid": noun("husky").wnid, "name": "husky"}
    assert told["stands"] == {
        "state": "settled",
        "label": husky,
        "words": "husky",
        "is_inner": False,
        "confidence": pytest.approx(289 / 292),
    }
    assert (told["agrees"], told["because"], told["fit"], told["is_gold"]) == (True, "sure", None, False)
    assert told["policy"] == {"target_confidence": 0.98, "min_votes": 2, "max_votes": 10}
    assert told["weighing"]["side"] == {"words": "husky", "noun": husky, "answer": "present"}
    assert told["weighing"]["prior"] == pytest.approx(0.25)
    assert told["weighing"]["beliefs"][0]["shares"] == pytest.approx([1 / 4, 17 / 20, 289 / 292])
    [first, second] = told["votes"]
    assert (first["synset"], first["counts_as"], first["is_told"]) == (husky, husky, True)
    assert first["decibans"] == pytest.approx(12.3045, abs=1e-4)
    assert first["skill"]["mean"] == pytest.approx(0.85)
    assert second["belief"] == pytest.approx(289 / 292)
    assert told["others"] == told["retractions"] == told["skips"] == []


def test_an_inner_noun_is_told_to_programs_as_one(client, organiser):
    collection = make_menagerie(owner=organiser)
    vote(collection, "dog")

    told = client.get(api_of(vote(collection, "dog"))).json()

    assert (told["stands"]["is_inner"], told["stands"]["words"]) == (True, "dog, kind undecided")
    assert [kind["side"]["words"] for kind in told["weighing"]["kinds"]] == ["husky", "corgi"]


def test_what_was_taken_back_or_skipped_is_told_to_programs(client, question):
    annotator = make_user()
    collection = make_menagerie(owner=question.collection.owner)
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    taken = lease.cast(noun("cat"))
    Lease.objects.take_back(annotator, taken.lease_number)
    [lease] = Lease.objects.hand_out(collection, annotator, 1)
    Lease.objects.cast(annotator, [Answer(lease.pk, "", "skip")])

    told = client.get(api_of(collection.questions.get())).json()

    [retraction], [skip] = told["retractions"], told["skips"]
    assert (retraction["annotator"], retraction["synset"]["name"]) == (annotator.display_name, "cat")
    assert skip["annotator"] == annotator.display_name


def test_the_schema_knows_of_it(client):
    schema = client.get("/api/schema/?format=json").json()

    fields = schema["components"]["schemas"]["Why"]["properties"]
    assert {"stands", "by_votes", "votes", "weighing", "fit", "policy"} <= fields.keys()
    assert any(path.endswith("/why/") for path in schema["paths"])


# Ways to it


def test_the_owners_pages_lead_to_it(client, organiser):
    collection = make_menagerie(owner=organiser, max_votes=4)
    for name in ("husky", "cat", "husky", "cat"):
        vote(collection, name)
    question = collection.questions.get()

    dashboard = client.get(reverse("labeling:dashboard", args=[collection.slug])).content.decode()
    about = client.get(question.image.get_about_url()).content.decode()
    Question.objects.update(is_gold=True, truth=noun("cat"))
    gold = client.get(reverse("labeling:gold", args=[collection.slug])).content.decode()

    assert all(page_of(question) in page for page in (dashboard, about, gold))
    client.force_login(make_user())
    assert page_of(question) not in client.get(question.image.get_about_url()).content.decode()


def test_the_administration_leads_to_it(client, question):
    client.force_login(make_user(is_staff=True, is_superuser=True))

    of_list = client.get(reverse("admin:labeling_question_changelist")).content.decode()
    of_one = client.get(reverse("admin:labeling_question_change", args=[question.pk])).content.decode()

    assert page_of(question) in of_list
    assert page_of(question) in of_one
