from django.contrib import admin

from accounts.admin import KeptAsMadeAdmin
from training.models import Checkpoint, Epoch, Explanation, Run, TrainingPolicy


@admin.register(Run)
class RunAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "snapshot", "status", "attempt", "created_at", "finished_at")
    list_filter = ("status", "network")
    list_select_related = ("snapshot__collection",)


@admin.register(Epoch)
class EpochAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "train_loss", "val_loss", "val_top1_error")
    list_select_related = ("run",)


@admin.register(Checkpoint)
class CheckpointAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "created_at")
    list_select_related = ("run",)


@admin.register(Explanation)
class ExplanationAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "status", "attempt", "created_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("run",)


@admin.register(TrainingPolicy)
class TrainingPolicyAdmin(admin.ModelAdmin):
    list_display = ("__str__", "size_px", "after")
    readonly_fields = ("networks", "size_px", "after")  # the page that sets them checks them
    list_select_related = ("collection",)
