from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import KeptAsMadeAdmin
from taxonomy.models import Ancestry, Change, Hypernym, Lemma, Synset


class LemmaInline(admin.TabularInline):
    model = Lemma
    extra = 0


@admin.register(Synset)
class SynsetAdmin(admin.ModelAdmin):
    list_display = ("name", "wnid", "gloss", "is_imageable", "is_sensitive")
    list_filter = ("is_imageable", "is_sensitive")
    search_fields = ("name", "wnid", "lemmas__text")
    inlines = [LemmaInline]
    readonly_fields = ("wnid",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a noun comes with its hypernyms, through an import

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # votes may name it


@admin.register(Hypernym)
class HypernymAdmin(KeptAsMadeAdmin):
    list_display = ("hyponym", "hypernym")
    list_select_related = ("hyponym", "hypernym")


@admin.register(Ancestry)
class AncestryAdmin(KeptAsMadeAdmin):
    list_display = ("ancestor", "descendant", "depth")
    list_select_related = ("ancestor", "descendant")


@admin.register(Change)
class ChangeAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "kind", "reason", "author", "created_at")
    list_select_related = ("author",)
