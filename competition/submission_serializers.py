"""Entries as programs hand them in and read them."""

import json
from math import inf
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from competition.forms import KINDS, NETWORK, check_size
from competition.models import Attempt, Contest, MethodCard, Metric, Part, ShownScore, Submission

NUL = "\\u0000"  # as JSON writes it


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
    """An entry, and what became of it."""

    contest = ContestField(slug_field="slug", queryset=Contest.objects.all(), source="phase.contest")
    phase = serializers.CharField(source="phase.name", read_only=True)
    team = serializers.CharField(source="team.name", read_only=True, allow_null=True, default=None)
    author = serializers.CharField(read_only=True, allow_null=True, help_text="Null for baselines.")
    kind = serializers.ChoiceField(
        choices=Submission.Kind.choices,
        required=False,
        help_text="What the file is; left out, as its name ends: .onnx, .safetensors, or else guesses.",
    )
    network = serializers.JSONField(
        required=False,
        help_text="Of weights: `config` and `classes`; left out, as the file's own metadata say.",
        write_only=True,
    )
    file = serializers.FileField(write_only=True, validators=[check_size])
    scores = ScoreSerializer(source="shown_scores", many=True, read_only=True)
    url = serializers.SerializerMethodField(help_text="Of its page.")

    class Meta:
        model = Submission
        fields = [
            "id", "url", "contest", "phase", "team", "author", "kind", "network", "method", "file", "status", "error",
            "is_late", "is_chosen", "scores", "n_parameters", "n_multiply_adds", "pictures_per_second", "created_at",
            "ended_at",
        ]  # fmt: skip
        read_only_fields = [
            "status", "error", "is_late", "is_chosen", "n_parameters", "n_multiply_adds", "pictures_per_second",
            "ended_at",
        ]  # fmt: skip

    def get_url(self, submission: Submission) -> str:
        return str(self.context["request"].build_absolute_uri(submission.get_absolute_url()))

    def validate_network(self, network: Any) -> dict[str, Any]:
        if not isinstance(network, dict):
            raise serializers.ValidationError(
                _("Expected an object of JSON; found %(name)s.") % {"name": type(network).__name__}
            )
        if NUL in json.dumps(network):  # PostgreSQL cannot keep it
            raise serializers.ValidationError(_("Expected text without NUL characters; found one."))
        return network

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        file: UploadedFile = attrs["file"]
        usual = KINDS[NETWORK].get(Path(file.name or "").suffix.lower(), Submission.Kind.GUESSES)
        return {"kind": usual, "network": {}, **attrs}


class SubmissionPageSerializer(SubmissionSerializer):
    """One entry, with its place in the queue."""

    place_in_queue = serializers.SerializerMethodField(
        help_text="1 for the one that a worker takes next; null where it does not wait."
    )

    class Meta(SubmissionSerializer.Meta):
        fields = [*SubmissionSerializer.Meta.fields, "place_in_queue"]

    def get_place_in_queue(self, submission: Submission) -> int | None:
        return submission.place_in_queue if submission.status == Submission.Status.QUEUED else None


class ChoiceOfEntrySerializer(serializers.Serializer[Any]):
    """Whether an entry is to be measured on the private part."""

    chosen = serializers.BooleanField(default=True)


class MethodCardSerializer(serializers.ModelSerializer[MethodCard]):
    """What its team says of an entry, for everybody to read."""

    class Meta:
        model = MethodCard
        fields = ["description", "data_used", "hardware", "training_hours", "paper_url", "code_url"]

    def validate_training_hours(self, hours: float | None) -> float | None:
        if hours is not None and not 0 <= hours < inf:
            raise serializers.ValidationError(
                _("Expected hours of training, 0 or more; found %(hours)s.") % {"hours": hours}
            )
        return hours


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One try to score an entry, with its whole log."""

    class Meta:
        model = Attempt
        fields = ["number", "started_at", "ended_at", "outcome", "log"]


class OrganisedSubmissionSerializer(serializers.ModelSerializer[Submission]):
    """An entry as the organiser sees it."""

    team = serializers.CharField(source="team.name", read_only=True, allow_null=True, default=None)
    author = serializers.CharField(read_only=True, allow_null=True)
    attempts = AttemptSerializer(many=True, read_only=True)
    url = serializers.SerializerMethodField(help_text="Of its page.")

    class Meta:
        model = Submission
        fields = [
            "id", "url", "team", "author", "kind", "method", "status", "error", "is_late", "is_chosen", "attempts",
            "created_at", "ended_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.URLField())
    def get_url(self, submission: Submission) -> str:
        at = reverse("competition:submission", args=[submission.pk])
        return str(self.context["request"].build_absolute_uri(at))
