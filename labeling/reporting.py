"""What is reported of pictures, in the order of the queue, and what its owner's decision does."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, IntegerField, Min, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Act, User
from labeling.models import Collection, Image, Lease, NearDuplicate, Question, Report


class NotYoursToDecideError(Exception):
    """The picture is in a collection of somebody else too, or staff withdrew it, so staff decide."""


@dataclass(frozen=True)
class Decided:
    n_reports: int
    n_leases: int  # that a withdrawing ended


def collection_of(image: Image, slug: str) -> Collection | None:
    """Return the collection whose owner decides: the one it was seen in, else the first that asks about it."""
    asking = Collection.objects.filter(questions__image=image).order_by("pk")
    return asking.filter(slug=slug).first() or asking.first()


def queue(user: User, collection: Collection | None = None) -> QuerySet[Image, Any]:
    """The pictures with open reports that `user` judges, those reported first coming first. Each has its
    `open_reports`, and what `weighed` counts.
    """
    reports = Report.objects.open().judged_by(user)
    if collection:
        reports = reports.filter(collection=collection)
    pictures = Image.objects.filter(Exists(reports.filter(image=OuterRef("pk"))))
    reported_at = Min("reports__created_at", filter=Q(reports__handled_at=None))
    with_reports = Prefetch(
        "reports", reports.select_related("reporter").order_by("pk"), to_attr="open_reports"
    )
    queued = weighed(user, pictures).annotate(reported_at=reported_at)
    return queued.prefetch_related(with_reports).order_by("reported_at", "pk")


def weighed(user: User, pictures: QuerySet[Image, Any]) -> QuerySet[Image, Any]:
    """Count what withdrawing each of `pictures` would change: `n_collections`, `n_votes`, `n_leases`; `n_of_others`
    says how many of its collections are not this user's.
    """
    about = Question.objects.filter(image=OuterRef("pk")).order_by().values("image")
    leases = Lease.objects.filter(question__image=OuterRef("pk")).order_by().values("question__image")
    n_collections = Count("collection", distinct=True)  # one that verifies asks several times about it
    return pictures.annotate(
        n_collections=_number(about.annotate(n=n_collections)),
        n_votes=_number(about.annotate(n=Sum("n_votes"))),
        n_leases=_number(leases.annotate(n=Count("pk"))),
        n_of_others=_number(about.exclude(collection__owner=user).annotate(n=n_collections)),
    )


def _number(counted: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)


def withdrawn_lately(user: User, collection: Collection | None = None) -> QuerySet[Report]:
    """One report for each picture that was withdrawn for one and still is, the latest first."""
    reports = Report.objects.judged_by(user).filter(
        outcome=Report.Outcome.WITHDRAWN, image__withdrawn_at__isnull=False
    )
    if collection:
        reports = reports.filter(collection=collection)
    later = Report.objects.filter(
        image=OuterRef("image"), collection=OuterRef("collection"), outcome="withdrawn", pk__gt=OuterRef("pk")
    )
    return reports.exclude(Exists(later)).select_related("image", "handled_by").order_by("-handled_at", "-pk")


def owns_wholly(user: User, image: Image) -> bool:
    """Say whether every collection that asks about `image` is of `user`."""
    asking = image.questions.all()
    return asking.exists() and not asking.exclude(collection__owner=user).exists()


@transaction.atomic
def withdraw(image: Image, judge: User) -> Decided:
    """Withdraw `image` and close every open report of it. Raises NotYoursToDecideError."""
    if not (judge.is_staff or owns_wholly(judge, image)):
        raise NotYoursToDecideError(
            _("%(image)s is in a collection of somebody else too, so staff decide about it.")
            % {"image": image}
        )
    n_leases = image.withdraw()
    audit.record(Act.Kind.WITHDRAWN, image, by=judge)
    return Decided(image.reports.all().handle(Report.Outcome.WITHDRAWN, judge), n_leases)


@transaction.atomic
def withdraw_duplicate(pair: NearDuplicate, image: Image, judge: User) -> Decided:
    """Withdraw one picture of `pair` as if `judge` had reported it, so that the queue offers to put it back. Raises
    NotYoursToDecideError.
    """
    like = pair.other if image == pair.image else pair.image
    Report.objects.get_or_create(
        image=image,
        reporter=judge,
        handled_at=None,
        defaults={
            "collection": pair.collection,
            "reason": Report.Reason.DUPLICATE,
            "note": gettext("It looks like %(picture)s.") % {"picture": like},
        },
    )
    return withdraw(image, judge)


def keep(image: Image, judge: User) -> Decided:
    """Close the open reports of `image` that `judge` judges, and leave it where it is."""
    reports = Report.objects.filter(image=image).judged_by(judge)
    return Decided(reports.handle(Report.Outcome.KEPT, judge), 0)


def put_back(image: Image, judge: User) -> None:
    """Undo a withdrawing. Raises NotYoursToDecideError where somebody else withdrew it; staff always may."""
    mine = image.reports.filter(outcome=Report.Outcome.WITHDRAWN).order_by("-handled_at").first()
    is_mine = mine is not None and mine.handled_by_id == judge.pk and owns_wholly(judge, image)
    if not (judge.is_staff or is_mine):
        raise NotYoursToDecideError(
            _("%(image)s was withdrawn by somebody else, so staff decide about it.") % {"image": image}
        )
    image.put_back()
    audit.record(Act.Kind.PUT_BACK, image, by=judge)
