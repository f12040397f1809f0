"""What networks say of pictures, and the labels that they dispute, for programs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from labeling.models import Dispute, Finding
from labeling.why_serializers import NounSerializer
from taxonomy.models import Synset

MOST_PREDICTIONS = 10_000  # in one request


class PredictionSerializer(serializers.Serializer[Any]):
    """What a network says of one picture."""

    picture = serializers.CharField(help_text="Its SHA-256, or its file's name, which begins with it.")
    probabilities = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Of nouns of the collection, by wnid or name: 0 to 1, and 1 at most together; what is left is "
        "shared out among the nouns that are not named.",
    )
    learnt = serializers.BooleanField(
        default=False,
        help_text="The network learnt from this picture's label, so its word helps to decide nothing.",
    )


class PredictionsSerializer(serializers.Serializer[Any]):
    network = serializers.CharField(max_length=100, help_text="Which network: any words, the same each time.")
    predictions = serializers.ListField(
        child=PredictionSerializer(), min_length=1, max_length=MOST_PREDICTIONS
    )


class KeptSerializer(serializers.Serializer[Any]):
    network = serializers.CharField()
    n_kept = serializers.IntegerField(help_text="Pictures on which its word is kept now.")


class DisputeSerializer(serializers.ModelSerializer[Dispute]):
    """A settled label that a network holds for wrong, and what people said when they were asked again."""

    question = serializers.IntegerField(source="question_id")
    image = serializers.CharField(source="question.image.sha256", help_text="The SHA-256 of its picture.")
    network = serializers.CharField(source="network.name")
    before = serializers.SerializerMethodField(help_text="What it had been settled as; null: not shown.")
    claim = serializers.SerializerMethodField(help_text="What the network says.")
    now = serializers.SerializerMethodField(help_text="Its label today.")
    finding = serializers.SerializerMethodField(help_text="What came of it.")

    class Meta:
        model = Dispute
        fields = [
            "question", "image", "network", "before", "claim", "probability", "n_votes", "made_at", "now", "finding",
        ]  # fmt: skip

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_before(self, dispute: Dispute) -> Any:
        return _noun(dispute.label)

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_claim(self, dispute: Dispute) -> Any:
        return _noun(dispute.claim)

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_now(self, dispute: Dispute) -> Any:
        return _noun(dispute.question.label)

    @extend_schema_field(serializers.ChoiceField(choices=Finding.choices))
    def get_finding(self, dispute: Dispute) -> str:
        return dispute.came_to(self.context["becomes"]).value


class FindingsSerializer(serializers.Serializer[Any]):
    """How many disputes came to what."""

    open = serializers.IntegerField(help_text="Being asked again.")
    upheld = serializers.IntegerField(help_text="People said the label again.")
    changed = serializers.IntegerField(help_text="It has another label now.")
    undecided = serializers.IntegerField(help_text="It was given up.")


@extend_schema_serializer(many=False)  # a page, and not one for each dispute
class DisputesSerializer(serializers.Serializer[Any]):
    """A page of disputes, and what came of all of them."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    findings = FindingsSerializer()
    results = DisputeSerializer(many=True)


def _noun(noun: Synset | None) -> Any:
    """Tell of a noun; nothing of a sensitive one, which no page shows either."""
    return None if noun is None or noun.is_sensitive else NounSerializer(noun).data
