"""Teams, invitations and mergers by program."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from accounts.models import Scope, User
from competition.models import Invitation, MergeOffer, Team, TeamRefusedError
from competition.team_serializers import (
    AnotherTeamSerializer,
    InvitationSerializer,
    MergeOfferSerializer,
    NewTeamSerializer,
    RenameSerializer,
    SomebodySerializer,
    TeamSerializer,
)


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer what a team refuses with status 400 and its sentence."""
    try:
        yield
    except TeamRefusedError as error:
        raise ValidationError(str(error), code="refused") from error


def _read(kind: type[Serializer[Any]], request: AuthenticatedApiRequest) -> dict[str, Any]:
    wanted = kind(data=request.data)
    wanted.is_valid(raise_exception=True)
    return dict(wanted.validated_data)


class TeamViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Team]):
    """Your teams, one in each contest that you have entered. Limits count by team."""

    token_scope = Scope.COMPETE
    queryset = Team.objects.none()
    serializer_class = TeamSerializer
    permission_classes = [IsAuthenticated]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> QuerySet[Team]:
        mine = Team.objects.filter(memberships__user=self.request.user.pk).select_related("contest")
        return mine.prefetch_related(
            "memberships__user", "memberships__team", "invitations__invitee", "invitations__inviter",
            "invitations__team__contest", "offers__into", "offers__team", "offered__team", "offered__into",
        )  # fmt: skip

    @extend_schema(request=NewTeamSerializer, responses={201: TeamSerializer})
    def create(self, request: AuthenticatedApiRequest) -> Response:
        """Enter a contest: the answer is your team, a new one where you have none. Handing in does so by itself."""
        wanted = _read(NewTeamSerializer, request)
        with _refusals():
            team = Team.objects.enter(wanted["contest"], request.user)
            if name := wanted.get("name"):
                team.check_captain(request.user)
                team.rename(name)
        return Response(self._told(team), status=201)

    @extend_schema(request=RenameSerializer, responses=TeamSerializer)
    @action(detail=True, methods=["post"])
    def rename(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Give the team another name, by its captain."""
        team = self.get_object()
        with _refusals():
            team.check_captain(request.user)
            team.rename(_read(RenameSerializer, request)["name"])
        return Response(self._told(team))

    @extend_schema(request=SomebodySerializer, responses={201: InvitationSerializer})
    @action(detail=True, methods=["post"])
    def invite(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Ask somebody to join, by the captain. They accept or decline at /api/invitations/."""
        team = self.get_object()
        flood.spend(request, "comments")  # it reaches somebody who may not want it, as a comment does
        somebody = self._somebody(request)
        with _refusals():
            invitation = team.invite(somebody, request.user)
        return Response(InvitationSerializer(invitation).data, status=201)

    @extend_schema(request=SomebodySerializer, responses=TeamSerializer)
    @action(detail=True, methods=["post"])
    def remove(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Take somebody out, by the captain. Entries stay with the team."""
        team, somebody = self.get_object(), self._somebody(request)
        with _refusals():
            team.remove(somebody, request.user)
        return Response(self._told(team))

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def leave(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Leave the team. Its last member may do so only without entries."""
        team = self.get_object()
        with _refusals():
            team.leave(request.user)
        return Response(status=204)

    @extend_schema(request=AnotherTeamSerializer, responses={201: MergeOfferSerializer})
    @action(detail=True, methods=["post"], url_path="offer-merge")
    def offer_merge(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Offer that this team goes over into another, by the captain; the other's accepts at /api/merge-offers/."""
        team = self.get_object()
        name = _read(AnotherTeamSerializer, request)["into"]
        others = Team.objects.standing().filter(contest=team.contest_id)
        into = others.filter(name__iexact=name).first()
        if into is None:
            raise ValidationError(
                {
                    "into": [
                        _("Expected another team of %(contest)s; found %(name)s.")
                        % {"contest": team.contest, "name": repr(name)}
                    ]
                }
            )
        flood.spend(request, "comments")
        with _refusals():
            offer = team.offer_merge(into, request.user)
        return Response(MergeOfferSerializer(offer).data, status=201)

    def _somebody(self, request: AuthenticatedApiRequest) -> User:
        username = _read(SomebodySerializer, request)["username"]
        somebody = User.objects.filter(username=username, kind=User.Kind.PERSON).first()
        if somebody is None:
            raise ValidationError(
                {
                    "username": [
                        _("Expected somebody's username; found %(username)s.") % {"username": repr(username)}
                    ]
                }
            )
        return somebody

    def _told(self, team: Team) -> dict[str, Any]:
        found = self.get_queryset().get(pk=team.pk)
        return dict(TeamSerializer(found, context=self.get_serializer_context()).data)


class InvitationViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Invitation]):
    """Teams that want you to join."""

    token_scope = Scope.COMPETE
    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer
    permission_classes = [IsAuthenticated]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> QuerySet[Invitation]:
        mine = Invitation.objects.filter(invitee=self.request.user.pk).order_by("pk")
        return mine.select_related("team__contest", "invitee", "inviter")

    @extend_schema(request=None, responses=TeamSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Join the team."""
        invitation = self.get_object()
        with _refusals():
            team = invitation.accept()
        return Response(TeamSerializer(team, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def decline(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Do not join it."""
        self.get_object().decline()
        return Response(status=204)


class MergeOfferViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[MergeOffer]):
    """Offers of one team to go over into another, where either is yours."""

    token_scope = Scope.COMPETE
    queryset = MergeOffer.objects.none()
    serializer_class = MergeOfferSerializer
    permission_classes = [IsAuthenticated]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> QuerySet[MergeOffer]:
        me = self.request.user.pk
        mine = MergeOffer.objects.filter(Q(team__memberships__user=me) | Q(into__memberships__user=me))
        return mine.select_related("team", "into").order_by("pk").distinct()

    @extend_schema(request=None, responses=TeamSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Take the other team in, by the captain: its people and entries go over."""
        offer = self.get_object()
        with _refusals():
            team = offer.accept(request.user)
        return Response(TeamSerializer(team, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def decline(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Drop the offer, by the captain of either team."""
        offer = self.get_object()
        with _refusals():
            offer.decline(request.user)
        return Response(status=204)
