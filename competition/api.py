"""Contests, leaderboards and entries by program."""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from accounts.models import Scope, User
from competition import standings
from competition.models import Contest, MethodCard, Part, Submission, SubmissionRefusedError, Team
from competition.serializers import ContestPageSerializer, ContestSerializer, LeaderboardRowSerializer
from competition.submission_serializers import (
    ChoiceOfEntrySerializer,
    MethodCardSerializer,
    SubmissionPageSerializer,
    SubmissionSerializer,
)
from competition.tasks import score_queued

LONGEST_KEY = 64
_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A name of your own for this act, of 64 characters at most: sent again under the same one, the entry "
    "that is there is answered and none is made.",
)
_FILTERS = [
    OpenApiParameter("contest", str, description="Those in the contest with this slug."),
    OpenApiParameter("status", str, enum=Submission.Status.values),
]


class TooLateError(APIException):
    """The entry is in no state in which that can be done."""

    status_code = 409
    default_code = "too_late"


class ContestViewSet(ReadOnlyModelViewSet[Contest]):
    """Contests on hidden test labels."""

    queryset = (
        Contest.objects.select_related("snapshot__collection")
        .prefetch_related("phases")
        .defer("snapshot__taxonomy", "snapshot__card")
    )
    lookup_field = "slug"

    def get_serializer_class(self) -> type[ContestSerializer]:
        return ContestSerializer if self.action == "list" else ContestPageSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Contests, the latest first."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One contest with its phases, limits and rules; and, with a token, the places that you have left."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "part", str, enum=Part.values, description="The private one once the contest is over."
            ),
        ],
        responses=LeaderboardRowSerializer(many=True),
    )
    @action(detail=True)
    def leaderboard(self, request: Request, slug: str) -> Response:
        """The entries on the board in its order; late ones come last and have no rank."""
        part = request.query_params.get("part")
        if part and part not in Part.values:
            raise ValidationError({"part": [f"Expected {' or '.join(Part.values)}; found {part[:20]!r}."]})
        rows = standings.board(self.get_object(), Part(part) if part else None)
        page = self.paginate_queryset(rows)  # type: ignore[arg-type]  # of another model than the view's
        return self.get_paginated_response(LeaderboardRowSerializer(page, many=True).data)  # type: ignore[arg-type]


class SubmissionViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Submission]):
    """Entries of your teams."""

    token_scope = Scope.COMPETE
    queryset = Submission.objects.none()
    permission_classes = [IsAuthenticated]
    parser_classes = [MultiPartParser, JSONParser, FormParser]
    request: AuthenticatedApiRequest

    def get_serializer_class(self) -> type[SubmissionSerializer]:
        return SubmissionSerializer if self.action == "list" else SubmissionPageSerializer

    def get_queryset(self) -> QuerySet[Submission]:
        user = self.request.user
        if self.action == "list":
            teams = Team.objects.filter(memberships__user=user.pk)
            mine = Submission.objects.filter(Q(author=user.pk) | Q(team__in=teams))
            return _with_all(self._chosen(mine))
        return _with_all(Submission.objects.filter(pk__in=Submission.objects.visible_to(user).values("pk")))

    def _chosen(self, entries: QuerySet[Submission]) -> QuerySet[Submission]:
        names = {"contest": "phase__contest__slug", "status": "status"}
        asked = self.request.query_params
        return entries.filter(**{names[name]: asked[name] for name in names if asked.get(name)})

    @extend_schema(parameters=_FILTERS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your entries and those of your teams, the latest first."""
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One of them, or a baseline, as it is now. While the contest goes on its scores are what the board says."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        parameters=[_KEY],
        request={"multipart/form-data": SubmissionSerializer},
        responses={201: SubmissionPageSerializer},
    )
    def create(self, request: AuthenticatedApiRequest) -> Response:
        """Hand in a file for your team, a new team of one where you have none. It takes a place under the limit, and
        a failure gives that back.
        """
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise ValidationError(
                {
                    "Idempotency-Key": [
                        _("Expected at most %(longest_key)s characters; found %(n)s.")
                        % {"longest_key": LONGEST_KEY, "n": len(key)}
                    ]
                }
            )
        flood.spend(request, "uploads")
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        try:
            entry = Submission.objects.submit(
                said["phase"]["contest"].phase, request.user, said["method"], said["file"],
                kind=said["kind"], network=said["network"], token=key,
            )  # fmt: skip
        except SubmissionRefusedError as error:
            raise ValidationError(str(error), code="refused") from error
        # The row is kept whatever becomes of the message: a sweep finds it.
        transaction.on_commit(score_queued.delay, robust=True)
        return Response(self._told(entry.pk), status=201)

    @extend_schema(request=None, responses=SubmissionPageSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """End an entry that has not ended, by its team or the contest's organiser; status 409 otherwise. Its place
        under the limit is given back.
        """
        entry = self.get_object()
        theirs = Submission.objects.filter(pk=entry.pk)
        may = theirs.changed_by(request.user).exists() or theirs.organised_by(request.user).exists()
        if not may or not theirs.cancel():
            entry.refresh_from_db(fields=["status"])
            raise TooLateError(
                _("Expected an entry of yours that has not ended; this one is %(entry)s.")
                % {"entry": entry.status}
            )
        return Response(self._told(entry.pk))

    @extend_schema(request=ChoiceOfEntrySerializer, responses=SubmissionPageSerializer)
    @action(detail=True, methods=["post"])
    def choose(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Have a scored entry of your team measured on the private part, or with `chosen` false not. Who chooses
        nothing is measured by what did best on the public part.
        """
        wanted = ChoiceOfEntrySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        entry = get_object_or_404(Submission.objects.changed_by(request.user), pk=pk)
        try:
            entry.choose(wanted.validated_data["chosen"])
        except SubmissionRefusedError as error:
            raise ValidationError(str(error), code="refused") from error
        return Response(self._told(entry.pk))

    @extend_schema(methods=["get"], responses=MethodCardSerializer)
    @extend_schema(methods=["put"], request=MethodCardSerializer, responses=MethodCardSerializer)
    @action(detail=True, methods=["get", "put"], permission_classes=[AllowAny])
    def card(self, request: Request, pk: str) -> Response:
        """What its team says of how an entry was made: of those on a board for everybody, to change by its team."""
        if request.method == "PUT":
            return Response(self._write_card(request, pk))
        told = Q(standings__isnull=False)
        if isinstance(request.user, User):
            told |= Q(pk__in=Submission.objects.visible_to(request.user).values("pk"))
        entry = get_object_or_404(Submission.objects.filter(told).distinct().only("pk"), pk=pk)
        return Response(MethodCardSerializer(MethodCard.objects.filter(submission=entry).first()).data)

    def _write_card(self, request: Request, pk: str) -> dict[str, Any]:
        if not isinstance(request.user, User):
            self.permission_denied(request)
        entry = get_object_or_404(Submission.objects.changed_by(request.user), pk=pk)
        card = MethodCard.objects.filter(submission=entry).first()
        wanted = MethodCardSerializer(card, data=request.data)
        wanted.is_valid(raise_exception=True)
        wanted.save(submission=entry)
        return dict(wanted.data)

    def _told(self, pk: int) -> dict[str, Any]:
        entry = _with_all(Submission.objects.filter(pk=pk)).get()
        return dict(SubmissionPageSerializer(entry, context=self.get_serializer_context()).data)


def _with_all(entries: QuerySet[Submission]) -> QuerySet[Submission]:
    """Read with them whatever their serializers tell."""
    snapshots = ("phase__contest__snapshot", "phase__contest__truth")
    rows = entries.select_related(*snapshots, "team", "author")
    # Of each entry's snapshot the digest is looked at; a taxonomy may be a megabyte.
    large = [f"{snapshot}__{name}" for snapshot in snapshots for name in ("taxonomy", "card")]
    return rows.defer(*large).prefetch_related("scores", "phase__contest__phases")
