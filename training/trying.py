"""A picture that somebody sends -> what a network says of it. The picture lives in the request and nowhere else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest
from django.utils.translation import gettext as _

from datasets.models import Snapshot
from labeling.models import Image, Question
from labeling.splits import VAL
from taxonomy.models import Synset
from training.asking import Answer, Asked, Bytes
from training.models import Run
from training.packing import square
from training.rolling_up import Told, tell

MOST_MIB = 25  # of what is sent: a photograph of a phone takes five or so
N_EXAMPLES = 12


class InMemory(MemoryFileUploadHandler):
    """Keeps what is sent in memory where it is small enough, and drops it otherwise."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # Django's name
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        self.activated = content_length <= MOST_MIB * 2**20


def is_small_enough(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return length.isdecimal() and int(length) <= MOST_MIB * 2**20


def keep_in_memory(request: HttpRequest) -> None:
    """See to it that nothing of what is sent is written to a disk. Call it before anything reads the request."""
    request.upload_handlers = [InMemory(request)]


@dataclass(frozen=True)
class Heard:
    """What a network says of one picture, told in nouns."""

    answer: Answer
    told: Told

    @property
    def is_unfamiliar(self) -> bool | None:
        return self.answer.is_unfamiliar


def ask(run: Run, asked: Asked, pixels: Bytes) -> Heard:
    """pixels: (size_px, size_px, 3)."""
    answer = asked.answer(pixels)
    return Heard(answer, tell(shown_taxonomy(run.snapshot), answer.probabilities))


def shown_taxonomy(snapshot: Snapshot) -> dict[str, Any]:
    """Return the nouns of a snapshot, without the names of those that have been marked sensitive since."""
    taxonomy: dict[str, Any] = snapshot.taxonomy
    sensitive = Synset.objects.filter(wnid__in=taxonomy["nouns"], is_sensitive=True)
    hidden = {"name": _("a noun that is not shown"), "gloss": ""}
    unsaid = {
        wnid: {**taxonomy["nouns"][wnid], **hidden} for wnid in sensitive.values_list("wnid", flat=True)
    }
    return {**taxonomy, "nouns": {**taxonomy["nouns"], **unsaid}}


def examples(run: Run) -> Any:
    """Return validation pictures of the run's collection: no network learnt from them, and their labels are open.

    Each is a Question with its `image`, always the same ones, so that networks can be compared.
    """
    return _validation(run).order_by("image__sha256", "pk")


def example(run: Run, sha256: str) -> Image | None:
    """Return the validation picture of this SHA-256; None where the collection has no such one to show."""
    question = _validation(run).filter(image__sha256=sha256).first()
    return question.image if question else None


def _validation(run: Run) -> Any:
    settled = Question.objects.settled().filter(collection=run.snapshot.collection_id, image__split=VAL)
    shown = settled.filter(image__withdrawn_at=None, label__is_sensitive=False)
    return shown.select_related("image", "label")


def pixels_of(image: Image, size_px: int) -> Bytes:
    """Return a stored picture as networks see it. Raises FileNotFoundError, PackError."""
    with default_storage.open(image.file.name or "") as file:
        return np.array(square(file.read(), size_px))
