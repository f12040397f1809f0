"""Entering a finished run by program."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import flood
from accounts.http import AuthenticatedApiRequest
from accounts.models import Scope
from competition import run_entry
from competition.models import Contest, SubmissionRefusedError
from competition.submission_serializers import ContestField, SubmissionSerializer
from competition.tasks import score_queued
from training.models import Run


class EnterRunSerializer(serializers.Serializer[Any]):
    contest = ContestField(slug_field="slug", queryset=Contest.objects.select_related("snapshot__collection"))


class EnterRunView(APIView):
    """Entering a finished run in a contest on its snapshot."""

    token_scope = Scope.COMPETE
    permission_classes = [IsAuthenticated]

    @extend_schema(request=EnterRunSerializer, responses={201: SubmissionSerializer})
    def post(self, request: AuthenticatedApiRequest, pk: int) -> Response:
        """Hand in what a finished network says of the test pictures, for your team: by whoever started the run, and
        by who runs the contest. Once for each run, so that sending it again does no harm.
        """
        sent = EnterRunSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        contest = sent.validated_data["contest"]
        run = get_object_or_404(Run.objects.select_related("snapshot__collection"), pk=pk)
        if not run_entry.may_enter(run, contest, request.user):
            raise PermissionDenied(_("Only those who started a run, or run the contest, enter it."))
        flood.spend(request, "uploads")
        try:
            submission = run_entry.enter(run, contest, request.user)
        except SubmissionRefusedError as error:
            raise serializers.ValidationError(str(error), code="refused") from error
        # The row is kept whatever becomes of the message: a sweep finds it.
        transaction.on_commit(score_queued.delay, robust=True)
        return Response(SubmissionSerializer(submission, context={"request": request}).data, status=201)
