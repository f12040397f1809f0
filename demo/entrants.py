"""Simulated researchers, who hand in what outsiders would: a file of guesses, and a network that a worker runs."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from django.core.files.base import ContentFile
from numpy.typing import NDArray
from PIL import Image as Picture

from accounts.models import User
from competition.models import Contest, Submission
from competition.predictions import format_predictions
from competition.truth import test_images
from labeling.models import Image
from labeling.splits import TRAIN
from training.models import Run

N_NEIGHBOURS = 5
# Under one name each entry is handed in once, however often the demo is run.
NAME = "demo"


def hand_in_neighbours(contest: Contest) -> Submission:
    """Hand in, once, what the nearest pictures of the training part say of each test picture, by plain distance."""
    snapshot = contest.snapshot
    learnt = [row for row in snapshot.rows() if row.split == TRAIN]
    place = {wnid: index for index, wnid in enumerate(snapshot.classes)}
    labels = np.array([place[row.wnid] for row in learnt])
    asked = test_images(snapshot)
    shares = neighbours(
        _pixels([row.sha256 for row in learnt]), labels, _pixels(asked), len(snapshot.classes)
    )
    text = "".join(format_predictions(shares, asked, snapshot.classes))
    file = ContentFile(text.encode(), name="nearest-neighbours.csv")
    return Submission.objects.submit(
        contest.phase, _researcher("neighbours"), f"{N_NEIGHBOURS} nearest neighbours", file, token=NAME
    )


def hand_in_network(contest: Contest, run: Run) -> Submission:
    """Hand in, once, the ONNX file of a finished run, as somebody would who trained it elsewhere."""
    run.refresh_from_db(fields=["onnx"])  # a worker has written it meanwhile
    with run.onnx.open("rb") as onnx:
        file = ContentFile(onnx.read(), name="network.onnx")
    method = f"{run.network}, handed in as ONNX"
    return Submission.objects.submit(
        contest.phase, _researcher("network"), method, file, kind="onnx", token=NAME
    )


def neighbours(
    learnt: NDArray[np.floating], labels: NDArray[np.int64], asked: NDArray[np.floating], n_classes: int
) -> NDArray[np.float64]:
    """Return the share of each class among the N_NEIGHBOURS nearest of `learnt`, (n_asked, n_classes), rows summing
    to 1. Fewer are asked where fewer are there.

    learnt, asked: (n, n_numbers), compared by Euclidean distance. labels: (n_learnt,), 0 to n_classes - 1.
    """
    # |a - b|² without |a|², which is the same for all that `a` is compared with.
    distances = (learnt**2).sum(axis=1) - 2 * asked @ learnt.T  # (n_asked, n_learnt)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    return np.eye(n_classes)[labels[nearest]].mean(axis=1)  # type: ignore[no-any-return]


def _researcher(name: str) -> User:
    username = f"researcher-{name}"
    return User.objects.filter(username=username).first() or User.objects.create_simulated(username)


def _pixels(images: Sequence[str]) -> NDArray[np.float64]:
    """Return the grey values of pictures, (n, n_pixels) from 0 to 255, by their SHA-256."""
    rows = {image.sha256: image for image in Image.objects.filter(sha256__in=images)}
    return np.stack([_grey(rows[sha256]) for sha256 in images])


def _grey(image: Image) -> NDArray[np.float64]:
    with image.file.open("rb") as file:
        return np.asarray(Picture.open(BytesIO(file.read())).convert("L"), dtype=np.float64).ravel()
