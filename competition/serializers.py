from typing import Any

from rest_framework import serializers

from competition.forms import check_size
from competition.models import Contest, Metric, Part, ShownScore, Submission


class ScoreSerializer(serializers.Serializer[ShownScore]):
    metric = serializers.ChoiceField(choices=Metric.choices)
    part = serializers.ChoiceField(choices=Part.choices)
    value = serializers.FloatField(
        allow_null=True,
        help_text="While the contest goes on rounded, and null where it is no better than the team's best so far.",
    )
    low = serializers.FloatField(
        allow_null=True, help_text="Of the 95 % interval; null while the contest goes on."
    )
    high = serializers.FloatField(allow_null=True)
    n_images = serializers.IntegerField()


class ContestField(serializers.SlugRelatedField):
    """A contest by its slug."""

    def to_internal_value(self, data: Any) -> Contest:
        if "\0" in str(data):  # PostgreSQL cannot look it up
            self.fail("does_not_exist", slug_name=self.slug_field, value="")
        contest: Contest = super().to_internal_value(data)
        return contest


class SubmissionSerializer(serializers.ModelSerializer[Submission]):
    """A submission handed in, and what became of it."""

    contest = ContestField(slug_field="slug", queryset=Contest.objects.all(), source="phase.contest")
    file = serializers.FileField(write_only=True, validators=[check_size])
    scores = ScoreSerializer(source="shown_scores", many=True, read_only=True)

    class Meta:
        model = Submission
        fields = ["id", "contest", "method", "file", "status", "error", "scores", "created_at"]
        read_only_fields = ["status", "error"]


class IntervalSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class LeaderboardRowSerializer(serializers.Serializer[Any]):
    rank = serializers.IntegerField()
    submission = serializers.IntegerField(source="submission.pk")
    method = serializers.CharField()
    author = serializers.CharField(allow_null=True, help_text="Null for this site's own baselines.")
    is_baseline = serializers.BooleanField()
    n_images = serializers.IntegerField()
    top1_error = IntervalSerializer()
    top5_error = IntervalSerializer()
    hierarchical_error = IntervalSerializer()


class ContestSerializer(serializers.ModelSerializer[Contest]):
    class Meta:
        model = Contest
        fields = ["slug", "name", "year", "description", "snapshot", "ranked_by"]
