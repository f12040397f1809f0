import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken
from labeling.models import Dispute, Image, Question
from taxonomy.models import Synset
from tests.factories import make_run, make_snapshot, make_user
from tests.training.answered import make_answered_run, make_zoo_run, validation

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user()


@pytest.fixture
def snapshot(owner):
    return make_snapshot(owner=owner)


@pytest.fixture
def run(snapshot):
    """Wrong about the first two of eight validation pictures."""
    return make_answered_run(snapshot, wrong={0: 0.9, 1: 0.99})


def address(run, name="mistakes"):
    return reverse(f"training:{name}", args=[run.pk])


def words(response):
    return " ".join(response.content.decode().split())


def page(client, run, user=None, **query):
    if user:
        client.force_login(user)
    response = client.get(address(run), query)
    assert response.status_code == 200
    return response


def shown(response):
    return [each.told.sha256 for each in response.context["pictures"]]


def wrong(snapshot):
    return [sha256 for sha256, _label in validation(snapshot)[:2]]


# The page


def test_everybody_sees_how_good_it_is_and_the_surest_mistakes_first(client, run, snapshot):
    response = page(client, run)

    said = words(response)
    assert "Right about <b>6</b> of <b>8</b> pictures: <b>75.0&nbsp;%.</b>" in said
    assert "right between <b>40.9&nbsp;%</b> and <b>92.9&nbsp;%,</b>" in said
    assert shown(response) == wrong(snapshot)[::-1]
    assert said.count("says the network") == 2


def test_the_runs_pages_lead_there(client, run):
    assert address(run) in words(page(client, run))


@pytest.mark.parametrize(
    ("status", "sentence"), [("running", "Once the run has finished"), ("finished", "Nothing was kept")]
)
def test_a_run_without_answers_says_so(client, snapshot, status, sentence):
    assert sentence in words(page(client, make_run(snapshot, status=status)))


def test_a_run_that_is_not_there_is_not_found(client):
    assert client.get(reverse("training:mistakes", args=[1])).status_code == 404


def test_the_page_asks_as_much_for_many_mistakes_as_for_one(client, owner):
    few = make_answered_run(make_snapshot(owner=owner), wrong={0: 0.9})
    many = make_answered_run(make_snapshot(owner=owner), wrong=dict.fromkeys(range(8), 0.9))
    counts = []

    for run in (few, many):
        page(client, run, owner)
        with CaptureQueriesContext(connection) as queries:
            page(client, run)
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_a_cell_of_the_map_shows_its_pictures(client):
    run = make_zoo_run()
    top = page(client, run).context["map"]
    [_row, down, cells] = top[0]

    response = client.get(f"{address(run)}?{cells[1][2]}")

    assert [each.told.label_name for each in response.context["pictures"]] == ["dog 11"]
    assert "Dog taken for cat" in words(response)
    inside = client.get(f"{address(run)}?{down}")
    assert [name for _wnid, name in inside.context["way"]][-1] == "dog"
    assert len(inside.context["map"]) == 13  # twelve, and anything else


def test_an_address_that_asks_for_what_is_not_there_shows_the_page(client, run, snapshot):
    asked = {"at": "nowhere", "truth": "x", "answer": "y", "sort": "z", "page": "99", "nouns": "-1"}

    assert shown(page(client, run, **asked)) == wrong(snapshot)[::-1]


@pytest.mark.parametrize(
    ("sort", "first"), [("name", "cat 0"), ("n", "dog 0"), ("recall", "cat 0"), ("taken", "dog 0")]
)
def test_the_nouns_are_sorted_by_any_column(client, sort, first):
    response = page(client, make_zoo_run(), sort=sort)

    assert response.context["nouns"][0].row.name == first
    assert words(response).count("aria-sort=") == 1


def test_withdrawn_pictures_are_not_shown(client, run, snapshot):
    gone, left = wrong(snapshot)
    Image.objects.get(sha256=gone).withdraw()

    assert shown(page(client, run)) == [left]


