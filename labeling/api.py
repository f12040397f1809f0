"""Leasing questions and casting votes by program; the labelling page's own script uses the same two calls."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from accounts.models import Scope
from labeling.models import Answer, Collection, Lease, NotAClassError, NotUndoneError, Outcome
from labeling.serializers import (
    CollectionPageSerializer,
    CollectionSerializer,
    LeaseRequestSerializer,
    LeaseSerializer,
    LeasesSerializer,
    ReleasedSerializer,
    ReleaseSerializer,
    UndoSerializer,
    VoteResultsSerializer,
    VotesSerializer,
    lend,
)
from taxonomy.models import Synset

# Made once, since making a serializer takes longer than what it checks. Checking leaves nothing in it.
LEASE_REQUEST, VOTES = LeaseRequestSerializer(), VotesSerializer()


class CollectionViewSet(ReadOnlyModelViewSet[Collection]):
    """The labelling campaigns, with the classes that each asks for; one by itself also with its inner nouns."""

    queryset = Collection.objects.select_related("root").prefetch_related("collectionclass_set")
    lookup_field = "slug"

    def get_serializer_class(self) -> type[CollectionSerializer]:
        return CollectionPageSerializer if self.action == "retrieve" else CollectionSerializer


class LeasesView(APIView):
    """Questions to answer."""

    token_scope = Scope.LABEL
    permission_classes = [IsAuthenticated]

    @extend_schema(request=LeaseRequestSerializer, responses=LeasesSerializer)
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Cast `votes`, where there are any, then return up to `count` leases that you hold: those you hold
        already, renewed, then new ones. Where the collection verifies, all are about one noun.
        """
        try:
            collection = Collection.objects.to_ask(slug)
        except Collection.DoesNotExist as error:
            raise NotFound(str(error)) from error
        wanted = LEASE_REQUEST.run_validation(request.data)
        answers = _answers(request, wanted["votes"])
        outcomes, leases = _trade(collection, request, answers, wanted)
        # Others may hold for a moment what is left, so having none now is not yet the end.
        is_finished = not leases and not Lease.objects.might_come(collection, request.user)
        detail = _nothing_left(collection) if is_finished else ""
        lent = [lend(lease) for lease in leases]
        results = _results(answers, outcomes)
        return Response({"results": results, "leases": lent, "is_finished": is_finished, "detail": detail})


def _trade(
    collection: Collection, request: AuthenticatedApiRequest, answers: list[Answer], wanted: dict[str, Any]
) -> tuple[list[Outcome], list[Lease]]:
    count, wnid = wanted["count"], wanted.get("about")
    if not collection.is_verifying:
        if answers:
            return Lease.objects.trade(collection, request.user, answers, count)
        return [], Lease.objects.hand_out(collection, request.user, count)
    noun = get_object_or_404(Synset, wnid=wnid) if wnid else None
    outcomes = Lease.objects.cast(request.user, answers) if answers else []
    try:
        return outcomes, Lease.objects.hand_out_grid(collection, request.user, noun, count).leases
    except NotAClassError as error:
        raise ValidationError({"about": [str(error)]}, code="not_a_class") from error


def _nothing_left(collection: Collection) -> str:
    if not collection.is_open:
        return _("%(collection)s is closed.") % {"collection": collection}
    return _(
        "You have been asked everything that is open here. Thank you; more may come when others have voted."
    )


class VotesView(APIView):
    """Answers."""

    token_scope = Scope.LABEL
    permission_classes = [IsAuthenticated]

    @extend_schema(request=VotesSerializer, responses=VoteResultsSerializer)
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Cast votes, each on a lease that you hold; the answer says of each whether it was recorded.

        Sending a vote again does no harm: it is "repeated". A vote is "refused", and the others are kept, where
        its lease ran out, was answered otherwise before, or never was yours.
        """
        answers = _answers(request, VOTES.run_validation(request.data)["votes"])
        return Response({"results": _results(answers, Lease.objects.cast(request.user, answers))})


class ReleaseView(APIView):
    """Giving pictures back unanswered."""

    token_scope = Scope.LABEL
    permission_classes = [IsAuthenticated]

    @extend_schema(request=ReleaseSerializer, responses=ReleasedSerializer)
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Give leases of yours back, so that others are asked at once; return how many those were."""
        wanted = ReleaseSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        n_released = Lease.objects.give_back(
            request.user, wanted.validated_data["leases"], wanted.validated_data.get("expires_by")
        )
        return Response({"released": n_released})


class UndoView(APIView):
    """Taking an answer back."""

    token_scope = Scope.LABEL
    permission_classes = [IsAuthenticated]

    @extend_schema(request=UndoSerializer, responses=LeaseSerializer)
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Undo your latest vote in a collection, within ten minutes; return its picture, lent to you again."""
        wanted = UndoSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            lease = Lease.objects.take_back(request.user, wanted.validated_data["lease"])
        except NotUndoneError as error:
            raise ValidationError(str(error), code="not_undone") from error
        return Response(lend(lease))


def _answers(request: AuthenticatedApiRequest, votes: list[dict[str, Any]]) -> list[Answer]:
    if votes:
        flood.spend(request, "votes", len(votes))
    return [
        Answer(vote["lease"], vote.get("synset") or "", vote["answer"], vote.get("seconds")) for vote in votes
    ]


def _results(answers: list[Answer], outcomes: list[Outcome]) -> list[dict[str, Any]]:
    return [_result(answer, outcome) for answer, outcome in zip(answers, outcomes, strict=True)]


def _result(answer: Answer, outcome: Outcome) -> dict[str, Any]:
    status = "refused" if outcome.refusal else "repeated" if outcome.is_repeated else "recorded"
    result = {"lease": answer.lease, "status": status, "detail": str(outcome.refusal or ""), "gold": None}
    if outcome.truth and outcome.vote:
        result["gold"] = {
            "is_right": outcome.is_right,
            "noun": outcome.truth.name,
        }
    return result
