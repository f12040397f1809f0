"""What a finished network gets right and wrong on the validation split, by program."""

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import AuthenticatedApiRequest
from training.models import Run
from training.result_serializers import (
    AnswersSerializer,
    AskAgainSerializer,
    AskedAgainSerializer,
    LimitSerializer,
    MistakesSerializer,
    told_answers,
    told_mistake,
)
from training.results import Results


def _found(pk: int) -> Results:
    found = Results.of(get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk))
    if not found or not found.n:
        raise NotFound(_("Expected a finished run; this one has no answers on the validation split."))
    return found


class AnswersView(APIView):
    """What a finished network gets right and wrong."""

    @extend_schema(responses=AnswersSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """On the validation split: accuracy with its 95 % interval, calibration, how each class fared, and the
        confusion. Pictures that were withdrawn since are left out. Status 404 until the run has finished.
        """
        return Response(told_answers(_found(pk)))


class MistakesView(APIView):
    """The pictures that a finished network gets wrong."""

    @extend_schema(
        parameters=[OpenApiParameter("limit", int, description="At most so many; 100 unless said.")],
        responses=MistakesSerializer,
    )
    def get(self, request: Request, pk: int) -> Response:
        """The surest mistakes on the validation split first: of each its label and the likeliest guesses; for whoever
        edits the collection also whether people may be asked again, or were and what came of it.
        """
        asked = LimitSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = _found(pk)
        places = found.answers.surest_mistakes()
        told = found.mistakes(places[: asked.validated_data["limit"]])
        may_ask = found.run.snapshot.collection.is_edited_by(request.user)
        standing = found.standing(told) if may_ask else {}
        rows = [told_mistake(found, each, standing.get(each.sha256), may_ask=may_ask) for each in told]
        return Response({"count": len(places), "results": rows})


class AskAgainView(APIView):
    """Asking people again about labels that a network takes for something else."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=AskAgainSerializer, responses=AskedAgainSerializer)
    def post(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Ask one more person about each of these pictures, for whoever edits the collection: once for each run, so
        that sending it again does no harm. Pictures of the validation split alone, and never gold.
        """
        sent = AskAgainSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        found = _found(pk)
        if not found.run.snapshot.collection.is_edited_by(request.user):
            raise PermissionDenied(_("Only those who edit the collection have people asked again."))
        outcome = found.ask_again(sent.validated_data["sha256"], request.user)
        return Response(
            {"n_asked": outcome.n_asked, "n_already": outcome.n_already, "n_left": outcome.n_left}
        )
