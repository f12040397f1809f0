from django.contrib import admin

from accounts.admin import KeptAsMadeAdmin
from competition.models import Contest, Phase, Score, Submission


class PhaseInline(admin.TabularInline):
    model = Phase
    extra = 1


@admin.register(Contest)
class ContestAdmin(admin.ModelAdmin):
    list_display = ("name", "year", "snapshot", "ranked_by")
    list_select_related = ("snapshot__collection",)
    prepopulated_fields = {"slug": ("name",)}
    inlines = [PhaseInline]


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
