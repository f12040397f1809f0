"""Trainings by program: to see them, to start and steer them, and what is trained by itself."""

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.http import AuthenticatedApiRequest
from labeling.models import Collection
from training import starting
from training.config import NETWORKS
from training.models import Run, RunQuerySet, SensitiveNounsError, TrainingPolicy
from training.serializers import RunPageSerializer, RunSerializer, StartSerializer, TrainingPolicySerializer
from training.sizing import usual_size_px
from training.views import listed


class TooLateError(APIException):
    """The run is in no state in which that can be done."""

    status_code = 409
    default_code = "too_late"


_FILTERS = [
    OpenApiParameter("snapshot", int, description="Runs on the snapshot of this number."),
    OpenApiParameter("collection", str, description="Runs on snapshots of the collection with this slug."),
    OpenApiParameter("network", str, enum=list(NETWORKS)),
    OpenApiParameter("status", str, enum=Run.Status.values),
]


class RunViewSet(ReadOnlyModelViewSet[Run]):
    """Trainings of networks."""

    queryset = Run.objects.none()

    def get_queryset(self) -> RunQuerySet:
        if self.action == "list":
            return listed(self._chosen())  # type: ignore[return-value]  # annotated
        return listed(Run.objects.all()).prefetch_related("epochs").defer(None)  # type: ignore[return-value]

    def _chosen(self) -> RunQuerySet:
        asked = self.request.query_params
        names = {"collection": "snapshot__collection__slug", "network": "network", "status": "status"}
        runs = Run.objects.filter(**{names[name]: asked[name] for name in names if asked.get(name)})
        if snapshot := asked.get("snapshot"):
            if not snapshot.isdecimal() or len(snapshot) > 18:
                raise ValidationError({"snapshot": [f"Expected a snapshot's number; found {snapshot!r}."]})
            runs = runs.filter(snapshot=int(snapshot))
        return runs

    def get_serializer_class(self) -> type[RunSerializer]:
        return RunSerializer if self.action == "list" else RunPageSerializer

    @extend_schema(parameters=_FILTERS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Runs, the latest first."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One run with its history, its layers, and where it runs."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=StartSerializer, responses={201: RunPageSerializer})
    def create(self, request: AuthenticatedApiRequest) -> Response:
        """Train a network on a snapshot of a collection that you may edit. Where the same training waits, runs or has
        finished, the answer tells of that; one that failed or was cancelled is tried again.
        """
        wanted = StartSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        snapshot = wanted.validated_data["snapshot"]
        _check(request, snapshot.collection)
        try:
            run = starting.start(snapshot, wanted.validated_data["recipe"], request.user)
        except SensitiveNounsError as error:
            raise ValidationError({"snapshot": [str(error)]}, code="sensitive") from error
        return Response(self._told(run), status=201)

    @extend_schema(request=None, responses=RunPageSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def cancel(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """End a run that has not ended, for whoever may edit its collection; status 409 otherwise."""
        return self._steer(request, Run.cancel, "Expected a run that has not ended; this one is {status}.")

    @extend_schema(request=None, responses=RunPageSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def pause(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Put a run down that waits or trains, for whoever may edit its collection; status 409 otherwise."""
        return self._steer(request, Run.pause, "Expected a run that waits or trains; this one is {status}.")

    @extend_schema(request=None, responses=RunPageSerializer)
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def resume(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Let a paused run go on, for whoever may edit its collection; status 409 otherwise."""
        return self._steer(request, starting.resume, "Expected a paused run; this one is {status}.")

    def _steer(self, request: AuthenticatedApiRequest, act: Callable[[Run], bool], too_late: str) -> Response:
        run = self.get_object()
        _check(request, run.snapshot.collection)
        if not act(run):
            run.refresh_from_db(fields=["status"])
            raise TooLateError(too_late.format(status=run.status))
        return Response(self._told(run))

    def _told(self, run: Run) -> dict[str, Any]:
        return dict(RunPageSerializer(listed(Run.objects.filter(pk=run.pk)).get()).data)


def _check(request: AuthenticatedApiRequest, collection: Collection) -> None:
    if not collection.is_edited_by(request.user):
        raise PermissionDenied(_("Only those who may edit its collection do that."))


class PolicyView(APIView):
    """What is trained by itself on each new snapshot of a collection that you may edit."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=TrainingPolicySerializer)
    def get(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """The networks, and after which snapshot they are trained."""
        collection = _find(request, slug)
        policy = TrainingPolicy.objects.filter(collection=collection).first()
        return Response(TrainingPolicySerializer(policy or TrainingPolicy(size_px=_usual(collection))).data)

    @extend_schema(request=TrainingPolicySerializer, responses=TrainingPolicySerializer)
    def put(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Have networks trained on every snapshot that is yet to come; with no network, none any more."""
        collection = _find(request, slug)
        wanted = TrainingPolicySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        networks = wanted.validated_data["networks"]
        size_px = wanted.validated_data.get("size_px") or _usual(collection)
        if not networks:
            TrainingPolicy.objects.filter(collection=collection).delete()
            return Response(TrainingPolicySerializer(TrainingPolicy(size_px=size_px)).data)
        policy = TrainingPolicy.objects.say(collection, request.user, networks, size_px)
        return Response(TrainingPolicySerializer(policy).data)


def _find(request: AuthenticatedApiRequest, slug: str) -> Collection:
    return get_object_or_404(Collection.objects.edited_by(request.user), slug=slug)


def _usual(collection: Collection) -> int:
    latest = collection.snapshots.order_by("-number").first()
    return usual_size_px(latest.sides() if latest else [])
