"""Rows <-> what a network says: taken in from whoever asked it, and read again for a refit.

Labels that a network helped to make never measure it. Of each prediction it is written down what it may be used for
(`Prediction.Use`): a network has a say in pictures of the training part alone, from whose labels it has not learnt;
it is measured by those of the other parts, whose labels stand on people's votes by themselves; and what it has learnt
by heart is neither. See docs/decisions/0017-a-networks-word.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from labeling import consensus
from labeling.models import Choices, Collection, Image, Keys, Network, Prediction
from labeling.prediction_files import Saying
from taxonomy.models import Synset

BATCH = 2000
LEAST_MEASURED = 20  # pictures with votes by which a network is measured; with fewer nobody heeds it
MOST_MEASURED = 5_000  # and with more those at the lowest of their random positions


class PredictionRefusedError(ValueError):
    """What a network says does not fit the collection; the message says where. Nothing of it was kept."""


@transaction.atomic
def take_in(collection: Collection, name: str, sayings: Iterable[Saying]) -> int:
    """Keep what the network `name` says of pictures of `collection`, in place of what any said of them before; return
    of how many. All of it is kept, or nothing.

    Raises PredictionRefusedError, with the line, for a picture or noun that is none of the collection's, or a
    picture that comes twice; prediction_files.PredictionFileError where `sayings` does.
    """
    heard = hear(collection, name)
    nouns = _Nouns(collection)
    seen: set[int] = set()
    rest = iter(sayings)
    while batch := list(islice(rest, BATCH)):
        questions = _questions(collection, batch)
        rows = []
        for saying in batch:
            question, split = _question(questions, saying)
            if question in seen:
                raise PredictionRefusedError(
                    _("%(where)s: expected each picture once; found %(picture)s again.")
                    % {"where": saying.where, "picture": repr(saying.picture)}
                )
            seen.add(question)
            probability = nouns.keys_of(saying)
            rows.append(Prediction.of(heard, question, split, probability, is_learnt=saying.is_learnt))
        Prediction.objects.replace(rows)
    return len(seen)


def hear(collection: Collection, name: str) -> Network:
    """Return the network of this name, heard just now. Raises PredictionRefusedError if it cannot be heeded."""
    longest = Network._meta.get_field("name").max_length or 0
    if not name.strip() or len(name) > longest:
        raise PredictionRefusedError(
            _("Network: expected a name of 1 to %(longest)s characters; found %(n)s.")
            % {"longest": longest, "n": len(name)}
        )
    if collection.is_verifying:
        raise PredictionRefusedError(
            _(
                "Expected a collection that asks which noun a picture shows; %(collection)s asks about "
                "one noun at a time."
            )
            % {"collection": collection}
        )
    return Network.objects.hear(collection, name.strip())


def _questions(collection: Collection, batch: Sequence[Saying]) -> dict[str, tuple[int, str]]:
    """Return the question of each picture, with the picture's part, by the SHA-256 that names it."""
    images = Image.objects.sent_as({saying.sha256 for saying in batch})
    asked = collection.questions.filter(image__among=images.values())
    rows = {image: (pk, split) for pk, image, split in asked.values_list("pk", "image", "image__split")}
    return {sha256: rows[image] for sha256, image in images.items() if image in rows}


def _question(questions: Mapping[str, tuple[int, str]], saying: Saying) -> tuple[int, str]:
    found = questions.get(saying.sha256)
    if found is None:
        raise PredictionRefusedError(
            _(
                "%(where)s: expected the SHA-256 or file name of a picture of the collection; found "
                "%(picture)s."
            )
            % {"where": saying.where, "picture": repr(saying.picture)}
        )
    return found


