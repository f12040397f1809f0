from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling.intake import Status
from labeling.models import MOST_LEASES, Collection, Lease, Vote
from taxonomy.models import Synset

MOST_VOTES = 200  # in one request


class ClassSerializer(serializers.ModelSerializer[Synset]):
    class Meta:
        model = Synset
        fields = ["wnid", "name", "gloss"]


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    root = serializers.CharField(source="root.wnid", read_only=True)  # type: ignore[assignment]  # DRF's own `root`
    classes = ClassSerializer(source="offered", many=True, read_only=True)

    class Meta:
        model = Collection
        fields = [
            "slug", "name", "guide", "root", "classes", "is_open", "target_confidence", "min_votes", "max_votes",
        ]  # fmt: skip


class LeaseRequestSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=1, max_value=MOST_LEASES, default=1)


class LeaseSerializer(serializers.ModelSerializer[Lease]):
    image_url = serializers.CharField(source="question.image.get_display_url", read_only=True)
    width = serializers.IntegerField(source="question.image.width", read_only=True)
    height = serializers.IntegerField(source="question.image.height", read_only=True)
    words = serializers.CharField(source="question.words", read_only=True, help_text="What is asked.")
    choices = serializers.SerializerMethodField(
        help_text="The nouns to choose from where they are not the collection's classes; otherwise null."
    )

    class Meta:
        model = Lease
        fields = ["id", "image_url", "width", "height", "expires_at", "words", "choices"]

    @extend_schema_field(ClassSerializer(many=True, allow_null=True))
    def get_choices(self, lease: Lease) -> list[dict[str, Any]] | None:
        question = lease.question
        if question.narrowing is None:
            return None
        return list(ClassSerializer(question.offered(), many=True).data)


class PicturesSerializer(serializers.Serializer[Any]):
    """Pictures that are sent to a collection, and where all of them come from."""

    files = serializers.ListField(
        child=serializers.FileField(max_length=300, allow_empty_file=True),
        allow_empty=False,
        help_text="JPEG, PNG or WebP pictures, or ZIP and TAR archives of them.",
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF's own `source`
        max_length=300, required=False, allow_blank=True
    )
    licence = serializers.CharField(max_length=100, required=False, allow_blank=True)
    credit = serializers.CharField(max_length=200, required=False, allow_blank=True)


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    name = serializers.CharField(help_text="Behind that of its archive, if it came in one.")
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    detail = serializers.CharField(source="why", allow_blank=True, help_text="Why it was refused.")
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the picture as it is kept.")
    near = serializers.ListField(
        child=serializers.CharField(), help_text="SHA-256 of pictures of the collection that it looks like."
    )


class IntakeSerializer(serializers.Serializer[Any]):
    n_added = serializers.IntegerField(source="counts.n_added")
    n_there = serializers.IntegerField(source="counts.n_there", help_text="Here before, and as they were.")
    n_refused = serializers.IntegerField(source="counts.n_refused")
    files = OutcomeSerializer(many=True)


class LeasesSerializer(serializers.Serializer[Any]):
    """Every lease that the annotator holds here, the oldest first; a sentence where there is none."""

    leases = LeaseSerializer(many=True)
    is_finished = serializers.BooleanField(help_text="Nothing is left for you; false: ask again in a moment.")
    detail = serializers.CharField(allow_blank=True)


class VoteSerializer(serializers.Serializer[Any]):
    lease = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of a lease that you hold."
    )
    synset = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The wnid of one of the collection's classes.",
    )
    answer = serializers.ChoiceField(choices=Vote.Answer.choices, default=Vote.Answer.PRESENT)
    seconds = serializers.FloatField(min_value=0, required=False, allow_null=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if bool(data.get("synset")) != (data["answer"] == Vote.Answer.PRESENT):
            raise serializers.ValidationError(
                "Expected a synset with the answer present, and none with cannot_tell.",
                code="synset_and_answer",
            )
        return data


class VotesSerializer(serializers.Serializer[Any]):
    votes = serializers.ListField(child=VoteSerializer(), min_length=1, max_length=MOST_VOTES)


class VoteResultSerializer(serializers.Serializer[Any]):
    lease = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["recorded", "repeated", "refused"])
    detail = serializers.CharField(allow_blank=True)


class VoteResultsSerializer(serializers.Serializer[Any]):
    results = VoteResultSerializer(many=True)
