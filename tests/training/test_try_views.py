import io
import json

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image as PillowImage

from config.storage import private_storage
from labeling.models import Collection, Image
from labeling.splits import TEST, TRAIN
from taxonomy.models import Synset
from tests.factories import make_picture, make_run, make_snapshot, make_user
from tests.training.asked import make_finished, val_picture
from training import trying
from training.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    return make_finished()


@pytest.fixture
def address(run):
    return reverse("training:try", args=[run.pk])


def upload(data=None, name="a.png"):
    return SimpleUploadedFile(name, make_picture(7) if data is None else data)


def read(name):
    with private_storage().open(name) as file:
        return file.read()


def plain(size=(8, 8)):
    file = io.BytesIO()
    PillowImage.new("RGB", size, (200, 200, 200)).save(file, "PNG")
    return file.getvalue()


def test_anybody_may_show_a_network_a_picture_and_reads_what_it_thinks(client, run, address):
    response = client.post(address, {"picture": upload()})

    assert response.status_code == 200
    heard = response.context["heard"]
    assert heard.told.likeliest[0].name in response.text
    assert sum(noun.probability for noun in heard.told.likeliest) == pytest.approx(1)


def test_nothing_is_stored_of_a_picture_that_was_shown(client, address):
    n_images, names = Image.objects.count(), set(private_storage().listdir("")[0])

    client.post(address, {"picture": upload()})

    assert Image.objects.count() == n_images
    assert set(private_storage().listdir("")[0]) == names


def test_a_large_picture_is_kept_in_memory_and_not_in_a_temporary_file(client, address, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "django.core.files.uploadhandler.TemporaryUploadedFile", lambda *args, **_: opened.append(args)
    )
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    file = io.BytesIO()
    PillowImage.fromarray(noise).save(file, "PNG")
    assert len(file.getvalue()) > 2_621_440  # from here on Django would write to a disk

    response = client.post(address, {"picture": upload(file.getvalue())})

    assert response.status_code == 200
    assert response.context["heard"]
    assert opened == []


def test_what_is_too_large_is_refused_unread(client, address, monkeypatch):
    monkeypatch.setattr(trying, "MOST_MIB", 0)

    response = client.post(address, {"picture": upload()})

    assert response.status_code == 413
    assert "Expected a picture of at most" in response.text


def test_a_program_sending_what_is_too_large_is_refused_unread(client, run, monkeypatch):
    client.force_login(make_user())  # with a session its forms are checked, which reads them
    monkeypatch.setattr(trying, "MOST_MIB", 0)

    response = client.post(reverse("run-try", args=[run.pk]), {"picture": upload()})

    assert response.status_code == 413


def test_a_form_from_elsewhere_is_refused(address):
    careful = Client(enforce_csrf_checks=True)

    assert careful.post(address, {"picture": upload()}).status_code == 403


def test_what_is_no_picture_is_refused_with_a_sentence(client, address):
    response = client.post(address, {"picture": upload(b"<svg onload=alert(1)></svg>")})

    assert response.status_code == 400
    assert "an SVG drawing" in response.text


def test_nothing_chosen_is_refused_with_a_sentence(client, address):
    response = client.post(address, {})

    assert response.status_code == 400
    assert "Choose a picture first." in response.text


def test_a_photograph_lying_on_its_side_is_looked_at_upright(client, address):
    half = PillowImage.new("RGB", (8, 8), "white")
    half.paste("black", (0, 0, 8, 4))
    turned, exif = io.BytesIO(), PillowImage.Exif()
    exif[0x0112] = 6  # it has to be turned to the right
    half.transpose(PillowImage.Transpose.ROTATE_90).save(turned, "PNG", exif=exif)
    upright = io.BytesIO()
    half.save(upright, "PNG")

    seen = [
        client.post(address, {"picture": upload(each.getvalue())}).context["seen"]
        for each in (turned, upright)
    ]

    assert seen[0] == seen[1]


def test_a_picture_unlike_anything_is_called_that(client, address):
    noise = client.post(address, {"picture": upload()})
    strange = client.post(address, {"picture": upload(plain())})

    assert "unlike anything" not in noise.text
    assert "unlike anything" in strange.text


def test_an_example_is_answered_for_without_sending_anything(client, run, address):
    response = client.get(address, {"picture": val_picture(run).sha256})

    assert response.context["heard"]
    assert f"{reverse('training:inside', args=[run.pk])}?picture={val_picture(run).sha256}" in response.text


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_only_validation_pictures_are_examples(client, run, address, split):
    pictures = Image.objects.filter(split=split, questions__collection=run.snapshot.collection)

    response = client.get(address, {"picture": pictures.first().sha256})

    assert response.status_code == 404
    assert not {each.image.sha256 for each in client.get(address).context["examples"]} & set(
        pictures.values_list("sha256", flat=True)
    )


def test_a_withdrawn_picture_is_no_example(client, run, address):
    picture = val_picture(run)
    picture.withdraw()

    assert client.get(address, {"picture": picture.sha256}).status_code == 404


