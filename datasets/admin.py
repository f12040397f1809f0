from django.contrib import admin

from accounts.admin import KeptAsMadeAdmin
from datasets.models import Snapshot


@admin.register(Snapshot)
class SnapshotAdmin(KeptAsMadeAdmin):
    list_display = ("__str__", "n_images", "min_confidence", "digest", "created_at")
    list_select_related = ("collection",)
    exclude = ("manifest",)
