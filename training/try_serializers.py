from typing import Any

from rest_framework import serializers

from training.models import Run
from training.trying import Heard


class PictureSerializer(serializers.Serializer[Any]):
    picture = serializers.FileField(help_text="A JPEG, PNG or WebP picture.")


class BelievedSerializer(serializers.Serializer[Any]):
    wnid = serializers.CharField()
    name = serializers.CharField()
    probability = serializers.FloatField()


class HeardSerializer(serializers.Serializer[Heard]):
    """What a network says of a picture."""

    probabilities = serializers.SerializerMethodField(help_text="Of each class, by wnid.")
    likeliest = BelievedSerializer(source="told.likeliest", many=True)
    tree = BelievedSerializer(source="told.line", many=True)
    certain = BelievedSerializer(source="told.certain", allow_null=True)
    is_unfamiliar = serializers.BooleanField(allow_null=True)

    def get_probabilities(self, heard: Heard) -> dict[str, float]:
        run: Run = self.context["run"]
        return dict(zip(run.snapshot.classes, heard.answer.probabilities.tolist(), strict=True))
