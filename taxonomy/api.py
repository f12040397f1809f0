"""The taxonomy by program: nouns and changes for everybody, drafts for curators."""

from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from taxonomy import proposing
from taxonomy.changes import ChangeRefusedError
from taxonomy.chronicle import entries, light
from taxonomy.models import Change, Draft, Synset, SynsetQuerySet
from taxonomy.models.ledger import ChangeQuerySet, DraftQuerySet, Kind
from taxonomy.models.synsets import may_curate
from taxonomy.serializers import (
    ChangeDetailSerializer,
    ChangeSerializer,
    DraftSerializer,
    NeighbourSerializer,
    ProposalSerializer,
    ReasonSerializer,
    SynsetDetailSerializer,
    SynsetSerializer,
)

REFUSED = OpenApiResponse(
    description="The tree as it stands does not allow it; `detail` says why in one sentence."
)


class BoundedJSONParser(JSONParser):
    """JSON, but none that is nested too deeply to be read."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError as error:
            raise ParseError(_("Expected JSON that is nested a few levels deep; found hundreds.")) from error


class IsCurator(BasePermission):
    message = "Only curators change the taxonomy."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_curate(request.user)


class ChangeRefused(APIException):
    """The request is right in itself; the tree is not such that it could be followed."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "refused"


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter(
                "q",
                str,
                description="Only nouns that it may mean, the likeliest first.",
            ),
            OpenApiParameter("under", str, description="Only what is below the noun with this wnid, and it."),
            OpenApiParameter("roots", bool, description="Only the tops of the tree."),
        ]
    )
)
class SynsetViewSet(ReadOnlyModelViewSet[Synset]):
    """The nouns of the taxonomy. Sensitive ones are for curators; a retired one is told by its wnid alone."""

    queryset = Synset.objects.none()
    lookup_field = "wnid"

    def get_serializer_class(self) -> type[BaseSerializer]:
        if self.action == "hyponyms":
            return NeighbourSerializer
        return SynsetSerializer if self.action == "list" else SynsetDetailSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "shown": self._shown()}

    def get_queryset(self) -> SynsetQuerySet:
        if self.action == "list":
            return self._listed()
        synsets = self._shown() | Synset.objects.filter(self._may_see_retired()).filter(is_retired=True)
        return synsets.select_related("tally", "becomes").prefetch_related("lemmas", "external_ids")

    def _shown(self) -> SynsetQuerySet:
        return Synset.objects.shown_to(self.request.user)

    def _may_see_retired(self) -> Q:
        # One that is only drafted has no change yet, and is nobody's business.
        was_in_the_tree = Exists(Change.synsets.through.objects.filter(synset=OuterRef("pk")))
        return Q(was_in_the_tree) if may_curate(self.request.user) else Q(was_in_the_tree, is_sensitive=False)

    def _listed(self) -> SynsetQuerySet:
        wanted = self.request.query_params
        synsets = self._shown()
        if wnid := wanted.get("under", ""):
            top = self._shown().filter(wnid=wnid).first()
            if top is None:
                raise ValidationError(
                    {
                        "under": [
                            _("Expected the wnid of a noun in the taxonomy; found %(wnid)s.")
                            % {"wnid": repr(wnid[:80])}
                        ]
                    }
                )
            synsets = synsets.below(top)
        if _is_true(wanted.get("roots", "")):
            synsets = synsets & Synset.objects.roots()
        if query := wanted.get("q", "").strip():
            flood.spend(self.request, "searches")
            synsets = synsets.search(query)
        return synsets.select_related("tally").prefetch_related("lemmas")

    @extend_schema(responses=NeighbourSerializer(many=True))
    @action(detail=True)
    def hyponyms(self, request: Request, wnid: str) -> Response:
        """What is right below a noun, by name, in pages."""
        page = self.paginate_queryset(self._shown().filter(hypernym_edges__hypernym=self.get_object()))
        return self.get_paginated_response(NeighbourSerializer(page, many=True).data)


def _is_true(text: str) -> bool:
    if text.lower() not in {"", "0", "1", "false", "true"}:
        raise ValidationError(
            {"roots": [_("Expected true or false; found %(text)s.") % {"text": repr(text[:80])}]}
        )
    return text.lower() in {"1", "true"}


