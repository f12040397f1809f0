"""Contests, leaderboards and submissions by program."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from competition import leaderboard
from competition.models import Contest, Submission, SubmissionQuerySet, SubmissionRefusedError
from competition.serializers import ContestSerializer, LeaderboardRowSerializer, SubmissionSerializer
from competition.tasks import score_queued


class ContestViewSet(ReadOnlyModelViewSet[Contest]):
    """Contests on hidden test labels."""

    queryset = Contest.objects.select_related("snapshot")
    serializer_class = ContestSerializer
    lookup_field = "slug"

    @extend_schema(responses=LeaderboardRowSerializer(many=True))
    @action(detail=True, pagination_class=None)
    def leaderboard(self, request: Request, slug: str) -> Response:
        """The ranked entries, the lowest error first."""
        rows = leaderboard.rows(self.get_object())
        return Response(LeaderboardRowSerializer(rows, many=True).data)


class SubmissionViewSet(
    mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Submission]
):
    """Your submissions. Handing one in takes a multipart form with contest, method and file."""

    queryset = Submission.objects.none()
    serializer_class = SubmissionSerializer
    permission_classes = [IsAuthenticated]
    parser_classes = [MultiPartParser]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> SubmissionQuerySet:
        mine = Submission.objects.filter(author=self.request.user.pk)
        snapshots = ("phase__contest__snapshot", "phase__contest__truth")
        return mine.select_related(*snapshots).prefetch_related("scores", "phase__contest__phases")

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        flood.spend(self.request, "uploads")
        data = serializer.validated_data
        phase = data["phase"]["contest"].phase
        try:
            serializer.instance = Submission.objects.submit(
                phase, self.request.user, data["method"], data["file"]
            )
        except SubmissionRefusedError as error:
            raise serializers.ValidationError(str(error), code="refused") from error
        # The row is kept whatever becomes of the message: a sweep finds it.
        transaction.on_commit(score_queued.delay, robust=True)
