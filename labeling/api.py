"""Leasing questions and casting votes by program; the labelling page's own script uses the same two calls."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.http import AuthenticatedApiRequest
from accounts.models import User
from labeling.models import Collection, Lease, LeaseExpiredError, NotAClassError, Vote
from labeling.serializers import (
    CollectionSerializer,
    LeaseRequestSerializer,
    LeasesSerializer,
    VoteResultsSerializer,
    VotesSerializer,
)
from taxonomy.models import Synset


class CollectionViewSet(ReadOnlyModelViewSet[Collection]):
    """The labelling campaigns, with the classes that each asks for."""

    queryset = Collection.objects.select_related("root").prefetch_related("collectionclass_set")
    serializer_class = CollectionSerializer
    lookup_field = "slug"


class LeasesView(APIView):
    """Questions to answer."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=LeaseRequestSerializer, responses=LeasesSerializer)
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Return up to `count` leases that you hold: those you hold already, renewed, then new ones."""
        collection = get_object_or_404(Collection, slug=slug)
        wanted = LeaseRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        leases = Lease.objects.hand_out(collection, request.user, wanted.validated_data["count"])
        # Others may hold for a moment what is left, so having none now is not yet the end.
        is_finished = not leases and not Lease.objects.might_come(collection, request.user)
        detail = _nothing_left(collection) if is_finished else ""
        data = {"leases": leases, "is_finished": is_finished, "detail": detail}
        return Response(LeasesSerializer(data).data)


def _nothing_left(collection: Collection) -> str:
    if not collection.is_open:
        return f"{collection} is closed."
    return (
        "You have been asked everything that is open here. Thank you; more may come when others have voted."
    )


class VotesView(APIView):
    """Answers."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=VotesSerializer, responses=VoteResultsSerializer)
    def post(self, request: AuthenticatedApiRequest) -> Response:
        """Cast votes, each on a lease that you hold; the answer says of each whether it was recorded.

        Sending a vote again does no harm: it is "repeated". A vote is "refused", and the others are kept, where
        its lease ran out, was answered otherwise before, or never was yours.
        """
        votes = VotesSerializer(data=request.data)
        votes.is_valid(raise_exception=True)
        return Response({"results": _cast(request.user, votes.validated_data["votes"])})


@transaction.atomic
def _cast(annotator: User, votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    leases = (
        Lease.objects.filter(annotator=annotator)
        .select_related("annotator")
        .in_bulk([vote["lease"] for vote in votes])
    )
    wnids = {vote["synset"] for vote in votes if vote.get("synset")}
    synsets = {synset.wnid: synset for synset in Synset.objects.filter(wnid__in=wnids)}
    question_of = {pk: lease.question_id for pk, lease in leases.items()}
    results = {}
    # In the order of their questions, as every request locks them, so that two requests cannot deadlock.
    for place, vote in sorted(enumerate(votes), key=lambda pair: question_of.get(pair[1]["lease"], 0)):
        wnid = vote.get("synset") or ""
        if wnid and wnid not in synsets:
            status, detail = "refused", f"Expected the wnid of a noun; found {wnid!r}."
        elif lease := leases.pop(vote["lease"], None):
            status, detail = _cast_one(lease, synsets.get(wnid), vote.get("seconds"))
        else:
            status, detail = _look_up(annotator, vote["lease"], synsets.get(wnid))
        results[place] = {"lease": vote["lease"], "status": status, "detail": detail}
    return [results[place] for place in range(len(votes))]


def _cast_one(lease: Lease, synset: Synset | None, seconds: float | None) -> tuple[str, str]:
    try:
        lease.cast(synset, seconds)
    except (LeaseExpiredError, NotAClassError) as error:
        return "refused", str(error)
    return "recorded", ""


def _look_up(annotator: User, lease: int, synset: Synset | None) -> tuple[str, str]:
    """Tell a vote that is sent again from one that contradicts it, and both from a lease that is not held."""
    cast = Vote.objects.filter(annotator=annotator, lease_number=lease).first()
    if cast is None:
        return "refused", f"Expected a lease that you hold; lease {lease} ran out or is not yours."
    if cast.synset == synset:
        return "repeated", ""
    return "refused", f"You have already answered this question: {cast.synset or 'cannot tell'}."
