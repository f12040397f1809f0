"""Why a network answers as it does, for programs."""

from typing import Any

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import Scope
from config.fields import ToldField
from training.explained import Explained
from training.faithfulness import Deletion
from training.models import Explanation, Run, TooManyWaitingError
from training.why_views import begin, drawn_url, find_noun, find_picture, finished_run, read


class TooManyWaiting(APIException):
    """So many explanations wait that no more are taken."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "too_many_waiting"


class AskSerializer(serializers.Serializer[Any]):
    """What is to be explained."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text="Of a training or validation picture.")
    wnid = serializers.CharField(
        required=False, default="", help_text="One of the run's classes; left out, what the network answers."
    )


class DeletionSerializer(serializers.Serializer[Deletion]):
    """How the probability falls while squares turn gray, from none to all."""

    verdict = serializers.CharField(help_text="holds, weak, fails or untested.")
    times = serializers.FloatField(
        allow_null=True, help_text="How many times as much the marked squares matter as random ones."
    )
    area = serializers.FloatField(help_text="The mean probability while the marked go first.")
    area_at_random = serializers.FloatField()
    area_weakest = serializers.FloatField()
    marked = serializers.ListField(child=serializers.FloatField())
    weakest = serializers.ListField(child=serializers.FloatField())
    at_random = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class MapSerializer(serializers.Serializer[Any]):
    """One method's map, and what became of it in the test."""

    method = serializers.CharField(help_text="gradients, occlusion or grad-cam.")
    url = serializers.CharField(
        help_text="A PNG to lay over the picture: blue for the class, orange against it."
    )
    deletion = DeletionSerializer()


class ExplanationSerializer(serializers.ModelSerializer[Explanation]):
    """An explanation, and how far it is; the rest is null until it has finished."""

    detail = ToldField(source="error", read_only=True, help_text="Why it has failed.")
    url = serializers.SerializerMethodField(help_text="Where to ask again.")
    page = serializers.CharField(source="get_absolute_url", read_only=True)
    n_before = serializers.SerializerMethodField(help_text="How many wait longer; null unless it waits.")
    explained = serializers.SerializerMethodField(help_text="The class that is explained.")
    probability = serializers.SerializerMethodField(help_text="Of that class.")
    log_odds_explained = serializers.SerializerMethodField(
        help_text="What integrated gradients sum to, in nats: its log-odds less those of gray."
    )
    delta = serializers.SerializerMethodField(help_text="What their sum is off by.")
    maps = serializers.SerializerMethodField()
    file = serializers.SerializerMethodField(help_text="An npz of all arrays.")

    class Meta:
        model = Explanation
        fields = [
            "id", "run", "sha256", "wnid", "status", "detail", "url", "page", "n_before", "explained", "probability",
            "log_odds_explained", "delta", "maps", "file", "created_at", "finished_at",
        ]  # fmt: skip

    def _read(self) -> Explained | None:
        explained: Explained | None = self.context["explained"]
        return explained

    def get_url(self, asked: Explanation) -> str:
        return reverse("run-explanation", args=[asked.run_id, asked.pk])

    def get_n_before(self, asked: Explanation) -> int | None:
        return asked.n_before if asked.status == Explanation.Status.QUEUED else None

    def get_explained(self, asked: Explanation) -> str | None:
        found = self._read()
        return asked.run.snapshot.classes[found.label] if found else None

    def get_probability(self, asked: Explanation) -> float | None:
        found = self._read()
        return float(found.probabilities[found.label]) if found else None

    def get_log_odds_explained(self, asked: Explanation) -> float | None:
        found = self._read()
        return found.explained if found else None

    def get_delta(self, asked: Explanation) -> float | None:
        found = self._read()
        return found.delta if found else None

    @extend_schema_field(MapSerializer(many=True, allow_null=True))
    def get_maps(self, asked: Explanation) -> list[dict[str, Any]] | None:
        found = self._read()
        if found is None:
            return None
        maps = [
            {"method": name, "url": drawn_url(asked, name), "deletion": found.deletions[name]}
            for name in found.maps
        ]
        return list(MapSerializer(maps, many=True).data)

    def get_file(self, asked: Explanation) -> str | None:
        if asked.status != Explanation.Status.FINISHED:
            return None
        return reverse("run-explanation-file", args=[asked.run_id, asked.pk])


class ExplanationsView(APIView):
    """Explanations of what a run's network answers."""

    token_scope = Scope.READ

    @extend_schema(request=AskSerializer, responses={202: ExplanationSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Have it worked out which pixels of a picture speak for a class and which against it. What was asked before
        is not worked out again. Of a test picture the answer is status 404, as of one that is not there.
        """
        run = finished_run(pk)
        sent = AskSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        sha256, wnid = sent.validated_data["sha256"], sent.validated_data["wnid"]
        find_picture(run, sha256)
        find_noun(run, wnid)
        try:
            asked = begin(request, run, sha256, wnid)
        except TooManyWaitingError as error:
            raise TooManyWaiting(str(error)) from error
        return Response(_told(asked), status=status.HTTP_202_ACCEPTED)


class ExplanationView(APIView):
    """One explanation."""

    @extend_schema(responses=ExplanationSerializer)
    def get(self, request: Request, pk: int, explanation: int) -> Response:
        """How far it is; once it has finished, the class explained, each method's map and how far to trust it."""
        return Response(_told(_find(finished_run(pk), explanation)))


class ExplanationFileView(APIView):
    """The arrays of an explanation."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, explanation: int) -> FileResponse:
        """An npz: `picture` as the network sees it, `probabilities`, and a `map` for each method."""
        asked = _find(finished_run(pk), explanation)
        if asked.status != Explanation.Status.FINISHED:
            raise serializers.ValidationError(
                _("Expected an explanation that has finished."), code="unfinished"
            )
        return FileResponse(
            asked.file.open("rb"), as_attachment=True, filename=f"run-{pk}-{asked.sha256[:8]}.npz"
        )


def _told(asked: Explanation) -> dict[str, Any]:
    explained = read(asked) if asked.status == Explanation.Status.FINISHED else None
    return ExplanationSerializer(asked, context={"explained": explained}).data


def _find(run: Run, explanation: int) -> Explanation:
    asked = get_object_or_404(Explanation, pk=explanation, run=run)
    asked.run = run
    find_picture(run, asked.sha256)
    return asked
