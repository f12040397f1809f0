"""The taxonomy in the administration: read here, and changed in the editor alone, through the ledger."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin import KeptAsMadeAdmin
from accounts.http import AuthenticatedRequest
from taxonomy import proposing
from taxonomy.models import Ancestry, Change, Draft, ExternalId, Hypernym, Lemma, Synset, Tally
from taxonomy.models.synsets import may_curate


class LemmaInline(admin.TabularInline):
    model = Lemma
    fields = ("text", "sense", "key")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Synset)
class SynsetAdmin(KeptAsMadeAdmin):
    list_display = ("name", "wnid", "gloss", "is_imageable", "is_sensitive", "is_retired")
    list_filter = ("is_imageable", "is_sensitive", "is_retired")
    search_fields = ("name", "wnid", "lemmas__text")
    inlines = [LemmaInline]
    readonly_fields = ("editor",)

    @admin.display(description=gettext_lazy("changes"))
    def editor(self, synset: Synset) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            synset.get_absolute_url(),
            _("Change it on its page, where each change is a draft."),
        )


@admin.register(Hypernym)
class HypernymAdmin(KeptAsMadeAdmin):
    list_display = ("hyponym", "hypernym", "is_instance")
    list_select_related = ("hyponym", "hypernym")
    search_fields = ("hyponym__name", "hypernym__name", "hyponym__wnid", "hypernym__wnid")


@admin.register(Ancestry)
class AncestryAdmin(KeptAsMadeAdmin):
    list_display = ("ancestor", "descendant", "depth")
    list_select_related = ("ancestor", "descendant")
    search_fields = ("=descendant__wnid", "=ancestor__wnid")


@admin.register(Tally)
class TallyAdmin(KeptAsMadeAdmin):
    list_display = ("synset", "n_pictures", "n_labels")
    list_select_related = ("synset",)
    search_fields = ("synset__name", "synset__wnid")


@admin.register(ExternalId)
class ExternalIdAdmin(KeptAsMadeAdmin):
    list_display = ("scheme", "version", "value", "synset")
    list_select_related = ("synset",)
    search_fields = ("value", "synset__name", "synset__wnid")


@admin.register(Change)
class ChangeAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "kind", "summary", "reason", "author", "created_at")
    list_select_related = ("author",)
    list_filter = ("kind",)
    search_fields = ("summary", "reason", "author__username")
    # The nouns and facts of an import are the whole tree; its page in the site shows what they say.
    exclude = ("synsets", "facts")


@admin.register(Draft)
class DraftAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "kind", "summary", "state", "size", "author", "approver", "created_at")
    list_select_related = ("author", "approver")
    list_filter = ("state", "kind")
    search_fields = ("summary", "reason", "author__username")
    readonly_fields = ("page",)
    actions = ("commit", "approve", "discard")

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return may_curate(request.user)

    @admin.action(description=gettext_lazy("Commit"), permissions=["curate"])
    def commit(self, request: AuthenticatedRequest, drafts: QuerySet[Draft]) -> None:
        for draft in drafts:
            proposing.commit(draft)
        self._say(request, drafts, {Draft.State.QUEUED, Draft.State.WAITING, Draft.State.COMMITTED})

    @admin.action(description=gettext_lazy("Approve and commit"), permissions=["curate"])
    def approve(self, request: AuthenticatedRequest, drafts: QuerySet[Draft]) -> None:
        for draft in drafts:
            proposing.approve(draft, request.user)
        self._say(request, drafts, {Draft.State.QUEUED, Draft.State.COMMITTED})

    @admin.action(description=gettext_lazy("Discard"), permissions=["curate"])
    def discard(self, request: AuthenticatedRequest, drafts: QuerySet[Draft]) -> None:
        for draft in drafts:
            proposing.discard(draft)
        self._say(request, drafts, {Draft.State.DISCARDED})

    def _say(self, request: HttpRequest, drafts: QuerySet[Draft], expected: set[Draft.State]) -> None:
        """Say of each draft how it stands now; those that did not move stand out."""
        for draft in drafts.all():
            level = messages.SUCCESS if draft.state in expected else messages.WARNING
            self.message_user(request, f"{draft}: {draft.get_state_display()}", level)

    @admin.display(description=gettext_lazy("page"))
    def page(self, draft: Draft) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("taxonomy:draft", args=[draft.pk]), draft)
