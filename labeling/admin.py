from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy

from accounts.admin import KeptAsMadeAdmin
from accounts.listing import Listed
from labeling.models import (
    Arrival,
    Collection,
    CollectionClass,
    Comment,
    ConsensusFit,
    Dispute,
    Example,
    Figures,
    Flag,
    Image,
    Intake,
    IntakeNote,
    Lease,
    Narrowing,
    NearDuplicate,
    Network,
    Prediction,
    Question,
    QuizPass,
    Reclass,
    Refit,
    Relabel,
    Report,
    Retraction,
    Skill,
    Skip,
    Standing,
    Target,
    Vote,
    VotingDay,
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
    list_display = ("name", "slug", "kind", "is_open", "target_confidence", "min_votes", "max_votes")
    raw_id_fields = ("root", "owner")
    prepopulated_fields = {"slug": ("name",)}
    inlines = [CollectionClassInline]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.note_classes_set()


@admin.register(Example)
class ExampleAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "synset", "image", "is_good", "note")
    list_select_related = ("collection", "synset", "image")


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
        "n_bytes",
        "crc32",
        "withdrawn_at",
    )
    paginator = Listed
    show_full_result_count = False
    actions = ("withdraw", "put_back")

    @admin.action(description=gettext_lazy("Withdraw: show and ask it nowhere"), permissions=["change"])
    def withdraw(self, request: HttpRequest, images: QuerySet[Image]) -> None:
        for image in images:
            image.withdraw()

    @admin.action(description=gettext_lazy("Put back"), permissions=["change"])
    def put_back(self, request: HttpRequest, images: QuerySet[Image]) -> None:
        for image in images:
            image.put_back()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Arrival)
class ArrivalAdmin(KeptAsMadeAdmin):
    list_display = ("sha256", "image")
    list_select_related = ("image",)


@admin.register(Intake)
class IntakeAdmin(KeptAsMadeAdmin):
    list_display = ("name", "collection", "sender", "state", "n_files", "n_added", "n_refused", "created_at")
    list_filter = ("state", "collection")
    list_select_related = ("collection", "sender")


@admin.register(IntakeNote)
class IntakeNoteAdmin(KeptAsMadeAdmin):
    list_display = ("name", "intake", "why")
    list_select_related = ("intake",)


@admin.register(Question)
class QuestionAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "collection", "about", "state", "label", "confidence", "n_votes", "truth", "why")
    list_filter = ("collection", "state")
    list_select_related = ("collection", "about", "label", "truth")
    readonly_fields = ("why",)

    @admin.display(description=gettext_lazy("why"))
    def why(self, question: Question) -> str:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("labeling:why", args=[question.collection.slug, question.pk]),
            gettext("Why this label?"),
        )


@admin.register(Vote)
class VoteAdmin(KeptAsMadeAdmin):
    list_display = ("question_id", "annotator", "synset", "answer", "seconds", "cast_at")
    list_filter = ("answer", "question__collection")
    list_select_related = ("annotator", "synset")


@admin.register(Lease)
class LeaseAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "question_id", "annotator", "expires_at")
    list_select_related = ("annotator",)


@admin.register(QuizPass)
class QuizPassAdmin(KeptAsMadeAdmin):
    list_display = ("annotator", "collection", "synset", "passed_at")
    list_select_related = ("annotator", "collection", "synset")


@admin.register(Walk)
class WalkAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "annotator", "position")
    list_select_related = ("collection", "annotator")


@admin.register(Skill)
class SkillAdmin(KeptAsMadeAdmin):
    list_display = ("annotator", "collection", "mean", "right", "wrong")
    list_filter = ("collection",)
    list_select_related = ("collection", "annotator")


@admin.register(Target)
class TargetAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "noun", "confidence", "n_starters")
    list_filter = ("collection",)
    list_select_related = ("collection", "noun")


@admin.register(Figures)
class FiguresAdmin(KeptAsMadeAdmin):
    list_display = ("collection", "n_votes", "n_settled", "counted_at", "every_s", "due_at", "marked_at")
    list_select_related = ("collection",)


@admin.register(Standing)
class StandingAdmin(KeptAsMadeAdmin):
    list_display = ("annotator", "collection", *Standing.COUNTS)
    list_filter = ("collection",)
    list_select_related = ("collection", "annotator")


@admin.register(ConsensusFit)
class ConsensusFitAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "collection", "n_votes", "log_likelihood", "taxonomy_version", "created_at")
    list_filter = ("collection",)


@admin.register(Refit)
class RefitAdmin(KeptAsMadeAdmin):
    list_display = (
        "collection",
        "cause",
        "state",
        "is_anew",
        "n_votes",
        "n_iterations",
        "started_at",
        "took_s",
    )
    list_filter = ("state", "cause", "collection")
    list_select_related = ("collection",)


@admin.register(Network)
class NetworkAdmin(KeptAsMadeAdmin):
    list_display = ("name", "collection", "heard_at")
    list_filter = ("collection",)
    list_select_related = ("collection",)


@admin.register(Prediction)
class PredictionAdmin(KeptAsMadeAdmin):
    list_display = ("question_id", "network", "use", "made_at")
    list_filter = ("use",)
    list_select_related = ("network",)


@admin.register(Dispute)
class DisputeAdmin(KeptAsMadeAdmin):
    list_display = (
        "question_id",
        "network",
        "label",
        "claim",
        "probability",
        "n_votes",
        "asked_by",
        "made_at",
    )
    list_select_related = ("network", "label", "claim", "asked_by")


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


@admin.register(Skip)
class SkipAdmin(KeptAsMadeAdmin):
    list_display = ("question_id", "annotator", "skipped_at")
    list_select_related = ("annotator",)


@admin.register(VotingDay)
class VotingDayAdmin(KeptAsMadeAdmin):
    list_display = ("annotator", "day")
    list_select_related = ("annotator",)


@admin.register(Retraction)
class RetractionAdmin(KeptAsMadeAdmin):
    list_display = ("question_id", "annotator", "synset", "answer", "cast_at", "retracted_at")
    list_select_related = ("annotator", "synset")


@admin.register(Report)
class ReportAdmin(KeptAsMadeAdmin):
    list_display = ("image", "collection", "reason", "reporter", "created_at", "outcome", "handled_by")
    list_filter = ("outcome", "reason", "collection")
    list_select_related = ("image", "collection", "reporter", "handled_by")


@admin.register(NearDuplicate)
class NearDuplicateAdmin(KeptAsMadeAdmin):
    list_display = ("image", "other", "collection", "distance", "kept_at")
    list_select_related = ("image", "other", "collection")


@admin.register(Comment)
class CommentAdmin(KeptAsMadeAdmin):
    list_display = ("text", "author", "image", "synset", "created_at", "hidden_at", "hidden_by")
    list_filter = ("hidden_at",)
    list_select_related = ("author", "image", "synset", "hidden_by")


@admin.register(Flag)
class FlagAdmin(KeptAsMadeAdmin):
    list_display = ("comment", "flagger", "created_at", "settled_at")
    list_select_related = ("comment__author", "comment__image", "comment__synset", "flagger")
