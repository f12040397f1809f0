import pytest
from django.contrib.admin import site
from django.urls import reverse

from competition.admin import PhaseInline
from competition.models import Contest, Submission
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_the_public_share_stands_once_there_are_entries(rf, phase, predictions):
    inline = PhaseInline(Contest, site)
    request = rf.get(reverse("admin:competition_contest_change", args=[phase.contest.pk]))

    assert inline.get_readonly_fields(request, None) == ()
    assert inline.get_readonly_fields(request, phase.contest) == ()
    Submission.objects.submit(phase, make_user(), "guessing", predictions())
    assert inline.get_readonly_fields(request, phase.contest) == ("public_share",)
