"""The pages that tell why a network answers as it does: for training and validation pictures, whoever asks."""

import io

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image as PillowImage

from labeling.models import Image
from labeling.splits import TEST, TRAIN, VAL
from taxonomy.models import Synset
from tests.factories import make_run, make_snapshot, make_user
from tests.training.explanations import (
    a_picture,
    keep_answers,
    make_explained,
    make_explanation,
    make_finished,
)
from training import showing, why_views
from training.models import Explanation

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return make_finished(make_snapshot(n_questions=20))


@pytest.fixture
def woken(monkeypatch):
    calls = []
    monkeypatch.setattr(why_views.explain_queued, "delay", lambda: calls.append(1))
    return calls


def page_of(run, sha256=None, noun=""):
    return reverse("training:why", args=[run.pk, sha256 or a_picture(run)]) + (
        f"?noun={noun}" if noun else ""
    )


def ask(client, run, sha256=None, **sent):
    return client.post(reverse("training:why-ask", args=[run.pk, sha256 or a_picture(run)]), sent)


def text(response):
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def hide(wnid):
    Synset.objects.filter(wnid=wnid).update(is_sensitive=True, sensitive_reason="a test")


# --- Choosing a picture --------------------------------------------------------------------------------------------


def test_validation_pictures_are_offered_and_no_others(client, run):
    page = text(client.get(reverse("training:why-choose", args=[run.pk])))

    for split, is_there in ((VAL, True), (TRAIN, False), (TEST, False)):
        pictures = [row.sha256 for row in run.snapshot.rows() if row.split == split]
        assert pictures
        assert {page_of(run, sha256) in page for sha256 in pictures} == {is_there}


def test_the_surest_mistakes_stand_first(client, run):
    rows = keep_answers(run, right=False)

    shown = client.get(reverse("training:why-choose", args=[run.pk])).context["shown"]

    assert [image.sha256 for image, *_ in shown] == [row.sha256 for row in reversed(rows)]
    assert all(row.is_mistake and answer.wnid != label.wnid for _image, row, label, answer in shown)


def test_what_it_is_least_sure_of_stands_first_among_what_is_right(client, run):
    rows = keep_answers(run, right=True)

    response = client.get(reverse("training:why-choose", args=[run.pk]))

    assert [image.sha256 for image, *_ in response.context["shown"]] == [row.sha256 for row in rows]
    assert "taken for that, too" in text(response)


def test_many_pictures_cost_as_many_queries_as_few(client, monkeypatch):
    def n_queries(n):
        run = make_finished(make_snapshot(n_questions=n))
        with CaptureQueriesContext(connection) as queries:
            text(client.get(reverse("training:why-choose", args=[run.pk])))
        return len(queries)

    assert n_queries(40) == n_queries(10)


def test_they_come_in_pages(client, run, monkeypatch):
    monkeypatch.setattr(why_views, "A_PAGE", 3)

    first, second = (
        client.get(reverse("training:why-choose", args=[run.pk]) + f"?page={n}").context["shown"]
        for n in (1, 2)
    )

    assert (len(first), len(second)) == (3, 1)


# --- Asking --------------------------------------------------------------------------------------------------------


def test_a_picture_that_nobody_asked_about_has_a_button(client, run):
    page = text(client.get(page_of(run)))

    assert reverse("training:why-ask", args=[run.pk, a_picture(run)]) in page
    assert not Explanation.objects.exists()


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_anybody_has_a_picture_explained(
    client, run, woken, is_signed_in, django_capture_on_commit_callbacks
):
    if is_signed_in:
        client.force_login(make_user())

    with django_capture_on_commit_callbacks(execute=True):
        response = ask(client, run)

    asked = Explanation.objects.get()
    assert (asked.run, asked.sha256, asked.wnid) == (run, a_picture(run), "")
    assert response["Location"] == page_of(run)
    assert woken == [1]


def test_a_training_picture_can_be_explained_too(client, run, woken):
    assert ask(client, run, a_picture(run, TRAIN)).status_code == 302


def test_a_class_can_be_asked_about(client, run, woken):
    wnid = run.snapshot.classes[1]

    response = ask(client, run, noun=wnid)

    assert Explanation.objects.get().wnid == wnid
    assert response["Location"] == page_of(run, noun=wnid)


def test_asking_twice_asks_once(client, run, woken):
    ask(client, run)
    ask(client, run)

    assert Explanation.objects.count() == 1


