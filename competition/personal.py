"""What contests keep about somebody: see accounts.personal. Entries keep their ranks, so that others keep theirs."""

from django.utils.translation import ngettext

from accounts.personal import Kept
from competition.models import Submission

KEPT = [
    Kept(
        "entries",
        lambda user: Submission.objects.filter(author=user).order_by("pk"),
        {"contest": "phase__contest__slug", "method": "method", "status": "status", "made_at": "created_at"},
        lambda n: ngettext("%(n)s entry in contests", "%(n)s entries in contests", n) % {"n": n},
    )
]
