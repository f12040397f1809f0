"""Finished runs with a network that can be asked, for tests of the web side."""

from functools import lru_cache

import numpy as np
import torch
from django.core.files.base import ContentFile
from django.utils import timezone

from config.storage import private_storage
from labeling.models import Image
from labeling.splits import VAL
from tests.factories import make_run, make_snapshot
from training.config import Config
from training.exporting import to_onnx
from training.models import Run
from training.network import build
from training.novelty import Novelty


def make_finished(network="mlp", snapshot=None, size_px=8, **options):
    """Return a finished run whose network has learnt nothing, so that it answers at random but always the same."""
    snapshot = snapshot or make_snapshot(n_questions=20)
    recipe = Config.default(network, size_px, 12).to_json() | options
    recipe.pop("seed")
    run = make_run(snapshot, network=network, config=recipe, status="finished", finished_at=timezone.now())
    model, novelty = exported(run.options, snapshot.n_classes)
    return keep(run, onnx=model, novelty=novelty)


@lru_cache
def exported(config, n_classes):
    """An untrained network as ONNX, and what is familiar to it: pictures of noise, as tests have them."""
    torch.manual_seed(0)
    untrained = build(config, n_classes).eval()
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (400, config.size_px, config.size_px, 3), dtype=np.uint8)
    with torch.no_grad():
        for parameter in untrained.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        seen = untrained.penultimate(torch.from_numpy(noise).permute(0, 3, 1, 2) / 255).numpy()
    novelty = Novelty.fit((seen[:200], noise[:200]), (seen[200:], noise[200:]))
    model = to_onnx(untrained, config.size_px, {})
    return model.SerializeToString(), novelty.to_bytes(temperature=np.float64(2))


def keep(run, **files):
    """Store files of a run."""
    names = {
        name: private_storage().save(f"runs/{run.pk}/{name}", ContentFile(data))
        for name, data in files.items()
    }
    Run.objects.filter(pk=run.pk).update(**names)
    run.refresh_from_db()
    return run


def val_picture(run):
    """Return the validation picture of the run's collection that pages show first."""
    pictures = Image.objects.filter(split=VAL, questions__collection=run.snapshot.collection)
    return pictures.order_by("sha256").first()
