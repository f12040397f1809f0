"""Snapshots and their files for programs, and freezing by program."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.http import AuthenticatedApiRequest
from datasets.choosing import FreezeRefusedError
from datasets.freeze_views import ask
from datasets.models import Snapshot
from datasets.serializers import (
    ChoiceSerializer,
    FreezingSerializer,
    SnapshotPageSerializer,
    SnapshotSerializer,
)
from labeling.models import Collection


class SnapshotViewSet(ReadOnlyModelViewSet[Snapshot]):
    """Frozen sets of pictures and labels; one by itself also with its files."""

    queryset = Snapshot.objects.select_related("collection")

    def get_serializer_class(self) -> type[SnapshotSerializer]:
        return SnapshotPageSerializer if self.action == "retrieve" else SnapshotSerializer


class FreezingsView(APIView):
    """Freezing a collection."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=ChoiceSerializer, responses={201: FreezingSerializer})
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Have a collection that you may edit frozen. Where one freezing waits or runs, no second one is begun, and
        the answer tells of that.
        """
        wanted = ChoiceSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            freezing = ask(_find(request, slug), wanted.save(), request.user)
        except FreezeRefusedError as error:
            raise ValidationError(str(error), code="refused") from error
        return Response(FreezingSerializer(freezing).data, status=201)


class FreezingView(APIView):
    """One freezing."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=FreezingSerializer)
    def get(self, request: AuthenticatedApiRequest, slug: str, pk: int) -> Response:
        """How far a freezing of a collection that you may edit is, or how it ended."""
        return Response(FreezingSerializer(get_object_or_404(_find(request, slug).freezings, pk=pk)).data)


def _find(request: AuthenticatedApiRequest, slug: str) -> Collection:
    return get_object_or_404(Collection.objects.edited_by(request.user), slug=slug)