@extend_schema_view(
    list=extend_schema(parameters=[OpenApiParameter("state", str, enum=Draft.State.values)]),
    create=extend_schema(
        request=ProposalSerializer,
        responses={201: DraftSerializer, 409: REFUSED},
        operation_id="drafts_propose",
    ),
)
class DraftViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet[Draft]):
    """Changes on their way: propose one, read what it touches, commit it. For curators."""

    queryset = Draft.objects.none()
    serializer_class = DraftSerializer
    permission_classes = [IsCurator]
    parser_classes = [BoundedJSONParser]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> DraftQuerySet:
        drafts = Draft.objects.select_related("author", "approver")
        if state := self.request.query_params.get("state", ""):
            _check_choice("state", state, Draft.State.values)
            drafts = drafts.filter(state=state)
        return drafts

    def create(self, request: AuthenticatedApiRequest) -> Response:
        """Propose a change. It is previewed within seconds; read the draft again for what it touches."""
        wanted = ProposalSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        draft = _propose(request, **wanted.validated_data)
        return Response(DraftSerializer(draft).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={200: DraftSerializer, 409: REFUSED})
    @action(detail=True, methods=["post"])
    def commit(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Commit a draft that is ready; a large one then waits for a second curator. Repeating it does no harm."""
        draft = self.get_object()
        proposing.commit(draft)
        return self._answer(draft, {Draft.State.WAITING, Draft.State.QUEUED, Draft.State.COMMITTED})

    @extend_schema(request=None, responses={200: DraftSerializer, 409: REFUSED})
    @action(detail=True, methods=["post"])
    def approve(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Approve a draft that waits for a second curator, who is not its author."""
        draft = self.get_object()
        if draft.author_id == request.user.pk:
            raise ChangeRefused(_("A second curator has to approve it, not its author."))
        proposing.approve(draft, request.user)
        return self._answer(draft, {Draft.State.QUEUED, Draft.State.COMMITTED})

    @extend_schema(request=None, responses={200: DraftSerializer, 409: REFUSED})
    @action(detail=True, methods=["post"])
    def discard(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Give a draft up."""
        draft = self.get_object()
        proposing.discard(draft)
        return self._answer(draft, {Draft.State.DISCARDED})

    def _answer(self, draft: Draft, expected: set[Draft.State]) -> Response:
        draft.refresh_from_db()
        if draft.state not in expected:
            words = " or ".join(sorted(expected))
            raise ChangeRefused(
                _("Expected a draft that can become %(words)s; found one that is %(state)s.")
                % {"words": words, "state": draft.state}
            )
        return Response(DraftSerializer(draft).data)


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("kind", str, enum=Kind.values),
            OpenApiParameter("author", str, description="A username."),
            OpenApiParameter("synset", str, description="Only changes that touched the noun with this wnid."),
        ]
    )
)
class ChangeViewSet(GenericViewSet[Any]):
    """The ledger, the latest change first. What a change says of a sensitive noun is for curators."""

    queryset = Change.objects.none()
    serializer_class = ChangeSerializer
    parser_classes = [BoundedJSONParser]
    request: AuthenticatedApiRequest

    def get_queryset(self) -> ChangeQuerySet:
        return self._filtered(light())

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(
            ChangeSerializer(entries(page or [], request.user), many=True).data
        )

    @extend_schema(responses=ChangeDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        [entry] = entries([self._change(pk)], request.user)
        if not entry.is_told:
            raise NotFound
        return Response(ChangeDetailSerializer(entry, context={"hidden": _hidden_from(request.user)}).data)

    def _change(self, pk: str) -> Change:
        number = int(pk) if pk.isdecimal() and len(pk) < 19 else 0
        change: Change = get_object_or_404(Change.objects.select_related("author", "approver"), pk=number)
        return change

    def _filtered(self, changes: ChangeQuerySet) -> ChangeQuerySet:
        wanted = self.request.query_params
        if kind := wanted.get("kind", ""):
            _check_choice("kind", kind, Kind.values)
            changes = changes.filter(kind=kind)
        if author := wanted.get("author", ""):
            changes = changes.filter(author__username=author)
        if wnid := wanted.get("synset", ""):
            hidden = _hidden_from(self.request.user)
            changes = changes.none() if wnid in hidden else changes.filter(synsets__wnid=wnid)
        return changes

    @extend_schema(request=ReasonSerializer, responses={201: DraftSerializer, 409: REFUSED})
    @action(detail=True, methods=["post"], permission_classes=[IsCurator])
    def undo(self, request: AuthenticatedApiRequest, pk: str) -> Response:
        """Propose the undoing of a change: a draft as any other."""
        wanted = ReasonSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        change = self._change(pk)
        draft = _propose(request, kind=Kind.UNDO, arguments={"change": change.pk}, **wanted.validated_data)
        return Response(DraftSerializer(draft).data, status=status.HTTP_201_CREATED)


def _hidden_from(user: object) -> set[str]:
    """Return the wnids that `user` may not see, in the tree of today or before."""
    nouns = Synset.objects.none() if may_curate(user) else Synset.objects.filter(is_sensitive=True)
    return set(nouns.values_list("wnid", flat=True))


def _propose(request: AuthenticatedApiRequest, *, kind: str, arguments: dict[str, Any], reason: str) -> Draft:
    try:
        return proposing.propose(kind, arguments, author=request.user, reason=reason)
    except ChangeRefusedError as error:
        raise ChangeRefused(str(error)) from error


def _check_choice(name: str, value: str, expected: list[str]) -> None:
    if value not in expected:
        raise ValidationError(
            {
                name: [
                    _("Expected one of %(wanted)s; found %(value)s.")
                    % {"wanted": ", ".join(expected), "value": repr(value[:80])}
                ]
            }
        )
