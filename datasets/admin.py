from django.contrib import admin

from datasets.models import Snapshot
from labeling.admin import KeptAsMadeAdmin


@admin.register(Snapshot)
class SnapshotAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "n_images", "min_confidence", "digest", "created_at")
    list_select_related = ("collection",)
    exclude = ("manifest",)
