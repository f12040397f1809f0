"""Claimed Explanation rows -> a picture and a network -> maps and their tests -> files. Runs in a child process."""

import time
from collections.abc import Callable

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from config.storage import private_storage
from labeling.models import Image
from training.attribution import AttributionError
from training.checkpointing import CheckpointError
from training.classifier import Classifier
from training.dataset import Bytes
from training.models import Explanation, Run
from training.packing import PackError, square
from training.telling import explain
from training.trained import trained_network

# A child takes on what waits for its run for as long, so that it need not load PyTorch for each; then its worker
# looks whether others wait.
TAKES_ON_FOR_S = 60.0
BEATS_EVERY_S = 2.0


class UnexplainableError(ValueError):
    """The run has no network, or the picture is not there to be explained."""


class ExplanationLostError(Exception):
    """Another worker has the explanation: this process has nothing left to do for it."""


# What can be wrong with an explanation itself, each with a sentence for whoever asked.
ERRORS = (AttributionError, CheckpointError, PackError, UnexplainableError)


def explain_claimed(first: Explanation) -> int:
    """Explain a claimed one, then whatever else waits for its run; return how many those were.

    Safe to be killed at any moment. What is wrong with one is kept on it; anything else is raised as well.
    """
    ends_at = time.monotonic() + TAKES_ON_FOR_S
    network: Classifier | None = None
    claimed, n = first, 0
    while True:
        try:
            network = network or _network(claimed.run)
            _explain(claimed, network)
        except ExplanationLostError:
            pass  # whoever has it answers for it
        except ERRORS as error:
            claimed.fail(str(error))
        except Exception as error:
            claimed.fail(f"Expected to explain it; found {type(error).__name__}: {error}")
            raise
        n += 1
        following = Explanation.objects.claim_next(first.run_id) if time.monotonic() < ends_at else None
        if following is None:
            return n
        claimed = following


def _network(run: Run) -> Classifier:
    if run.status != Run.Status.FINISHED or not run.weights:
        raise UnexplainableError(
            _("Expected a finished run; %(run)s is %(status)s.")
            % {"run": run, "status": run.get_status_display()}
        )
    # On the CPU: a GPU may be training, and few pictures come here at a time.
    return trained_network(run)


def _explain(claimed: Explanation, network: Classifier) -> None:
    beat = _beating(claimed)
    beat()
    classes = claimed.run.snapshot.classes
    if claimed.wnid and claimed.wnid not in classes:
        raise UnexplainableError(
            _("Expected one of the run's classes; found %(claimed)s.") % {"claimed": claimed.wnid}
        )
    picture = _picture(claimed)
    explained = explain(network, picture, classes.index(claimed.wnid) if claimed.wnid else None, beat)
    name = private_storage().save(
        f"runs/{claimed.run_id}/explanations/{claimed.pk}-{claimed.attempt}.npz",
        ContentFile(explained.to_bytes()),
    )
    if not claimed.finish(name):
        private_storage().delete(name)


def _beating(claimed: Explanation) -> Callable[[], None]:
    """Return a function that says that this attempt lives, not oftener than is of use."""
    last = -float("inf")

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last < BEATS_EVERY_S:
            return
        last = time.monotonic()
        if not claimed.beat():
            raise ExplanationLostError(
                _("%(claimed)s is not this attempt's any more.") % {"claimed": claimed}
            )

    return beat


def _picture(claimed: Explanation) -> Bytes:
    image = Image.objects.shown().filter(sha256=claimed.sha256).first()
    if image is None:
        raise UnexplainableError(_("Expected a picture that is shown; it was withdrawn."))
    try:
        with default_storage.open(image.file.name or "") as file:
            return square(file.read(), claimed.run.options.size_px)
    except FileNotFoundError as error:
        raise UnexplainableError(
            _("Expected the picture %(file)s in the storage; it is not there.") % {"file": image.file.name}
        ) from error
