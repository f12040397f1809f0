"""Teams as programs read and change them."""

from typing import Any

from rest_framework import serializers

from competition.models import Contest, Invitation, Membership, MergeOffer, Team
from competition.submission_serializers import ContestField


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """Somebody in a team."""

    username = serializers.CharField(source="user.display_name", read_only=True)
    is_captain = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["username", "is_captain", "joined_at"]

    def get_is_captain(self, membership: Membership) -> bool:
        return membership.user_id == membership.team.captain_id


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A team's wish that somebody joins."""

    contest = serializers.CharField(source="team.contest.slug", read_only=True)
    team = serializers.CharField(source="team.name", read_only=True)
    invitee = serializers.CharField(source="invitee.display_name", read_only=True)
    inviter = serializers.CharField(source="inviter.display_name", read_only=True)

    class Meta:
        model = Invitation
        fields = ["id", "contest", "team", "invitee", "inviter", "created_at"]


class MergeOfferSerializer(serializers.ModelSerializer[MergeOffer]):
    """A team's wish to go over into another."""

    team = serializers.CharField(source="team.name", read_only=True)
    into = serializers.CharField(source="into.name", read_only=True)

    class Meta:
        model = MergeOffer
        fields = ["id", "team", "into", "created_at"]


class TeamSerializer(serializers.ModelSerializer[Team]):
    """One of your teams."""

    contest: serializers.SlugRelatedField = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    members = MemberSerializer(source="memberships", many=True, read_only=True)
    invitations = InvitationSerializer(many=True, read_only=True)
    offers = MergeOfferSerializer(many=True, read_only=True, help_text="To go over into another team.")
    offered = MergeOfferSerializer(
        many=True, read_only=True, help_text="Of teams that would go over into it."
    )

    class Meta:
        model = Team
        fields = ["id", "contest", "name", "members", "invitations", "offers", "offered", "created_at"]
        read_only_fields = ["created_at"]


class NewTeamSerializer(serializers.Serializer[Any]):
    """Which contest to enter, and under which name."""

    contest = ContestField(slug_field="slug", queryset=Contest.objects.all())
    name = serializers.CharField(max_length=60, required=False, help_text="Left out, your own.")


class RenameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)


class SomebodySerializer(serializers.Serializer[Any]):
    """Somebody by their username."""

    username = serializers.CharField(max_length=150)


class AnotherTeamSerializer(serializers.Serializer[Any]):
    """Another team of the same contest by its name."""

    into = serializers.CharField(max_length=60)
