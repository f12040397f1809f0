"""Trainings for programs."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.retelling import told
from datasets.models import Snapshot
from training.config import NETWORKS, WHOLE_NUMBERS, ConfigError
from training.models import Epoch, Run, TrainingPolicy
from training.starting import recipe
from training.watching import place_in_queue


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    class Meta:
        model = Epoch
        fields = [
            "number", "train_loss", "val_loss", "val_top1_error", "val_top5_error", "learning_rate",
            "pictures_per_second", "seconds",
        ]  # fmt: skip


class LayerSerializer(serializers.Serializer[Any]):
    """One layer, as a picture goes through the network."""

    name = serializers.CharField()
    kind = serializers.CharField()
    says = serializers.CharField(help_text="What else is to say, as its stride; may be empty.")
    shape = serializers.ListField(child=serializers.IntegerField(), help_text="Of one picture’s output.")
    n_parameters = serializers.IntegerField()
    n_multiply_adds = serializers.IntegerField()


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run as lists have it."""

    collection: Any = serializers.SlugRelatedField(
        source="snapshot.collection", slug_field="slug", read_only=True, help_text="Its slug."
    )
    n_epochs_done = serializers.IntegerField(source="n_done", read_only=True)
    val_top1_error = serializers.FloatField(
        source="error_now", read_only=True, allow_null=True, help_text="After its last epoch."
    )
    seconds = serializers.FloatField(read_only=True, allow_null=True, help_text="Of all its epochs.")

    class Meta:
        model = Run
        fields = [
            "id", "snapshot", "collection", "network", "seed", "config", "config_digest", "status", "error",
            "n_epochs_done", "val_top1_error", "seconds", "n_parameters", "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class RunPageSerializer(RunSerializer):
    """A run by itself."""

    place_in_queue = serializers.SerializerMethodField(help_text="From 1; null where it does not wait.")
    layers = LayerSerializer(many=True, read_only=True, help_text="Empty until a trainer has built it.")
    machine = serializers.DictField(read_only=True, help_text="What it runs on, and how.")
    epochs = EpochSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "place_in_queue", "n_shown", "machine", "layers", "epochs"]

    def get_place_in_queue(self, run: Run) -> int | None:
        return place_in_queue(run)


@extend_schema_field(OpenApiTypes.OBJECT)
class OptionsField(serializers.DictField):
    """Options of a recipe, by name."""


class StartSerializer(serializers.Serializer[Any]):
    """What is to be trained. Options that are left out are those of the network's usual recipe on the snapshot."""

    snapshot = serializers.PrimaryKeyRelatedField(
        queryset=Snapshot.objects.select_related("collection"),
        help_text="Of a collection that you may edit.",
    )
    network = serializers.ChoiceField(
        choices=list(NETWORKS), required=False, help_text="May be left out where config names it."
    )
    config = OptionsField(required=False, help_text="Options, as runs tell them.")
    seed = serializers.IntegerField(required=False, min_value=0, max_value=WHOLE_NUMBERS["seed"][1])

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        said = dict(data.get("config", {}))
        network = said.setdefault("network", data.get("network"))
        if network is None:
            raise serializers.ValidationError({"network": [_("Expected the name of a network; found none.")]})
        if data.get("network", network) != network:
            found = _("Expected one network; found %(network)r and, in config, %(other)r.") % {
                "network": data["network"],
                "other": network,
            }
            raise serializers.ValidationError({"network": [found]})
        try:
            data["recipe"] = recipe(data["snapshot"], network, said, data.get("seed"))
        except ConfigError as error:
            raise serializers.ValidationError({"config": [told(error)]}, code="bad_config") from error
        return data


class TrainingPolicySerializer(serializers.ModelSerializer[TrainingPolicy]):
    """What is trained on each new snapshot of a collection; no network means nothing."""

    networks = serializers.ListField(
        child=serializers.ChoiceField(choices=list(NETWORKS)), help_text="By their usual recipes."
    )
    size_px = serializers.IntegerField(
        required=False,
        min_value=WHOLE_NUMBERS["size_px"][0],
        max_value=WHOLE_NUMBERS["size_px"][1],
        help_text="Left out: the usual size of the latest snapshot’s pictures.",
    )

    class Meta:
        model = TrainingPolicy
        fields = ["networks", "size_px", "after"]
        read_only_fields = ["after"]

    def validate_networks(self, networks: list[str]) -> list[str]:
        return list(dict.fromkeys(networks))
