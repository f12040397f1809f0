"""Labels that a trained network disputes, for a collection's organiser and the staff; and what networks say, sent by
programs.
"""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import AuthenticatedApiRequest
from config.retelling import told
from labeling import foretelling, suspicion, why
from labeling.dispute_serializers import (
    DisputeSerializer,
    DisputesSerializer,
    KeptSerializer,
    PredictionsSerializer,
)
from labeling.disputing import MOST_SHARE
from labeling.models import Collection, ConsensusFit, Dispute, Finding, Network, Question, Vote
from labeling.models.predictions import DisputeQuerySet
from labeling.network import Reliability
from labeling.owning import OwnerRequest, owners_only
from labeling.prediction_files import PredictionFileError, Saying
from taxonomy.models import Synset

A_PAGE = 24


@dataclass(frozen=True)
class Row:
    """One disputed label, in words."""

    dispute: Dispute
    finding: Finding
    before: str
    claim: str
    now: str


@require_safe
@owners_only
def disputes(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """Which labels networks disputed, the newest first, and what people then said."""
    found = _of(collection)
    page = Paginator(found.shown(), A_PAGE).get_page(request.GET.get("page"))
    becomes = Synset.objects.resolution()
    findings = found.findings()
    fits = ConsensusFit.objects.filter(pk=collection.latest_fit_id or 0).select_related("network")
    fit = fits.defer("parameters", "classes").first()  # those are large, and most collections heed no network
    context = {
        "collection": collection,
        "page": page,
        "rows": [_row(dispute, dispute.came_to(becomes)) for dispute in page.object_list],
        "findings": findings,
        "n_disputes": sum(findings.values()),
        "newest": Network.objects.of(collection).first(),
        "network": fit.network if fit else None,
        "reliability": Reliability(*fit.parameters.get("network", ())) if fit and fit.network else None,
        "sure": suspicion.SURE,
        "hardly": suspicion.HARDLY,
        "most": MOST_SHARE,
    }
    return render(request, "labeling/disputes.html", context)


def _of(collection: Collection) -> DisputeQuerySet:
    return Dispute.objects.filter(question__collection=collection)


def _row(dispute: Dispute, finding: Finding) -> Row:
    return Row(dispute, finding, why.name(dispute.label), why.name(dispute.claim), _now(dispute.question))


def _now(question: Question) -> str:
    """Return what a question is labelled today, in words; empty where nothing stands."""
    if question.state == Question.State.ABSENT:
        return why.in_words(question.about, Vote.Answer.ABSENT)
    return why.name(question.label) if question.label else ""


class DisputesView(ListAPIView[Dispute]):
    """Labels that a network disputed."""

    permission_classes = [IsAuthenticated]
    serializer_class = DisputeSerializer
    queryset = Dispute.objects.none()  # for the schema

    def get_queryset(self) -> DisputeQuerySet:
        return self._disputes().shown()

    def _disputes(self) -> DisputeQuerySet:
        edited = Collection.objects.edited_by(self.request.user)  # type: ignore[arg-type]  # signed in
        return _of(get_object_or_404(edited, slug=self.kwargs["slug"]))

    def get_serializer_context(self) -> dict[str, object]:
        return {**super().get_serializer_context(), "becomes": Synset.objects.resolution()}

    @extend_schema(responses=DisputesSerializer)
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """The labels of a collection that you may edit which a network disputed, the newest first: what each was
        settled as, what the network says, and what people said when they were asked again; and how many came to
        what.
        """
        page = super().get(request, *args, **kwargs)
        return Response({**page.data, "findings": self._disputes().findings()})


class PredictionsView(APIView):
    """What a trained network says of pictures."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=PredictionsSerializer, responses=KeptSerializer)
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Keep what a network says of pictures of a collection that you may edit, each in place of what any said of
        it before; all of it or, with status 400 and a sentence, nothing. The next refit, within minutes, weighs it.
        """
        collection = get_object_or_404(Collection.objects.edited_by(request.user), slug=slug)
        sent = PredictionsSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        name, predictions = sent.validated_data["network"], sent.validated_data["predictions"]
        sayings = (
            Saying(f"predictions[{place}]", each["picture"], each["probabilities"], each["learnt"])
            for place, each in enumerate(predictions)
        )
        try:
            n = foretelling.take_in(collection, name, sayings)
        except (PredictionFileError, foretelling.PredictionRefusedError) as error:
            raise ValidationError(told(error), code="refused") from error
        return Response({"network": name.strip(), "n_kept": n})