class _Nouns:
    """The nouns that a network may name: the classes of a collection and the inner nouns, by wnid or name."""

    def __init__(self, collection: Collection) -> None:
        choices = Choices.now(collection)
        self.collection = collection
        self._keys: dict[str, int | None] = {}
        for noun in (*choices.synsets, *choices.inner):
            self._keys[noun.name] = None if noun.name in self._keys else noun.pk  # None: it means two
        self._keys |= {noun.wnid: noun.pk for noun in (*choices.synsets, *choices.inner)}
        becomes = choices.becomes
        came = [pk for pk, today in becomes.items() if choices.place(today) is not None]
        gone = Synset.objects.filter(pk__among=came)
        self._keys |= {wnid: pk for pk, wnid in gone.values_list("pk", "wnid") if wnid not in self._keys}

    def keys_of(self, saying: Saying) -> dict[int, float]:
        """Return the probabilities of nouns by their keys."""
        found: dict[int, float] = {}
        for name, probability in saying.probability.items():
            key = self._keys.get(name)
            if key is None:
                wanted = (
                    "a wnid, since the name means two nouns"
                    if name in self._keys
                    else "the wnid or name of a noun"
                )
                raise PredictionRefusedError(
                    f"{saying.where}: expected {wanted} of {self.collection}; found {name!r}."
                )
            found[key] = found.get(key, 0.0) + probability
        return found


@dataclass(frozen=True, eq=False)
class Foretold:
    """What a refit is told of a network: its word on questions that have votes. Without any that can be measured both
    are None.
    """

    network: Network | None
    probabilities: consensus.Probabilities | None
    heard_at: datetime | None  # when any last said something
    uses_predictions: bool  # the collection's policy

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept of it with the fit."""
        return {
            "network": self.network,
            "heard_at": self.heard_at,
            "uses_predictions": self.uses_predictions,
        }


def read(collection: Collection, choices: Choices, keys: Keys) -> Foretold:
    """Return what the newest network that can be measured says of the questions of `keys`. Where the collection's
    policy lets no network help, it is measured all the same, for disputes.

    Memory is in questions x classes of those in which it has a say: a fit holds its word on each class.
    """
    networks = [] if collection.is_verifying else list(Network.objects.of(collection))
    heard_at = networks[0].heard_at if networks else None
    for network in networks:
        said = network.predictions.filter(question__n_votes__gt=0)
        if said.filter(use=Prediction.Use.MEASURES)[:LEAST_MEASURED].count() == LEAST_MEASURED:
            probabilities = _probabilities(collection, choices, keys, network)
            return Foretold(network, probabilities, heard_at, collection.uses_predictions)
    return Foretold(None, None, heard_at, collection.uses_predictions)


def _probabilities(
    collection: Collection, choices: Choices, keys: Keys, network: Network
) -> consensus.Probabilities:
    """Return its word on each of the questions in which it has a say, and on some of the others, which measure it; on
    none of those that it has learnt by heart.
    """
    item_of = {pk: item for item, pk in enumerate(keys.questions)}
    said = network.predictions.filter(question__n_votes__gt=0)
    helps = said.filter(use=Prediction.Use.HELPS) if collection.uses_predictions else said.none()
    measures = said.exclude(use=Prediction.Use.LEARNT).exclude(pk__in=helps.values("pk"))
    some = measures.order_by("question__position")[:MOST_MEASURED]
    rows = [(pk, likeliest, True) for pk, likeliest in helps.values_list("pk", "likeliest").iterator()]
    rows += [(pk, likeliest, False) for pk, likeliest in some.values_list("pk", "likeliest")]
    rows = [row for row in rows if row[0] in item_of]  # others got their first vote just now
    q = np.zeros((len(rows), len(choices.synsets)))
    for place, (_pk, likeliest, _may_help) in enumerate(rows):
        q[place] = choices.foretold(likeliest)
    item = np.array([item_of[pk] for pk, _likeliest, _may_help in rows], dtype=np.int64)
    may_help = np.array([may_help for _pk, _likeliest, may_help in rows], dtype=np.bool_)
    return consensus.Probabilities(item, q, may_help)


def pictures_of(collection: Collection, heard: Network) -> Iterator[list[tuple[int, str, str, str]]]:
    """Yield batches of (question, SHA-256, file, part) of the pictures on which `heard` has said nothing yet, so that
    whoever asks a network for all of them can stop and go on.
    """
    left = collection.questions.filter(image__withdrawn_at=None).exclude(prediction__network=heard)
    keys = list(left.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        rows = collection.questions.filter(pk__in=keys[start : start + BATCH]).order_by("pk")
        yield list(rows.values_list("pk", "image__sha256", "image__file", "image__split"))
