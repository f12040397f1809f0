"""A network and a picture -> all that is told of why the one takes the other for what it does. Pure."""

import time
from collections.abc import Callable

import numpy as np
import torch

from training.attribution import (
    GRAY,
    grad_cam,
    integrated_gradients,
    log_odds,
    occlusion,
    probabilities,
    window_of,
)  # fmt: skip
from training.augmenting import scaled
from training.classifier import Classifier
from training.dataset import Bytes
from training.explained import GRAD_CAM, GRADIENTS, OCCLUSION, Explained
from training.faithfulness import Floats, delete, random_orders


def explain(network: Classifier, picture: Bytes, label: int | None, beat: Callable[[], None]) -> Explained:
    """Work out why `network` gives `picture`, (size, size, 3) uint8, the class `label`; None for what it answers.

    beat: called whenever pictures go through the network; whatever it raises ends the work.
    """
    hook = network.register_forward_pre_hook(lambda _network, _pictures: beat())
    try:
        return _explain(network, picture, label)
    finally:
        hook.remove()


def _explain(network: Classifier, picture: Bytes, label: int | None) -> Explained:
    began = time.monotonic()
    shown = scaled(torch.from_numpy(np.array(picture))[None])[0]  # (3, size, size)
    said = probabilities(network, shown[None])[0]
    label = int(said.argmax()) if label is None else label
    gradients = integrated_gradients(network, shown, label)
    maps = {GRADIENTS: gradients.map, OCCLUSION: occlusion(network, shown, label)}
    stages = grad_cam(network, shown, label)
    if stages:
        maps[GRAD_CAM] = stages[list(stages)[-1]]

    def answer(pictures: Floats) -> Floats:
        return probabilities(network, torch.from_numpy(pictures))[:, label]

    pixels = shown.numpy()
    seed = int.from_bytes(picture.tobytes()[:8], "big")  # the same picture has the same random orders
    at_random = random_orders(answer, pixels, GRAY, seed)
    return Explained(
        picture=np.asarray(picture),
        probabilities=said,
        label=label,
        log_odds=log_odds(network, shown, label),
        explained=gradients.explained,
        delta=gradients.delta,
        n_steps=gradients.n_steps,
        window_px=window_of(picture.shape[0])[0],
        maps=maps,
        stages=stages,
        deletions={name: delete(answer, pixels, GRAY, each, at_random) for name, each in maps.items()},
        seconds=time.monotonic() - began,
    )