def refused(client, run, sha256):
    """Whether a picture is as if it were not there: it cannot be asked about, and has no page."""
    answers = {ask(client, run, sha256).status_code, client.get(page_of(run, sha256)).status_code}
    assert answers in ({404}, {200, 302})
    return answers == {404}


def test_a_test_picture_is_as_if_it_were_not_there(client, run, woken):
    assert refused(client, run, a_picture(run, TEST))
    assert refused(client, run, "0" * 64)
    assert not refused(client, run, a_picture(run, VAL))
    assert Explanation.objects.count() == 1


def test_nor_is_a_withdrawn_one(client, run, woken):
    one, other = a_picture(run), a_picture(run, VAL, 1)
    Image.objects.get(sha256=one).withdraw()

    assert refused(client, run, one)
    assert not refused(client, run, other)
    assert one not in text(client.get(reverse("training:why-choose", args=[run.pk])))


def test_nor_is_one_whose_noun_has_become_sensitive(client, run, woken):
    rows = showing.validation(run.snapshot)
    hide(rows[0].wnid)

    assert [refused(client, run, row.sha256) for row in rows] == [row.wnid == rows[0].wnid for row in rows]


@pytest.mark.parametrize("noun", ["nowhere", "the root"])
def test_a_noun_that_is_no_class_is_not_found(client, run, woken, noun):
    wnid = run.snapshot.collection.root.wnid if noun == "the root" else noun

    assert client.get(page_of(run, noun=wnid)).status_code == 404
    assert ask(client, run, noun=wnid).status_code == 404


@pytest.mark.parametrize("fields", [{"status": "running"}, {"status": "finished", "weights": ""}])
def test_a_run_without_a_network_has_no_such_pages(client, fields):
    run = make_run(make_snapshot(n_questions=20), **fields)

    assert client.get(reverse("training:why-choose", args=[run.pk])).status_code == 404
    assert client.get(page_of(run)).status_code == 404


def test_nothing_is_asked_by_following_a_link(client, run):
    assert client.get(reverse("training:why-ask", args=[run.pk, a_picture(run)])).status_code == 405


def test_a_visitor_asks_for_so_many_in_an_hour_and_looks_at_any_number(client, run, woken, settings):
    settings.FLOOD_LIMITS = {**settings.FLOOD_LIMITS, "explanations": (2, 0)}
    pictures = [a_picture(run, VAL, place) for place in range(3)]

    assert [ask(client, run, sha256).status_code for sha256 in pictures] == [302, 302, 429]
    assert ask(client, run, pictures[0]).status_code == 302  # it is there
    assert client.get(page_of(run, pictures[2])).status_code == 200


def test_where_too_many_wait_a_sentence_says_so(client, run, woken, monkeypatch):
    monkeypatch.setattr("training.models.explanations.MOST_WAITING", 0)

    response = ask(client, run)

    assert "Too many pictures wait" in text(client.get(response["Location"]))
    assert not Explanation.objects.exists()


# --- Waiting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "says"), [("queued", "the next that a worker takes"), ("running", "is finding out")]
)
def test_a_page_that_waits_asks_for_itself(client, run, status, says):
    asked = Explanation.objects.ask(run, a_picture(run))
    Explanation.objects.update(status=status)

    page = text(client.get(page_of(run)))

    assert f'hx-get="{asked.get_absolute_url()}"' in page
    assert says in page
    response = client.get(page_of(run), headers={"HX-Request": "true"})
    part = text(response)
    assert "HX-Request" in response["Vary"]
    assert part.lstrip().startswith('<div id="why"')
    assert says in part


def test_it_says_how_many_are_before_it(client, run):
    Explanation.objects.ask(run, a_picture(run))
    Explanation.objects.ask(run, a_picture(run, VAL, 1))

    assert "<b>1</b> other picture is before it" in text(client.get(page_of(run, a_picture(run, VAL, 1))))


def test_one_that_failed_says_why_and_can_be_tried_again(client, run, woken):
    Explanation.objects.ask(run, a_picture(run))
    Explanation.objects.claim_next().fail("It is broken.")

    page = text(client.get(page_of(run)))
    assert "It is broken." in page
    assert "Try again" in page
    assert "hx-get" not in page

    ask(client, run)
    assert Explanation.objects.get().status == "queued"


# --- What it tells -------------------------------------------------------------------------------------------------


