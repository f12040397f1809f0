"""What training keeps about somebody: see accounts.personal."""

from django.utils.translation import ngettext

from accounts.personal import Kept
from training.models import Run, TrainingPolicy

KEPT = [
    Kept(
        "trainings",
        lambda user: Run.objects.filter(author=user).order_by("pk"),
        {"number": "pk", "network": "network", "seed": "seed", "status": "status", "made_at": "created_at"},
        lambda n: ngettext("%(n)s training of a network", "%(n)s trainings of networks", n) % {"n": n},
    ),
    Kept(
        "training policies",
        lambda user: TrainingPolicy.objects.filter(author=user).order_by("pk"),
        {"collection": "collection__slug", "networks": "networks", "size_px": "size_px"},
        lambda n: ngettext("%(n)s training policy", "%(n)s training policies", n) % {"n": n},
    ),
]
