"""What the taxonomy keeps about somebody: see accounts.personal. Its ledger loses no line, and names nobody."""

from django.utils.translation import ngettext

from accounts.personal import Kept
from taxonomy.models import Change, Draft

KEPT = [
    Kept(
        "drafts",
        lambda user: Draft.objects.filter(author=user).order_by("pk"),
        {"kind": "kind", "summary": "summary", "reason": "reason", "state": "state", "made_at": "created_at"},
        lambda n: (
            ngettext("%(n)s draft of a change of the nouns", "%(n)s drafts of changes of the nouns", n)
            % {"n": n}
        ),
    ),
    Kept(
        "changes",
        lambda user: Change.objects.filter(author=user).order_by("pk"),
        {"number": "pk", "summary": "summary", "reason": "reason", "made_at": "created_at"},
        lambda n: ngettext("%(n)s change of the nouns", "%(n)s changes of the nouns", n) % {"n": n},
    ),
]