def test_a_finished_one_shows_its_maps_and_how_far_to_trust_them(client, run):
    asked = make_explanation(run)

    response = client.get(page_of(run))

    page = text(response)
    assert "hx-get" not in page
    for name in ("grays", "picture", "gradients", "occlusion", "grad-cam", "stage-8", "stage-4"):
        assert reverse("training:why-drawn", args=[run.pk, asked.pk, name]) in page
    assert [each.name for each in response.context["told"]] == ["gradients", "occlusion", "grad-cam"]
    times = response.context["told"][0].test.times
    assert f"<b>{times:.1f} times</b> as much as random places" in page
    assert "For it speaks most the upper left." in page
    assert "Against it speaks most the lower right." in page
    assert "<polyline" in page


def test_a_network_without_convolutions_says_why_one_map_is_missing(client, run):
    make_explanation(run, explained=make_explained(methods=("gradients", "occlusion")))

    page = text(client.get(page_of(run)))

    assert "has no layer that keeps places apart" in page
    assert "Layer by layer" not in page


def test_a_map_that_fails_its_test_says_not_to_trust_it(client, run):
    explained = make_explained()
    line = np.linspace(0.8, 0.1, 21, dtype=np.float32)
    explained.deletions["gradients"] = why_views.Deletion(np.sqrt(line * 0.8), line, np.tile(line, (10, 1)))
    make_explanation(run, explained=explained)

    assert "do not trust this map" in text(client.get(page_of(run)))


def test_the_answers_own_noun_leads_to_what_is_there(client, run):
    make_explanation(run, explained=make_explained(label=1))

    own = client.get(page_of(run, noun=run.snapshot.classes[1]))
    other = client.get(page_of(run, noun=run.snapshot.classes[0]))

    assert "told" in own.context
    assert "told" not in other.context


def test_a_class_that_has_become_sensitive_is_not_named(client):
    run = make_finished(make_snapshot(n_questions=20))
    row = showing.validation(run.snapshot)[0]
    hidden = next(wnid for wnid in run.snapshot.classes if wnid != row.wnid)
    name = Synset.objects.get(wnid=hidden).name
    make_explanation(run, row.sha256, explained=make_explained(label=run.snapshot.classes.index(hidden)))
    assert f">{name}<" in text(client.get(page_of(run, row.sha256)))
    hide(hidden)

    page = text(client.get(page_of(run, row.sha256)))

    assert "a noun that is not shown" in page
    assert f">{name}<" not in page


def test_pictures_lead_to_the_next_in_their_order(client, run):
    rows = keep_answers(run, right=True)

    first, second, last = (client.get(page_of(run, rows[place].sha256)).context for place in (0, 1, -1))

    assert (first["before"], first["after"]) == (None, rows[1].sha256)
    assert (second["before"], second["after"]) == (rows[0].sha256, rows[2].sha256)
    assert last["after"] is None
    training = client.get(page_of(run, a_picture(run, TRAIN)))
    assert (training.context["before"], training.context["after"]) == (None, None)


@pytest.mark.parametrize(
    ("times", "words"),
    [(1.0123, "1.012"), (2.345, "2.3"), (99.94, "99.9"), (123.4, "120"), (222982.4, "220,000")],
)
def test_factors_are_said_in_few_digits(times, words):
    assert why_views.times_words(times) == words


# --- Its pictures ------------------------------------------------------------------------------------------------


def drawn(client, run, asked, name):
    return client.get(reverse("training:why-drawn", args=[run.pk, asked.pk, name]))


@pytest.mark.parametrize(
    ("name", "mode"), [("picture", "RGB"), ("grays", "L"), ("occlusion", "RGBA"), ("stage-8", "RGBA")]
)
def test_its_pictures_have_the_size_that_the_network_sees_and_may_be_kept(client, run, name, mode):
    response = drawn(client, run, make_explanation(run), name)

    found = PillowImage.open(io.BytesIO(response.content))
    assert (found.format, found.mode, found.size) == ("PNG", mode, (16, 16))
    assert set(response["Cache-Control"].split(", ")) == {"public", "max-age=86400"}


def test_there_are_no_others(client, run):
    asked = make_explanation(run)
    other = make_finished(run.snapshot, "mlp")

    assert drawn(client, run, asked, "stage-5").status_code == 404
    assert drawn(client, other, asked, "occlusion").status_code == 404
    assert drawn(client, run, asked, "occlusion").status_code == 200


def test_none_is_drawn_of_a_picture_that_was_withdrawn_since(client, run):
    asked = make_explanation(run)
    Image.objects.get(sha256=asked.sha256).withdraw()

    assert drawn(client, run, asked, "occlusion").status_code == 404


def test_none_is_drawn_before_it_is_there(client, run):
    assert drawn(client, run, Explanation.objects.ask(run, a_picture(run)), "occlusion").status_code == 404
