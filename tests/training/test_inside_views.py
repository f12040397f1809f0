import base64
import io
import re

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image as PillowImage

from labeling.models import Image
from labeling.splits import TEST
from tests.factories import make_picture, make_run
from tests.training.asked import make_finished, val_picture
from training import trying
from training.asking import network_of

pytestmark = pytest.mark.django_db

SIZES = {"perceptron": 8, "mlp": 8, "alexnet": 8, "resnet": 16}
OPTIONS = {"mlp": {"hidden": [6, 5]}, "resnet": {"width": 4}}


@pytest.fixture(params=SIZES)
def run(request):
    return make_finished(request.param, size_px=SIZES[request.param], **OPTIONS.get(request.param, {}))


def address(run):
    return reverse("training:inside", args=[run.pk])


def test_every_network_is_explained_with_drawings_that_are_there(client, run):
    response = client.get(address(run))

    assert response.status_code == 200
    drawings = re.findall(r'(?:src|href)="(/runs/[^"]+\.png)"', response.text)
    assert len(drawings) >= 3
    for drawing in set(drawings):
        answer = client.get(drawing)
        assert answer.status_code == 200
        with PillowImage.open(io.BytesIO(answer.content)) as image:
            image.verify()
        assert "max-age" in answer["Cache-Control"]


def test_the_logits_of_the_page_are_those_of_the_answer(client, run):
    response = client.get(address(run))

    pixels = trying.pixels_of(val_picture(run), run.options.size_px)
    answer = network_of(run).answer(pixels)
    shown = {row["label"]: row["logit"] for row in response.context["classes"]}
    for label, logit in enumerate(answer.logits):
        assert shown[label] == pytest.approx(logit, abs=1e-4)
    found = response.context["last"]["step"].sum
    assert found.bias + sum(part.product for part in found.parts) + found.rest == pytest.approx(
        found.total, abs=1e-3
    ) or found.bias + found.positive + found.negative == pytest.approx(found.total, abs=1e-3)


def test_a_picture_that_was_tried_can_be_looked_at_without_being_stored(client, run):
    n = Image.objects.count()
    picture = make_picture(3, (run.options.size_px, run.options.size_px))

    response = client.post(address(run), {"pixels": base64.b64encode(picture).decode()})

    assert response.status_code == 200
    assert Image.objects.count() == n
    assert "/inside/" not in re.sub(r'(?:href|action)="[^"]*/inside/[^"]*"', "", response.text)
    drawings = re.findall(r'src="data:image/png;base64,([^"]+)"', response.text)
    assert drawings
    assert np.asarray(PillowImage.open(io.BytesIO(base64.b64decode(drawings[0])))).size


@pytest.fixture
def mlp():
    return make_finished("mlp", hidden=[6, 5])


def test_another_unit_and_another_class_can_be_chosen(client, mlp):
    response = client.get(address(mlp), {"unit-hidden.0": "4", "unit-class": "1"})

    assert response.context["steps"][0]["step"].choice == 4
    assert response.context["last"]["step"].choice == 1


@pytest.mark.parametrize("value", ["99", "-1", "x", "9" * 30])
def test_a_choice_that_there_is_not_is_passed_over(client, mlp, value):
    assert client.get(address(mlp), {"unit-hidden.0": value, "unit-class": value}).status_code == 200


@pytest.mark.parametrize("pixels", ["", "!", base64.b64encode(b"no picture").decode()])
def test_what_is_no_picture_is_refused_with_a_sentence(client, mlp, pixels):
    response = client.post(address(mlp), {"pixels": pixels})

    assert response.status_code == 400
    assert "errorlist" in response.text


def test_a_test_picture_is_not_looked_at(client, mlp):
    picture = Image.objects.filter(split=TEST, questions__collection=mlp.snapshot.collection).first()

    assert client.get(address(mlp), {"picture": picture.sha256}).status_code == 404
    assert (
        client.get(reverse("training:drawing", args=[mlp.pk, picture.sha256, "picture"])).status_code == 404
    )
    validated = reverse("training:drawing", args=[mlp.pk, val_picture(mlp).sha256, "picture"])
    assert client.get(validated).status_code == 200


def test_a_drawing_that_there_is_not_is_not_found(client, mlp):
    drawing = reverse("training:drawing", args=[mlp.pk, val_picture(mlp).sha256, "weight-99"])

    assert client.get(drawing).status_code == 404


def test_a_run_without_a_network_says_what_will_be_there(client):
    assert "still being trained" in client.get(address(make_run(status="running"))).text


def test_a_collection_without_validation_pictures_says_so(client, mlp):
    Image.objects.filter(questions__collection=mlp.snapshot.collection).update(
        withdrawn_at="2026-01-01T00:00Z"
    )

    assert "no validation picture" in client.get(address(mlp)).text
