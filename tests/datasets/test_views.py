"""A snapshot's page, and what anybody is told there."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from datasets import publishing
from datasets.models import Snapshot
from labeling.models import Image
from taxonomy.models import Synset
from tests.factories import (
    freeze_all,
    make_collection,
    make_run,
    make_settled_collection,
    make_snapshot,
    make_user,
)

pytestmark = pytest.mark.django_db


def page(client, snapshot) -> str:
    response = client.get(snapshot.get_absolute_url())
    assert response.status_code == 200
    return response.content.decode()


def n_queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def rows_of(html) -> dict[str, list[str]]:
    """Return the numbers beside each noun in the table of pictures by noun."""
    table = html.partition("by-noun")[2].partition("</table>")[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", table, re.DOTALL)
    return {
        re.search(r">([^<>]+)</bdi></a>", head)[1]: re.findall(r"<td class=\"number\">(\d[\d,]*)</td>", cells)
        for head, cells in rows
    }


def old_snapshot() -> Snapshot:
    """Make a snapshot as they were before cards counted more and there were seals. The database refuses changes to
    one that is there.
    """
    collection = make_settled_collection(10)
    new = freeze_all(make_settled_collection(10))
    card = {name: new.card[name] for name in ("by_class", "by_split", "annotators", "policy", "n_votes")}
    nouns = {
        wnid: {"name": n["name"], "hypernyms": n["hypernyms"]} for wnid, n in new.taxonomy["nouns"].items()
    }
    return Snapshot.objects.create(
        collection=collection,
        number=1,
        card=card,
        taxonomy={**new.taxonomy, "nouns": nouns},
        digest="d" * 64,
        **{
            name: getattr(new, name)
            for name in ("manifest", "n_images", "min_confidence", "taxonomy_version")
        },
    )


def test_a_snapshots_page_says_what_it_is(client):
    snapshot = make_snapshot(n_questions=10)

    html = page(client, snapshot)

    assert snapshot.digest in html
    assert "10 pictures under 2 nouns: 6 for training, 2 for validation and 2 for tests." in html


def test_a_snapshot_that_is_not_there_is_not_found(client):
    snapshot = make_snapshot(n_questions=10)
    page(client, snapshot)

    snapshot.number = 2

    assert client.get(snapshot.get_absolute_url()).status_code == 404


def test_nobody_else_is_told_how_many_test_pictures_a_noun_has(client):
    owner = make_user()
    snapshot = make_snapshot(n_questions=10, owner=owner)
    said = {
        snapshot.taxonomy["nouns"][wnid]["name"]: [str(n) for n in counts.values()]
        for wnid, counts in snapshot.card["by_class"].items()
    }

    assert rows_of(page(client, snapshot)) == {name: counts[:2] for name, counts in said.items()}
    client.force_login(make_user())
    assert rows_of(page(client, snapshot)) == {name: counts[:2] for name, counts in said.items()}
    client.force_login(owner)
    assert rows_of(page(client, snapshot)) == said


def test_the_page_is_the_same_whatever_the_test_labels_are(client):
    collection = make_settled_collection(10)
    pages = []
    for label in collection.ordered_classes():
        collection.questions.filter(image__split="test").update(label=label)
        snapshot = freeze_all(collection)
        html = page(client, snapshot)
        pages.append(_without(html, snapshot))

    assert Snapshot.objects.count() == 2  # the labels are others
    assert pages[0] == pages[1]


def _without(html, snapshot) -> str:
    """Leave out what differs between any two snapshots: the number, digests, moments."""
    html = re.sub(r"[0-9a-f]{64}", "", html)
    html = re.sub(r"<a href=\"[^\"]*/compare/.*?</a>", "", html)
    html = re.sub(r"<time.*?</time>", "", html)
    html = re.sub(r"csrf.*?>|X-CSRFToken.*?>", "", html)
    return re.sub(rf"(?i)(snapshots?[ /]|{snapshot.collection.slug}-){snapshot.number}\b", "", html)


def test_training_pictures_are_shown_and_no_others(client):
    snapshot = make_snapshot(n_questions=20)

    html = page(client, snapshot)

    for row in snapshot.rows():
        assert (reverse("labeling:thumbnail", args=[row.sha256]) in html) == (row.split == "train")


def test_a_withdrawn_picture_is_shown_no_more_and_counted(client):
    snapshot = make_snapshot(n_questions=10)
    picture = next(row.sha256 for row in snapshot.rows() if row.split == "train")
    assert picture in page(client, snapshot)

    Image.objects.get(sha256=picture).withdraw()

    html = page(client, snapshot)
    assert picture not in html
    assert "1 picture is left out of downloads since" in html


def test_a_noun_that_was_marked_as_sensitive_is_named_no_more(client):
    snapshot = make_snapshot(n_questions=10, names=("cat", "gore"))
    assert "gore" in page(client, snapshot)

    Synset.objects.filter(name="gore").update(is_sensitive=True, sensitive_reason="a test")

    html = page(client, snapshot)
    assert "gore" not in html
    assert "1 noun is not shown" in html


def test_a_picture_that_was_withdrawn_before_is_left_out_of_no_later_snapshot(client):
    collection = make_settled_collection(n_questions=10)
    collection.questions.first().image.withdraw()

    assert "left out of downloads" not in page(client, freeze_all(collection))


def test_a_snapshots_page_asks_as_much_for_many_nouns_as_for_few(client):
    few = make_snapshot(n_questions=10, names=("cat", "dog"))
    many = make_snapshot(n_questions=10, names=("ant", "bee", "cow", "doe", "emu"))

    assert n_queries(client, few.get_absolute_url()) == n_queries(client, many.get_absolute_url())


def test_what_was_frozen_long_ago_is_still_shown(client):
    html = page(client, old_snapshot())

    assert "10 pictures under 2 nouns" in html
    assert "It was frozen before snapshots had seals" in html
    assert "How sure they are" not in html
    assert "manifest.parquet" in html
    assert "folders.zip" not in html  # nobody noted how large its pictures are


def test_every_file_is_listed_with_its_checksum(client):
    snapshot = make_snapshot(n_questions=10)

    html = page(client, snapshot)

    edition = snapshot.editions.get()
    for name, file in edition.files.items():
        assert reverse("datasets:file", args=[snapshot.collection.slug, snapshot.number, name]) in html
        assert file["sha256"] in html
    assert "folders.zip" in html


def test_while_a_large_snapshots_files_are_made_anew_the_page_says_so(client, monkeypatch):
    snapshot = make_snapshot(n_questions=10)
    Image.objects.first().withdraw()
    monkeypatch.setattr(publishing, "AT_ONCE", 9)

    html = page(client, snapshot)

    assert "the files without it are being made" in html
    assert snapshot.digest in html
    monkeypatch.setattr(publishing, "AT_ONCE", 10)
    assert "folders.zip" in page(client, snapshot)


def test_lines_to_copy_name_whole_addresses(client):
    snapshot = make_snapshot(n_questions=10)

    html = page(client, snapshot)

    files = f"http://testserver{snapshot.get_absolute_url()}files/"
    assert f"&quot;train&quot;: &quot;{files}imagefolder/train.zip&quot;," in html
    assert f"curl -C - --retry 5 -L -O {files}folders.zip" in html
    assert f"webdataset.WebDataset(&quot;{files}webdataset/train-000000.tar" in html


def test_where_the_manifest_was_leads_to_where_it_is(client):
    snapshot = make_snapshot(n_questions=10)

    response = client.get(f"{snapshot.get_absolute_url()}manifest.csv")

    assert (response.status_code, response["Location"]) == (
        301,
        f"{snapshot.get_absolute_url()}files/manifest.csv",
    )


def test_the_manifest_is_not_served_as_a_picture(client):
    snapshot = make_snapshot(n_questions=10)
    picture = next(snapshot.rows()).sha256

    assert client.get(f"/pictures/{picture}/").getvalue()
    assert client.get(f"/pictures/{snapshot.manifest.name}").status_code == 404
    assert client.get(f"/pictures/{snapshot.digest}/").status_code == 404


def test_a_trainings_answers_on_the_test_pictures_are_not_told(client):
    run = make_run(make_snapshot(n_questions=10), status="finished", predictions="runs/1/predictions.npz")

    said = client.get(f"/api/runs/{run.pk}/").json()

    assert said["status"] == "finished"
    assert "predictions" not in str(said)


def test_a_collections_page_lists_its_snapshots_and_the_one_on_its_way(client):
    owner = make_user()
    snapshot = make_snapshot(n_questions=10, owner=owner)
    freezing = snapshot.collection.freezings.create(cause="asked", options={})

    html = client.get(snapshot.collection.get_absolute_url()).content.decode()

    assert snapshot.get_absolute_url() in html
    assert "waiting for a worker" in html
    assert freezing.get_absolute_url() not in html
    client.force_login(owner)
    assert freezing.get_absolute_url() in client.get(snapshot.collection.get_absolute_url()).content.decode()


@pytest.mark.parametrize("is_editor", [False, True])
def test_a_collections_page_leads_whoever_edits_it_to_freezing(client, is_editor):
    collection = make_collection()
    client.force_login(make_user(is_staff=is_editor))

    html = client.get(collection.get_absolute_url()).content.decode()

    assert (reverse("datasets:freeze", args=[collection.slug]) in html) == is_editor


def test_an_old_snapshot_has_its_manifest_and_no_archive(client):
    snapshot = old_snapshot()

    def status(name):
        at = [snapshot.collection.slug, snapshot.number, name]
        return client.get(reverse("datasets:file", args=at)).status_code

    # Nobody noted how large its pictures are.
    assert [status(name) for name in ("card.json", "SHA256SUMS", "folders.zip")] == [200, 200, 404]
