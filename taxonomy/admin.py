from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from taxonomy.models import Ancestry, Change, Hypernym, Lemma, Synset


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only the ledger's own functions may write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LemmaInline(admin.TabularInline):
    model = Lemma
    extra = 0


@admin.register(Synset)
class SynsetAdmin(admin.ModelAdmin):
    list_display = ("name", "wnid", "gloss", "is_imageable", "is_sensitive")
    list_filter = ("is_imageable", "is_sensitive")
    search_fields = ("name", "wnid", "lemmas__text")
    inlines = [LemmaInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # votes may name it


@admin.register(Hypernym)
class HypernymAdmin(ReadOnlyAdmin):
    list_display = ("hyponym", "hypernym")
    list_select_related = ("hyponym", "hypernym")


@admin.register(Ancestry)
class AncestryAdmin(ReadOnlyAdmin):
    list_display = ("ancestor", "descendant", "depth")
    list_select_related = ("ancestor", "descendant")


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("pk", "kind", "reason", "author", "created_at")
    list_select_related = ("author",)
