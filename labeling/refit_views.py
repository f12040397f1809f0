"""Refits of a collection, for its organiser and the staff: how far one is, and a button that starts one; or JSON."""

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import AuthenticatedApiRequest
from labeling.models import Collection, Refit, Refits
from labeling.owning import OwnerRequest, owners_only
from labeling.tasks import refit_waiting


def ask(collection: Collection) -> Refits:
    """Have a worker refit a collection anew, unless it waits for that or is being refitted; return how it stands."""
    Refit.objects.enqueue(collection, Refit.Cause.ASKED)
    # The row is kept whatever becomes of the message: a task that comes every minute finds it.
    transaction.on_commit(refit_waiting.delay, robust=True)
    return Refit.objects.of(collection)


# --- The API ---------------------------------------------------------------------------------------------------


class RefitSerializer(serializers.ModelSerializer[Refit]):
    """One refit, and how far it is or how it ended."""

    detail = serializers.CharField(source="error", read_only=True, help_text="Why it has failed.")
    took_s = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Seconds that a worker spent on it; null while none has."
    )

    class Meta:
        model = Refit
        fields = [
            "id", "state", "cause", "detail", "is_anew", "n_votes", "n_iterations", "moved", "took_s", "created_at",
            "started_at", "heartbeat_at", "finished_at",
        ]  # fmt: skip


class RefitsSerializer(serializers.Serializer[Refits]):
    """The refits of a collection."""

    current = RefitSerializer(allow_null=True, help_text="The one that waits or runs, if any does.")
    last = RefitSerializer(allow_null=True, help_text="The last one that ended.")
    ends_below = serializers.FloatField(help_text="A refit ends once an iteration moves nothing by more.")


class RefitView(APIView):
    """Refits of a collection."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=RefitsSerializer)
    def get(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """How far the refit of a collection that you may edit is, and what its last one took."""
        return Response(RefitsSerializer(Refit.objects.of(_find(request, slug))).data)

    @extend_schema(request=None, responses={202: RefitsSerializer})
    def post(self, request: AuthenticatedApiRequest, slug: str) -> Response:
        """Have skills and labels of a collection that you may edit learnt anew from all its votes. Where one refit
        waits or runs, no second one is started, and the answer tells of that.
        """
        return Response(RefitsSerializer(ask(_find(request, slug))).data, status=202)


def _find(request: AuthenticatedApiRequest, slug: str) -> Collection:
    return get_object_or_404(Collection.objects.edited_by(request.user), slug=slug)


# --- The page's part -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@owners_only
def refit(request: OwnerRequest, collection: Collection) -> HttpResponse:
    """The part of a page that tells of refits, which asks for itself while one runs, and its button. Without htmx the
    dashboard is shown.
    """
    is_pressed = request.method == "POST"
    refits = ask(collection) if is_pressed else Refit.objects.of(collection)
    if not request.htmx:
        return redirect(f"{reverse('labeling:dashboard', args=[collection.slug])}#refit")
    context = {
        "collection": collection,
        "refits": refits,
        "is_pressed": is_pressed,
        # The rest of the page that it is part of tells what was before.
        "page_before": None if refits.current else request.htmx.current_url_abs_path,
    }
    return render(request, "labeling/_refit.html", context)
