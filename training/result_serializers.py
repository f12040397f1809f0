"""What a finished network gets right and wrong, for programs."""

from typing import Any

import numpy as np
from rest_framework import serializers

from labeling.asking_again import Asking
from labeling.models import Finding
from training.results import Fared, Mistake, Results

MOST_MISTAKES = 1000  # in one answer
MOST_ASKED = 1000  # pictures in one request


class LimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST_MISTAKES, default=100)


class FaredSerializer(serializers.Serializer[Any]):
    """How one class fared. A share of nothing is null."""

    wnid = serializers.CharField()
    name = serializers.CharField()
    n = serializers.IntegerField(help_text="Pictures of it.")
    n_right = serializers.IntegerField(help_text="Of those, how many it was answered for.")
    recall = serializers.FloatField(allow_null=True, help_text="n_right / n.")
    precision = serializers.FloatField(
        allow_null=True, help_text="n_right by the pictures for which it was answered."
    )
    f1 = serializers.FloatField(allow_null=True, help_text="Their harmonic mean.")
    taken_for = serializers.CharField(
        allow_null=True, help_text="The wnid of what it is most often taken for; null: nothing, or not shown."
    )
    n_taken_for = serializers.IntegerField()


class CellSerializer(serializers.Serializer[Any]):
    label = serializers.CharField(help_text="Of pictures, a wnid.")  # type: ignore[assignment]
    answer = serializers.CharField(help_text="What they were taken for; a wnid.")
    n = serializers.IntegerField()


class AnswersSerializer(serializers.Serializer[Any]):
    """What a network answers on the validation split."""

    n_pictures = serializers.IntegerField(help_text="Without those that were withdrawn since.")
    top1 = serializers.FloatField(help_text="The share that is right, 0 to 1.")
    top1_interval = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, help_text="Wilson's, 95 %."
    )
    top5 = serializers.FloatField(
        allow_null=True, help_text="Whose label is among five guesses; null with five classes or fewer."
    )
    calibration_error = serializers.FloatField(
        help_text="How far confidences are from shares that are right, on average."
    )
    temperature = serializers.FloatField(
        help_text="What logits are to be divided by; above 1 the network is too sure of itself."
    )
    tempered_error = serializers.FloatField(help_text="The calibration error once that is done.")
    severity = serializers.FloatField(
        allow_null=True, help_text="How high one climbs from mistakes to a common hypernym, on average."
    )
    classes = FaredSerializer(many=True)
    confusion = CellSerializer(many=True, help_text="Pairs that came up, right ones too.")


class GuessSerializer(serializers.Serializer[Any]):
    wnid = serializers.CharField(allow_null=True, help_text="Null: a noun that is not shown.")
    probability = serializers.FloatField()


class MistakeSerializer(serializers.Serializer[Any]):
    image = serializers.CharField(help_text="The SHA-256 of the picture.")
    label = serializers.CharField(help_text="Its class in the snapshot; a wnid.")  # type: ignore[assignment]
    probability_of_label = serializers.FloatField()
    guesses = GuessSerializer(many=True, help_text="The likeliest first.")
    may_be_asked_again = serializers.BooleanField(
        required=False, help_text="Told whoever edits the collection."
    )
    finding = serializers.ChoiceField(
        choices=Finding.choices,
        allow_null=True,
        required=False,
        help_text="What came of asking again; null where nobody was. Told whoever edits the collection.",
    )


class MistakesSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Mistakes in all.")
    results = MistakeSerializer(many=True)


class AskAgainSerializer(serializers.Serializer[Any]):
    sha256 = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_ASKED
    )


class AskedAgainSerializer(serializers.Serializer[Any]):
    """How many of the pictures are asked about again."""

    n_asked = serializers.IntegerField(help_text="One more person will see each.")
    n_already = serializers.IntegerField(help_text="People are being asked, or were for this run.")
    n_left = serializers.IntegerField(
        help_text="Gold, withdrawn, without a label that stands, no picture of the validation split, or one that the "
        "network is right about."
    )


def told_answers(found: Results) -> dict[str, Any]:
    """Return what AnswersSerializer describes. Nothing is told of nouns that no page shows."""
    return {
        "n_pictures": found.n,
        "top1": found.accuracy,
        "top1_interval": list(found.interval),
        "top5": found.top5,
        "calibration_error": found.calibration_error,
        "temperature": found.answers.temperature,
        "tempered_error": found.tempered_error,
        "severity": found.severity,
        "classes": [_told(found, each) for each in found.fared()],
        "confusion": _cells(found),
    }


def _told(found: Results, each: Fared) -> dict[str, Any]:
    return {
        "wnid": each.wnid,
        "name": each.name,
        "n": each.n,
        "n_right": each.n_right,
        "recall": each.recall,
        "precision": each.precision,
        "f1": each.f1,
        "taken_for": _shown(found, each.taken_for_wnid),
        "n_taken_for": each.n_taken_for,
    }


def _cells(found: Results) -> list[dict[str, Any]]:
    classes = found.kinds.classes
    pairs = zip(*(places.tolist() for places in np.nonzero(found.confusion)), strict=True)
    return [
        {"label": classes[label], "answer": classes[answer], "n": int(found.confusion[label, answer])}
        for label, answer in pairs
        if classes[answer] not in found.hidden
    ]


def told_mistake(found: Results, each: Mistake, asking: Asking | None, *, may_ask: bool) -> dict[str, Any]:
    """Return what MistakeSerializer describes."""
    told = {
        "image": each.sha256,
        "label": each.label,
        "probability_of_label": each.of_label,
        "guesses": [
            {"wnid": _shown(found, guess.wnid), "probability": guess.probability} for guess in each.guesses
        ],
    }
    if may_ask:
        told |= {
            "may_be_asked_again": asking is not None and asking.is_possible,
            "finding": asking.finding.value if asking and asking.finding else None,
        }
    return told


def _shown(found: Results, wnid: str) -> str | None:
    return wnid if wnid and wnid not in found.hidden else None
