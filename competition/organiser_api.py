"""A contest by program for whoever runs it: every entry with its logs, and scoring anew."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.http import AuthenticatedApiRequest
from accounts.models import User
from competition import rescoring
from competition.models import Contest, Rescoring, Submission
from competition.submission_serializers import OrganisedSubmissionSerializer
from config.fields import ToldField
from datasets.models import Snapshot


class RescoringSerializer(serializers.ModelSerializer[Rescoring]):
    """All entries scored anew, by other labels or another scorer, and shown all at once."""

    truth = serializers.PrimaryKeyRelatedField(
        queryset=Snapshot.objects.all(), help_text="The snapshot whose labels count."
    )
    detail = ToldField(source="error", read_only=True, help_text="Why it has failed.")
    moved = serializers.JSONField(
        read_only=True, help_text="Of each entry: its number, value and rank, before and after."
    )

    class Meta:
        model = Rescoring
        fields = [
            "id", "truth", "scorer_version", "reason", "status", "detail", "moved", "created_at", "ended_at",
        ]  # fmt: skip
        read_only_fields = ["scorer_version", "status", "created_at", "ended_at"]


class EntriesView(ListAPIView[Submission]):
    """Every entry of a contest that you run."""

    queryset = Submission.objects.none()
    serializer_class = OrganisedSubmissionSerializer
    permission_classes = [IsAuthenticated]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> Any:
        contest = _find(self.request, self.kwargs["slug"])
        entries = Submission.objects.filter(phase__contest=contest).select_related("team", "author")
        if status := self.request.query_params.get("status"):
            entries = entries.filter(status=status)
        return entries.prefetch_related("attempts")

    @extend_schema(parameters=[OpenApiParameter("status", str, enum=Submission.Status.values)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The organiser: entries, the latest first, each with the whole log of every attempt to score it."""
        return super().get(request, *args, **kwargs)


class RescoringsView(ListAPIView[Rescoring]):
    """How often the entries of a contest were scored anew."""

    queryset = Rescoring.objects.none()
    serializer_class = RescoringSerializer
    permission_classes = [IsAuthenticatedOrReadOnly]

    def get_queryset(self) -> Any:
        contest = get_object_or_404(Contest, slug=self.kwargs["slug"])
        rows = Rescoring.objects.filter(contest=contest)
        # Before the switch nobody sees anything of it, but for whoever started it.
        return rows if _runs(self.request.user, contest) else rows.filter(status=Rescoring.Status.SWITCHED)

    @extend_schema(responses=RescoringSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What the board says of labels or a scorer that changed: why, when, and what moved. The latest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(request=RescoringSerializer, responses={201: RescoringSerializer})
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """The organiser: score every entry anew by the labels of `truth`. Nothing is shown before all is done."""
        contest = _find(request, slug)
        wanted = RescoringSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        try:
            made = rescoring.start(contest, said["truth"], said["reason"], request.user)
        except rescoring.RescoringRefusedError as error:
            raise ValidationError(str(error), code="refused") from error
        return Response(RescoringSerializer(made).data, status=201)


def _runs(user: Any, contest: Contest) -> bool:
    return isinstance(user, User) and contest.may_be_run_by(user)


def _find(request: AuthenticatedApiRequest, slug: str) -> Contest:
    contest = get_object_or_404(Contest, slug=slug)
    if not _runs(request.user, contest):
        raise PermissionDenied(_("Only the organiser of the contest and staff do that."))
    return contest