def test_nothing_is_told_of_a_noun_that_no_page_shows(client, run, snapshot):
    dog = Synset.objects.filter(wnid=snapshot.classes[1])
    dog.update(is_sensitive=True, sensitive_reason="a test")

    for response in (
        page(client, run),
        client.get(f"/api/runs/{run.pk}/answers/"),
        client.get(f"/api/runs/{run.pk}/mistakes/"),
    ):
        assert snapshot.classes[1] not in words(response)
        assert ">dog<" not in words(response)
    for name in ("nouns-file", "answers-file"):
        assert snapshot.classes[1] not in lines(client, run, name)


# Asking people again


def ask(client, run, user=None, htmx=False, query="", **sent):
    if user:
        client.force_login(user)
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(f"{address(run, 'ask-again')}{query}", sent, headers=headers)


def test_who_edits_the_collection_has_people_asked_again(client, run, snapshot, owner):
    assert "Ask people again" in words(page(client, run, owner))

    response = ask(client, run, only=wrong(snapshot)[0])

    assert response["Location"] == f"{address(run)}#pictures"
    dispute = Dispute.objects.get()
    assert (dispute.question.image.sha256, dispute.asked_by) == (wrong(snapshot)[0], owner)
    said = words(page(client, run))
    assert "Asked again: one more person will see it." in said
    assert said.count("asked again: one more person will see it") == 1


def test_several_are_ticked(client, run, snapshot, owner):
    ask(client, run, owner, sha256=wrong(snapshot))

    assert Dispute.objects.count() == 2
    assert "2 are asked again: one more person will see each." in words(page(client, run))


def test_all_of_a_page_are_asked_about_at_once(client, run, snapshot, owner):
    ask(client, run, owner, shown=wrong(snapshot), every="1")

    assert Dispute.objects.count() == 2


def test_by_htmx_the_list_comes_back_as_it_now_stands(client, run, snapshot, owner):
    response = ask(client, run, owner, htmx=True, only=wrong(snapshot)[0])

    said = words(response)
    assert "<html" not in said
    assert 'role="status"' in said
    assert said.count("asked again: one more person will see it") == 1
    assert said.count('name="only"') == 1  # the other one


def test_a_double_click_asks_once(client, run, snapshot, owner):
    for _ in range(2):
        response = ask(client, run, owner, htmx=True, only=wrong(snapshot)[0])

    assert "1 was asked again already." in words(response)
    assert Dispute.objects.count() == 1
    assert Question.objects.get(image__sha256=wrong(snapshot)[0]).open_places == 1


def test_whoever_ticks_nothing_is_told_so(client, run, owner):
    assert "Nothing was ticked" in words(ask(client, run, owner, htmx=True))


def test_where_one_was_is_kept(client, run, snapshot, owner):
    query = f"?truth={snapshot.classes[0]}&page=1"

    response = ask(client, run, owner, query=query, only=wrong(snapshot)[0])

    assert response["Location"] == f"{address(run)}{query}#pictures"


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_nobody_else_has_people_asked(client, run, snapshot, is_signed_in):
    stranger = make_user() if is_signed_in else None
    assert "Ask people again" not in words(page(client, run, stranger))

    response = ask(client, run, only=wrong(snapshot)[0])

    assert response.status_code == (403 if is_signed_in else 302)
    assert not Dispute.objects.exists()


def test_nobody_is_asked_by_following_a_link(client, run, owner):
    client.force_login(owner)

    assert client.get(address(run, "ask-again")).status_code == 405


def test_later_the_page_says_what_became_of_it(client, run, snapshot, owner):
    ask(client, run, owner, sha256=wrong(snapshot))
    changed, upheld = Dispute.objects.order_by("pk")
    for dispute, label in ((changed, changed.claim), (upheld, upheld.label)):
        Question.objects.filter(pk=dispute.question_id).update(
            state="settled", label=label, n_votes=dispute.n_votes + 1, open_places=0
        )

    said = words(page(client, run))

    assert "people upheld the label" in said
    assert f"people changed the label: <b><bdi>{changed.claim.name}</bdi></b>" in said


# Files


def lines(client, run, name):
    response = client.get(address(run, name))
    assert response.status_code == 200
    assert response["Content-Disposition"] == f'attachment; filename="run-{run.pk}-{name[:-5]}.csv"'
    return response.getvalue().decode()