def test_a_noun_that_became_sensitive_is_not_named(client, run, address):
    Synset.objects.filter(wnid=run.snapshot.classes[0]).update(is_sensitive=True, sensitive_reason="a slur")
    name = run.snapshot.taxonomy["nouns"][run.snapshot.classes[0]]["gloss"]

    response = client.post(address, {"picture": upload()})

    assert name not in response.text
    assert "a noun that is not shown" in response.text


def test_only_who_may_add_pictures_is_offered_to_let_the_collection_keep_one(client, run, address):
    box = "Let the collection keep this picture"
    assert box not in client.get(address).text
    client.force_login(make_user())
    assert box not in client.get(address).text
    owner = make_user()
    collection = run.snapshot.collection
    collection.owner = owner
    collection.save()
    client.force_login(owner)

    assert box in client.get(address).text


@pytest.mark.parametrize("keep", [True, False])
def test_a_picture_is_kept_only_where_its_sender_ticked_the_box(client, run, address, keep):
    client.force_login(make_user(is_staff=True))
    n = run.snapshot.collection.questions.count()

    response = client.post(address, {"picture": upload(), **({"keep": "on"} if keep else {})})

    assert response.context["heard"]
    assert run.snapshot.collection.questions.count() == n + keep
    if keep:
        assert Image.objects.latest("pk").licence == "CC BY 4.0"
        assert "people will be asked about it" in response.text


def test_what_stays_with_a_kept_picture_is_in_english_whatever_language_it_was_shown_in(client, run, address):
    author = make_user(kind="simulated")
    Collection.objects.filter(pk=run.snapshot.collection_id).update(owner=author)
    client.force_login(author)

    client.post(address, {"picture": upload(), "keep": "on"}, headers={"Accept-Language": "de"})

    image = Image.objects.latest("pk")
    assert image.source == "shown to a network"
    assert image.credit == f"{author.username} (simulated)"


def test_a_box_that_was_not_offered_keeps_nothing(client, run, address):
    n = run.snapshot.collection.questions.count()

    response = client.post(address, {"picture": upload(), "keep": "on"})

    assert run.snapshot.collection.questions.count() == n
    assert "takes no pictures from you" in response.text


def test_who_shows_too_many_is_told_when_to_come_back(client, address, settings):
    settings.FLOOD_LIMITS = {**settings.FLOOD_LIMITS, "tries": (1, 1)}
    assert client.post(address, {"picture": upload()}).status_code == 200

    response = client.post(address, {"picture": upload()})

    assert response.status_code == 429


def test_a_run_without_a_network_says_what_will_be_there(client):
    run = make_run(status="running")

    response = client.get(reverse("training:try", args=[run.pk]))

    assert "still being trained" in response.text


def test_the_way_to_a_network_leads_to_the_latest(client):
    assert "No network has been trained yet" in client.get(reverse("training:try-a-network")).text
    run = make_finished()

    response = client.get(reverse("training:try-a-network"))

    assert response.url == reverse("training:try", args=[run.pk])


# --- The API -------------------------------------------------------------------------------------------------------


def test_a_program_gets_probabilities_the_tree_and_whether_it_is_unfamiliar(client, run):
    response = client.post(reverse("run-try", args=[run.pk]), {"picture": upload()})

    said = response.json()
    assert response.status_code == 200
    assert sorted(said["probabilities"]) == sorted(run.snapshot.classes)
    assert said["tree"][-1] == said["likeliest"][0]
    assert said["is_unfamiliar"] is False


def test_a_program_is_told_what_is_wrong_with_its_picture(client, run):
    response = client.post(reverse("run-try", args=[run.pk]), {"picture": upload(b"no picture")})

    assert response.status_code == 400
    assert "Expected a JPEG, PNG or WebP picture" in json.dumps(response.json())


def test_a_program_asking_a_run_without_network_is_told_so(client):
    run = make_run()

    response = client.post(reverse("run-try", args=[run.pk]), {"picture": upload()})

    assert response.status_code == 404


# --- Files ---------------------------------------------------------------------------------------------------------


def test_anybody_may_take_the_network_along(client, run):
    response = client.get(reverse("training:onnx", args=[run.pk]))

    assert response.getvalue() == read(run.onnx.name)
    assert response["Content-Disposition"] == f'attachment; filename="mlp-run-{run.pk}.onnx"'


def test_a_download_goes_on_where_it_broke_off(client, run):
    response = client.get(reverse("training:onnx", args=[run.pk]), headers={"Range": "bytes=2-4"})

    assert response.status_code == 206
    assert response.getvalue() == read(run.onnx.name)[2:5]


def test_a_run_that_has_no_such_file_says_so(client):
    run = make_run()

    assert client.get(reverse("training:weights", args=[run.pk])).status_code == 404


def test_a_run_whose_file_is_gone_says_so(client, run):
    Run.objects.filter(pk=run.pk).update(onnx="runs/none/network.onnx")

    assert client.get(reverse("training:onnx", args=[run.pk])).status_code == 404


def test_a_snapshot_whose_pictures_are_gone_has_no_example(client):
    run = make_finished(snapshot=make_snapshot(n_questions=20))
    picture = val_picture(run)
    picture.file.storage.delete(picture.file.name)

    response = client.get(reverse("training:try", args=[run.pk]), {"picture": picture.sha256})

    assert response.status_code == 404
