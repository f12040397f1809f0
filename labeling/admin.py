from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import KeptAsMadeAdmin
from labeling.models import (
    Arrival,
    Collection,
    CollectionClass,
    ConsensusFit,
    Image,
    Lease,
    Narrowing,
    Question,
    Reclass,
    Relabel,
    Skill,
    Vote,
    Walk,
)


class CollectionClassInline(admin.TabularInline):
    model = CollectionClass
    raw_id_fields = ("synset",)
    extra = 1
    min_num = 1
    validate_min = True


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "is_open", "target_confidence", "min_votes", "max_votes")
    raw_id_fields = ("root", "owner")
    prepopulated_fields = {"slug": ("name",)}
    inlines = [CollectionClassInline]


@admin.register(Image)
class ImageAdmin(admin.ModelAdmin):
    list_display = ("__str__", "width", "height", "source", "licence", "withdrawn_at")
    search_fields = ("sha256", "source")
    readonly_fields = (
        "sha256",
        "split",
        "file",
        "display",
        "thumbnail",
        "width",
        "height",
        "perceptual_hash",
    )
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Arrival)
class ArrivalAdmin(KeptAsMadeAdmin):
    list_display = ("sha256", "image")
    list_select_related = ("image",)


@admin.register(Question)
class QuestionAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "collection", "state", "label", "confidence", "n_votes", "truth")
    list_filter = ("collection", "state")
    list_select_related = ("collection", "label", "truth")


@admin.register(Vote)
class VoteAdmin(KeptAsMadeAdmin):
    list_display = ("question_id", "annotator", "synset", "answer", "seconds", "cast_at")
    list_filter = ("answer", "question__collection")
    list_select_related = ("annotator", "synset")


@admin.register(Lease)
class LeaseAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "question_id", "annotator", "expires_at")
    list_select_related = ("annotator",)


@admin.register(Walk)
class WalkAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "annotator", "position")
    list_select_related = ("collection", "annotator")


@admin.register(Skill)
class SkillAdmin(KeptAsMadeAdmin):
    list_display = ("annotator", "collection", "mean", "right", "wrong")
    list_filter = ("collection",)
    list_select_related = ("collection", "annotator")


@admin.register(ConsensusFit)
class ConsensusFitAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "collection", "n_votes", "log_likelihood", "taxonomy_version", "created_at")
    list_filter = ("collection",)


@admin.register(Narrowing)
class NarrowingAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "noun", "stands_at", "is_over")
    list_select_related = ("collection", "noun", "stands_at")


@admin.register(Reclass)
class ReclassAdmin(KeptAsMadeAdmin):
    list_display = ("draft", "collection", "root_before", "root_after")
    list_select_related = ("draft", "collection", "root_before", "root_after")


@admin.register(Relabel)
class RelabelAdmin(KeptAsMadeAdmin):
    list_display = (
        "draft",
        "question_id",
        "label_before",
        "label_after",
        "state_before",
        "state_after",
        "is_flip",
    )
    list_select_related = ("draft", "label_before", "label_after")
