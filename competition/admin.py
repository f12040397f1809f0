from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import KeptAsMadeAdmin
from competition.models import (
    Attempt,
    ClassTally,
    Contest,
    Device,
    Invitation,
    Membership,
    MergeOffer,
    MethodCard,
    Phase,
    Rescoring,
    Score,
    Standing,
    Submission,
    Team,
)


def has_entries(contest: Contest | None) -> bool:
    return contest is not None and Submission.objects.filter(phase__contest=contest).exists()


class PhaseInline(admin.TabularInline):
    model = Phase
    extra = 1

    def get_readonly_fields(self, request: HttpRequest, obj: Contest | None = None) -> tuple[str, ...]:
        """Scores were made on parts of this share."""
        return ("public_share",) if has_entries(obj) else ()


@admin.register(Contest)
class ContestAdmin(admin.ModelAdmin):
    list_display = ("name", "year", "snapshot", "ranked_by")
    list_select_related = ("snapshot__collection",)
    inlines = [PhaseInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Contest | None = None) -> tuple[str, ...]:
        """Scores stand on the snapshot, and the parts of the test split on the slug."""
        return ("snapshot", "slug") if has_entries(obj) else ()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Its phases are kept here, and what it ranks by: the board follows from both."""
        super().save_related(request, form, formsets, change)
        form.instance.rank_again()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Contest | None = None
    ) -> dict[str, Sequence[str]]:
        return {} if "slug" in self.get_readonly_fields(request, obj) else {"slug": ("name",)}


@admin.register(Submission)
class SubmissionAdmin(KeptAsMadeAdmin):
    list_display = ("pk", "method", "author", "phase", "status", "error", "created_at")
    list_filter = ("status", "phase")
    list_select_related = ("author", "phase__contest")


@admin.register(Score)
class ScoreAdmin(KeptAsMadeAdmin):
    list_display = ("submission", "metric", "part", "value", "low", "high", "scorer_version")
    list_filter = ("metric", "part")
    list_select_related = ("submission",)


@admin.register(Attempt)
class AttemptAdmin(KeptAsMadeAdmin):
    list_display = ("submission", "number", "outcome", "started_at", "ended_at")
    list_filter = ("outcome",)
    list_select_related = ("submission",)


@admin.register(ClassTally)
class ClassTallyAdmin(KeptAsMadeAdmin):
    list_display = ("submission", "part", "scorer_version")
    list_filter = ("part",)
    list_select_related = ("submission",)


@admin.register(Standing)
class StandingAdmin(KeptAsMadeAdmin):
    list_display = ("submission", "contest", "part", "place", "rank", "rank_low", "rank_high", "grade")
    list_filter = ("part", "contest")
    list_select_related = ("submission", "contest")


@admin.register(Rescoring)
class RescoringAdmin(KeptAsMadeAdmin):
    list_display = ("contest", "truth", "scorer_version", "status", "reason", "created_at", "ended_at")
    list_filter = ("status", "contest")
    list_select_related = ("contest", "truth__collection")


@admin.register(MethodCard)
class MethodCardAdmin(KeptAsMadeAdmin):
    list_display = ("submission", "hardware", "training_hours", "paper_url", "code_url")
    list_select_related = ("submission",)


@admin.register(Team)
class TeamAdmin(KeptAsMadeAdmin):
    list_display = ("name", "contest", "captain", "merged_into", "created_at")
    list_filter = ("contest",)
    list_select_related = ("contest", "captain", "merged_into")


@admin.register(Membership)
class MembershipAdmin(KeptAsMadeAdmin):
    list_display = ("user", "team", "contest", "joined_at")
    list_filter = ("contest",)
    list_select_related = ("user", "team", "contest")


@admin.register(Invitation)
class InvitationAdmin(KeptAsMadeAdmin):
    list_display = ("team", "invitee", "inviter", "created_at")
    list_select_related = ("team", "invitee", "inviter")


@admin.register(MergeOffer)
class MergeOfferAdmin(KeptAsMadeAdmin):
    list_display = ("team", "into", "created_at")
    list_select_related = ("team", "into")


@admin.register(Device)
class DeviceAdmin(KeptAsMadeAdmin):
    list_display = ("user", "contest", "seen_at")
    list_filter = ("contest",)
    list_select_related = ("user", "contest")
