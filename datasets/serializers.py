from contextlib import suppress
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.fields import ToldField
from datasets import downloads
from datasets.card import public_card
from datasets.choosing import Choice
from datasets.models import Edition, Freezing, Snapshot
from datasets.publishing import AtWorkError, current_edition


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    collection: serializers.SlugRelatedField = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    classes = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="The wnid of each class, in the order of labels.",
    )
    card = serializers.SerializerMethodField(
        help_text="The data card. Counts of test pictures by class are there for those who edit the collection."
    )

    class Meta:
        model = Snapshot
        fields = [
            "id", "collection", "number", "digest", "seal", "options", "n_images", "n_remainder", "classes",
            "min_confidence", "taxonomy_version", "card", "created_at",
        ]  # fmt: skip

    def get_card(self, snapshot: Snapshot) -> dict[str, Any]:
        may_know = snapshot.collection.is_edited_by(self.context["request"].user)
        return snapshot.card if may_know else public_card(snapshot.card)


class SnapshotFileSerializer(serializers.Serializer[downloads.Entry]):
    """A file that can be downloaded."""

    name = serializers.CharField()
    url = serializers.URLField()
    n_bytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True, help_text="Null until it is worked out.")
    media_type = serializers.CharField()


class SnapshotPageSerializer(SnapshotSerializer):
    """A snapshot with its files."""

    n_held_back = serializers.SerializerMethodField(
        help_text="Rows that are left out of downloads since; null while the files are being made anew."
    )
    files = serializers.SerializerMethodField()

    class Meta(SnapshotSerializer.Meta):
        fields = [*SnapshotSerializer.Meta.fields, "n_held_back", "files"]

    edition: Edition | None = None  # of the snapshot that is being told of

    def to_representation(self, instance: Snapshot) -> dict[str, Any]:
        with suppress(AtWorkError):
            self.edition = current_edition(instance)
        return super().to_representation(instance)

    def get_n_held_back(self, snapshot: Snapshot) -> int | None:
        return self.edition.n_held_back if self.edition else None

    @extend_schema_field(SnapshotFileSerializer(many=True))
    def get_files(self, snapshot: Snapshot) -> list[dict[str, Any]]:
        entries = downloads.listing(self.edition) if self.edition else []
        return [
            {
                "name": entry.name,
                "url": self._url(snapshot, entry.name),
                "n_bytes": entry.n_bytes,
                "sha256": entry.sha256,
                "media_type": entry.media_type,
            }
            for entry in entries
        ]

    def _url(self, snapshot: Snapshot, name: str) -> str:
        at = reverse("datasets:file", args=[snapshot.collection.slug, snapshot.number, name])
        return str(self.context["request"].build_absolute_uri(at))


class ChoiceSerializer(serializers.Serializer[Choice]):
    """What goes into a snapshot."""

    min_confidence = serializers.FloatField(
        required=False, allow_null=True, help_text="Above 0 and up to 1; left out, the collection’s target."
    )
    classes = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        allow_null=True,
        help_text="The wnid of each class in the order of labels, at any depth; left out, the collection’s own.",
    )
    with_votes = serializers.BooleanField(
        required=False, help_text="The votes on training and validation pictures go in too, by pseudonyms."
    )
    may_lack = serializers.BooleanField(required=False, help_text="A class may have no picture in some part.")

    def create(self, validated_data: dict[str, Any]) -> Choice:
        return Choice.from_json(validated_data)


class FreezingSerializer(serializers.ModelSerializer[Freezing]):
    """One freezing, and how far it is or how it ended."""

    detail = ToldField(source="error", read_only=True, help_text="Why it has failed.")
    n_read = serializers.IntegerField(source="parts.count", read_only=True, help_text="Parts that were read.")
    is_new = serializers.BooleanField(
        read_only=True,
        help_text="False where nothing had changed since `snapshot`, so that no new one was made.",
    )
    took_s = serializers.FloatField(read_only=True, allow_null=True, help_text="Seconds that it took.")

    class Meta:
        model = Freezing
        fields = [
            "id", "state", "cause", "options", "detail", "n_parts", "n_read", "snapshot", "is_new", "took_s",
            "created_at", "started_at", "heartbeat_at", "finished_at",
        ]  # fmt: skip
