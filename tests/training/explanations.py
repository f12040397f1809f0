"""Finished runs whose networks can be explained, and explanations that nobody had to work out."""

import io

import numpy as np
from django.core.files.base import ContentFile
from django.utils import timezone

from config.storage import private_storage
from labeling.splits import VAL
from tests.factories import make_run
from training import showing
from training.explained import Explained
from training.faithfulness import N_ORDERS, N_STEPS, Deletion
from training.models import Explanation, Run

SIDE = 16
METHODS = ("gradients", "occlusion", "grad-cam")


def make_finished(snapshot=None, network="alexnet", **fields):
    """Make a run that has finished; its weights are there in name alone."""
    return make_run(snapshot, network=network, status="finished", weights="runs/none.safetensors", **fields)


def keep_answers(run, *, right):
    """Have a run's network say what the labels of its validation pictures are, or that each is the other noun. It is
    the surer the further back a picture stands.
    """
    rows, classes = showing.validation(run.snapshot), run.snapshot.classes
    said = np.zeros((len(rows), len(classes)), np.float32)
    for place, row in enumerate(rows):
        label = classes.index(row.wnid)
        sure = 0.6 + 0.3 * place / len(rows)
        said[place, label if right else 1 - label] = sure
        said[place, 1 - label if right else label] = 1 - sure
    file = io.BytesIO()
    np.savez(file, sha256=[row.sha256 for row in rows], label=said.argmax(axis=1), probabilities=said)
    name = private_storage().save(f"runs/{run.pk}/answers.npz", ContentFile(file.getvalue()))
    Run.objects.filter(pk=run.pk).update(answers=name)
    run.refresh_from_db()
    return rows


def a_picture(run, split=VAL, place=0):
    """Return the SHA-256 of one of the pictures of a run's snapshot."""
    return [row.sha256 for row in run.snapshot.rows() if row.split == split][place]


def make_deletion():
    fall = np.linspace(0.8, 0.1, N_STEPS + 1, dtype=np.float32)
    return Deletion(fall**2 / 0.8, np.sqrt(fall * 0.8), np.tile(fall, (N_ORDERS, 1)))


def make_explained(n_classes=2, label=0, methods=METHODS):
    """Return what an explanation might say: the upper left speaks for the class, and the lower right against it."""
    map_ = np.zeros((SIDE, SIDE), np.float32)
    map_[:5, :5], map_[12:, 12:] = 0.02, -0.01
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[4:12, 4:12] = (200, 80, 40)
    probabilities = np.full(n_classes, 0.2 / max(1, n_classes - 1), np.float32)
    probabilities[label] = 0.8
    return Explained(
        picture=picture,
        probabilities=probabilities,
        label=label,
        log_odds=1.386,
        explained=1.2,
        delta=0.001,
        n_steps=32,
        window_px=4,
        maps=dict.fromkeys(methods, map_),
        stages={8: map_, 4: -map_} if "grad-cam" in methods else {},
        deletions=dict.fromkeys(methods, make_deletion()),
        seconds=1.5,
    )


def make_explanation(run, sha256=None, wnid="", explained=None):
    """Keep that a worker has explained a picture of a run."""
    explained = explained or make_explained(run.snapshot.n_classes)
    asked = Explanation.objects.ask(run, sha256 or a_picture(run), wnid)
    name = f"runs/{run.pk}/explanations/{asked.pk}.npz"
    file = private_storage().save(name, ContentFile(explained.to_bytes()))
    Explanation.objects.filter(pk=asked.pk).update(status="finished", file=file, finished_at=timezone.now())
    asked.refresh_from_db()
    return asked
