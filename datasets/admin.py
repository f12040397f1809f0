from django.contrib import admin

from accounts.admin import KeptAsMadeAdmin
from datasets.models import Edition, FreezePolicy, Freezing, FreezingPart, Snapshot


@admin.register(Snapshot)
class SnapshotAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "n_images", "n_remainder", "min_confidence", "digest", "created_at")
    list_select_related = ("collection",)
    # Where files lie is nobody's business; test labels could be tried against the content's SHA-256.
    exclude = ("manifest", "remainder", "votes", "content")


@admin.register(Edition)
class EditionAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "n_held_back", "created_at")
    list_select_related = ("snapshot__collection",)


@admin.register(Freezing)
class FreezingAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "state", "cause", "asked_by", "snapshot", "created_at", "finished_at")
    list_filter = ("state", "cause")
    list_select_related = ("collection", "asked_by", "snapshot__collection")


@admin.register(FreezingPart)
class FreezingPartAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "number")
    list_select_related = ("freezing__collection",)
    # Its counts tell how many test pictures each noun has.
    exclude = ("folder", "found")


@admin.register(FreezePolicy)
class FreezePolicyAdmin(admin.ModelAdmin):
    list_display = ("collection", "every", "n_since")
    readonly_fields = ("options",)  # the page that sets them checks them
    list_select_related = ("collection",)
