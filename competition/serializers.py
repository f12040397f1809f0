"""Contests and their boards as programs read them."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import User
from competition.models import (
    Contest,
    Metric,
    Phase,
    Standing,
    Submission,
    SubmissionRefusedError,
    Team,
    limits,
)
from competition.predictions import MOST_BYTES
from competition.sandbox.bounds import MOST_NETWORK_BYTES

STATES = ["coming", "open", "past"]


class PhaseSerializer(serializers.ModelSerializer[Phase]):
    is_open = serializers.BooleanField(read_only=True)

    class Meta:
        model = Phase
        fields = [
            "name", "opens_at", "closes_at", "is_open", "limit", "window_hours", "failure_limit", "n_chosen",
            "public_share",
        ]  # fmt: skip


class ContestSerializer(serializers.ModelSerializer[Contest]):
    """A contest on hidden test labels."""

    collection = serializers.CharField(source="snapshot.collection.slug", read_only=True)
    state = serializers.ChoiceField(
        choices=STATES, read_only=True, help_text="Whether entries are taken and ranked now."
    )
    phases = serializers.SerializerMethodField(help_text="The first one first; times are UTC.")

    class Meta:
        model = Contest
        fields = [
            "slug", "name", "year", "description", "collection", "snapshot", "ranked_by", "state", "human_error",
            "phases",
        ]  # fmt: skip

    @extend_schema_field(PhaseSerializer(many=True))
    def get_phases(self, contest: Contest) -> list[dict[str, Any]]:
        phases = sorted(contest.phases.all(), key=lambda phase: phase.opens_at)
        return [dict(PhaseSerializer(phase).data) for phase in phases]


class MetricSerializer(serializers.Serializer[Any]):
    """What is measured; of each less is better."""

    name = serializers.ChoiceField(choices=Metric.choices)
    title = serializers.CharField()


class PlacesSerializer(serializers.Serializer[Any]):
    """What is left of the limits of the phase that takes entries now."""

    left = serializers.IntegerField(help_text="Entries that may be handed in now.")
    next_at = serializers.DateTimeField(
        allow_null=True, help_text="When the next place is free; null if one is."
    )
    failures_left = serializers.IntegerField(help_text="Entries that may yet fail or be cancelled.")
    detail = serializers.CharField(help_text="Why nothing may be handed in now; else empty.")


class ContestPageSerializer(ContestSerializer):
    """A contest with its rules, and with what the one who asks may still hand in."""

    starter_kit = serializers.SerializerMethodField(help_text="Where its starter kit is to be had.")
    metrics = serializers.SerializerMethodField()
    most_bytes = serializers.SerializerMethodField(help_text="Of one file of guesses.")
    most_network_bytes = serializers.SerializerMethodField(help_text="Of one network.")
    team = serializers.SerializerMethodField(
        help_text="The number of your team; null where you have none yet."
    )
    places = serializers.SerializerMethodField(
        help_text="Yours; null where nobody is signed in or there is no phase."
    )

    class Meta(ContestSerializer.Meta):
        fields = [
            *ContestSerializer.Meta.fields, "rules", "prizes", "takes_models", "takes_late", "enters_runs",
            "most_members", "most_bytes", "most_network_bytes", "metrics", "starter_kit", "team", "places",
        ]  # fmt: skip

    def get_starter_kit(self, contest: Contest) -> str:
        at = reverse("competition:starter-kit", args=[contest.slug])
        return str(self.context["request"].build_absolute_uri(at))

    @extend_schema_field(MetricSerializer(many=True))
    def get_metrics(self, contest: Contest) -> list[dict[str, str]]:
        return [{"name": metric.value, "title": str(metric.label)} for metric in Metric]

    def get_most_bytes(self, contest: Contest) -> int:
        return MOST_BYTES

    def get_most_network_bytes(self, contest: Contest) -> int:
        return MOST_NETWORK_BYTES

    def get_team(self, contest: Contest) -> int | None:
        team = self._team(contest)
        return team.pk if team else None

    @extend_schema_field(PlacesSerializer(allow_null=True))
    def get_places(self, contest: Contest) -> dict[str, Any] | None:
        user, phase = self.context["request"].user, contest.phase
        if phase is None or not isinstance(user, User):
            return None
        entries = Submission.objects.counted_for(self._team(contest), user)
        taken, failed, detail = limits.places(entries, phase), limits.failures(entries, phase), ""
        try:
            limits.check(entries, phase)
        except SubmissionRefusedError as error:
            detail = str(error)
        return {
            "left": 0 if detail else taken.n_left,
            "next_at": max(filter(None, [taken.next_at, failed.next_at]), default=None),
            "failures_left": failed.n_left,
            "detail": detail,
        }

    def _team(self, contest: Contest) -> Team | None:
        user = self.context["request"].user
        return Team.objects.of(contest, user) if isinstance(user, User) else None


class IntervalSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval.")
    high = serializers.FloatField(allow_null=True)


class LeaderboardRowSerializer(serializers.ModelSerializer[Standing]):
    """An entry on the board: equal until shown different, so it has a rank from `rank_low` to `rank_high`."""

    team = serializers.CharField(
        source="submission.team.name",
        default=None,
        allow_null=True,
        help_text="Null for this site's own baselines.",
    )
    method = serializers.CharField(source="submission.method")
    is_baseline = serializers.BooleanField(source="submission.is_baseline")
    is_late = serializers.BooleanField(source="submission.is_late")
    created_at = serializers.DateTimeField(source="submission.created_at")
    n_parameters = serializers.IntegerField(source="submission.n_parameters", allow_null=True)
    n_multiply_adds = serializers.IntegerField(source="submission.n_multiply_adds", allow_null=True)
    pictures_per_second = serializers.FloatField(source="submission.pictures_per_second", allow_null=True)
    metrics = serializers.DictField(
        child=IntervalSerializer(), help_text="By the name of the metric; rounded while the contest goes on."
    )

    class Meta:
        model = Standing
        fields = [
            "place", "rank", "rank_low", "rank_high", "submission", "team", "method", "is_baseline", "is_late",
            "part", "n_images", "metrics", "grade", "n_parameters", "n_multiply_adds", "pictures_per_second",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields
