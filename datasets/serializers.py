from rest_framework import serializers

from datasets.models import Snapshot


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    collection: serializers.SlugRelatedField = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    classes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Snapshot
        fields = [
            "id", "collection", "number", "digest", "n_images", "classes", "min_confidence",
            "taxonomy_version", "card", "created_at",
        ]  # fmt: skip