def test_the_nouns_come_as_a_file(client, run, snapshot):
    cat, dog = csv.DictReader(io.StringIO(lines(client, run, "nouns-file")))

    assert (cat["wnid"], cat["noun"], dog["noun"]) == (snapshot.classes[0], "cat", "dog")
    assert int(cat["pictures"]) + int(dog["pictures"]) == 8
    assert int(cat["right"]) + int(dog["right"]) == 6


def test_the_answers_come_as_a_file_without_withdrawn_pictures(client, run, snapshot):
    gone, left = wrong(snapshot)
    Image.objects.get(sha256=gone).withdraw()

    rows = {row["sha256"]: row for row in csv.DictReader(io.StringIO(lines(client, run, "answers-file")))}

    assert rows.keys() == {sha256 for sha256, _label in validation(snapshot)} - {gone}
    assert rows[left]["guess_1"] != rows[left]["label"] == rows[left]["guess_2"]
    assert (rows[left]["probability_1"], rows[left]["probability_of_label"]) == ("0.990000", "0.010000")


@pytest.mark.parametrize("name", ["nouns-file", "answers-file"])
def test_a_run_without_answers_has_no_files(client, snapshot, name):
    assert client.get(address(make_run(snapshot), name)).status_code == 404


# Programs


def by_program(client, run, user, data):
    _token, key = ApiToken.objects.create(user, expiry=None)
    return client.post(
        f"/api/runs/{run.pk}/ask-again/",
        data,
        content_type="application/json",
        headers={"Authorization": f"Token {key}"},
    )


def test_programs_read_how_good_it_is(client, run, snapshot):
    said = client.get(f"/api/runs/{run.pk}/answers/").json()

    assert (said["n_pictures"], said["top1"], said["top5"]) == (8, 0.75, None)
    assert said["top1_interval"] == pytest.approx([0.4093, 0.9285], abs=1e-4)
    assert [each["name"] for each in said["classes"]] == ["cat", "dog"]
    assert sum(each["n"] for each in said["confusion"]) == 8
    assert {each["label"] for each in said["confusion"]} == {*snapshot.classes}


def test_programs_read_the_surest_mistakes(client, run, snapshot):
    said = client.get(f"/api/runs/{run.pk}/mistakes/", {"limit": 1}).json()

    assert said["count"] == 2
    [first] = said["results"]
    assert first["image"] == wrong(snapshot)[1]
    assert first["guesses"][0]["probability"] == pytest.approx(0.99)
    assert "finding" not in first


def test_whoever_edits_the_collection_reads_what_came_of_asking(client, run, snapshot, owner):
    ask(client, run, owner, only=wrong(snapshot)[0])

    second, first = client.get(f"/api/runs/{run.pk}/mistakes/").json()["results"]

    assert (first["may_be_asked_again"], first["finding"]) == (False, "open")
    assert (second["may_be_asked_again"], second["finding"]) == (True, None)


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_that_cannot_be_is_refused(client, run, limit):
    assert client.get(f"/api/runs/{run.pk}/mistakes/", {"limit": limit}).status_code == 400


@pytest.mark.parametrize("name", ["answers", "mistakes"])
def test_programs_find_nothing_before_a_run_has_answers(client, snapshot, name):
    assert client.get(f"/api/runs/{make_run(snapshot).pk}/{name}/").status_code == 404


def test_programs_have_people_asked_again(client, run, snapshot, owner):
    sent = {"sha256": [*wrong(snapshot), "nothing"]}

    first, again = (by_program(client, run, owner, sent).json() for _ in range(2))

    assert first == {"n_asked": 2, "n_already": 0, "n_left": 1}
    assert again == {"n_asked": 0, "n_already": 2, "n_left": 1}


def test_a_strangers_program_has_nobody_asked(client, run, snapshot):
    assert by_program(client, run, make_user(), {"sha256": wrong(snapshot)}).status_code == 403
    assert client.post(f"/api/runs/{run.pk}/ask-again/", {"sha256": wrong(snapshot)}).status_code == 401
    assert not Dispute.objects.exists()


def test_what_names_no_pictures_is_refused(client, run, owner):
    assert by_program(client, run, owner, {"sha256": []}).status_code == 400
