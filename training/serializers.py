from rest_framework import serializers

from training.models import Epoch, Run


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    class Meta:
        model = Epoch
        fields = [
            "number", "train_loss", "val_loss", "val_top1_error", "val_top5_error", "learning_rate",
            "pictures_per_second", "seconds",
        ]  # fmt: skip


class RunSerializer(serializers.ModelSerializer[Run]):
    epochs = EpochSerializer(many=True, read_only=True)

    class Meta:
        model = Run
        fields = [
            "id", "snapshot", "network", "seed", "config", "status", "error", "n_parameters", "created_at",
            "started_at", "finished_at", "epochs",
        ]  # fmt: skip
