"""What labelling keeps about somebody: see accounts.personal. Votes are the data set, so they stay."""

from django.utils.translation import ngettext

from accounts.personal import Kept
from labeling.models import Collection, Lease, Skill, Vote

KEPT = [
    Kept(
        "votes",
        lambda user: Vote.objects.filter(annotator=user).order_by("pk"),
        {
            "collection": "question__collection__slug",
            "picture": "question__image__sha256",
            "answer": "answer",
            "synset": "synset__wnid",
            "noun": "synset__name",
            "seconds": "seconds",
            "taxonomy_version": "taxonomy_version",
            "cast_at": "cast_at",
        },
        lambda n: ngettext("%(n)s vote", "%(n)s votes", n) % {"n": n},
    ),
    Kept(
        "skills",
        lambda user: Skill.objects.filter(annotator=user).order_by("pk"),
        {"collection": "collection__slug", "right": "right", "wrong": "wrong"},
        lambda n: (
            ngettext(
                "%(n)s estimate of how often your votes are right",
                "%(n)s estimates of how often your votes are right",
                n,
            )
            % {"n": n}
        ),
    ),
    Kept(
        "leases",
        lambda user: Lease.objects.filter(annotator=user).order_by("pk"),
        {"collection": "question__collection__slug", "expires_at": "expires_at"},
        lambda n: ngettext("%(n)s picture on loan to you", "%(n)s pictures on loan to you", n) % {"n": n},
        goes=True,
        forget=lambda leases: leases.release(),
    ),
    Kept(
        "collections",
        lambda user: Collection.objects.filter(owner=user).order_by("pk"),
        {"slug": "slug", "name": "name", "made_at": "created_at"},
        lambda n: (
            ngettext("%(n)s collection, without an owner", "%(n)s collections, without an owner", n)
            % {"n": n}
        ),
        forget=lambda collections: collections.update(owner=None),
    ),
]
