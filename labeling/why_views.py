"""Why a question is decided as it is, for its collection's organiser and the staff: a page, and the same as JSON."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.http import AuthenticatedApiRequest
from labeling.explaining import explain, is_secret, questions_of
from labeling.models import Collection
from labeling.owning import OwnerRequest, owners_only
from labeling.why_serializers import WhySerializer

KEPT_APART = "This picture is kept apart for contests, so nobody is told here what it was named."


class WhyView(APIView):
    """Why a question is decided as it is."""

    permission_classes = [IsAuthenticated]

    @extend_schema(responses=WhySerializer)
    def get(self, request: AuthenticatedApiRequest, slug: str, pk: int) -> Response:
        """One question of a collection that you may edit: what it is decided as and by which fit, every vote in the
        order cast with what it did to what was believed, and what the votes lead to today. For a picture that is
        kept apart for contests the answer is status 403.
        """
        collection = get_object_or_404(Collection.objects.edited_by(request.user), slug=slug)
        question = get_object_or_404(questions_of(collection), pk=pk)
        if is_secret(question, request.user):
            raise PermissionDenied(KEPT_APART)
        return Response(WhySerializer(explain(question)).data)


@require_safe
@owners_only
def why(request: OwnerRequest, collection: Collection, pk: int) -> HttpResponse:
    """One question, and why it is decided as it is. Of a picture kept apart for contests it says only that."""
    question = get_object_or_404(questions_of(collection), pk=pk)
    told = None if is_secret(question, request.user) else explain(question)
    context = {"collection": collection, "question": question, "why": told}
    return render(request, "labeling/why.html", context)
