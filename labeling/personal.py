"""What labelling keeps about somebody: see accounts.personal. Votes are the data set, so they stay."""

from django.utils.translation import ngettext

from accounts.personal import Kept
from labeling.models import (
    Collection,
    Comment,
    Dispute,
    Flag,
    Intake,
    Lease,
    QuizPass,
    Report,
    Retraction,
    Skill,
    Skip,
    Standing,
    Vote,
    VotingDay,
)

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
        "votes_taken_back",
        lambda user: Retraction.objects.filter(annotator=user).order_by("pk"),
        {
            "picture": "question__image__sha256",
            "answer": "answer",
            "synset": "synset__wnid",
            "cast_at": "cast_at",
        },
        lambda n: ngettext("%(n)s vote that you took back", "%(n)s votes that you took back", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "skips",
        lambda user: Skip.objects.filter(annotator=user).order_by("pk"),
        {"picture": "question__image__sha256", "skipped_at": "skipped_at"},
        lambda n: ngettext("%(n)s picture that you skipped", "%(n)s pictures that you skipped", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "skills",
        lambda user: Skill.objects.filter(annotator=user).order_by("pk"),
        # Only that there is one: it moves with one's votes on test pictures, so it would tell their labels. Standings
        # say how often one was right elsewhere.
        {"collection": "collection__slug"},
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
        "standings",
        lambda user: Standing.objects.filter(annotator=user).order_by("pk"),
        {"collection": "collection__slug", **{name: name for name in Standing.COUNTS}},
        lambda n: ngettext("%(n)s count of your votes", "%(n)s counts of your votes", n) % {"n": n},
    ),
    Kept(
        "quizzes",
        lambda user: QuizPass.objects.filter(annotator=user).order_by("pk"),
        {
            "collection": "collection__slug",
            "synset": "synset__wnid",
            "noun": "synset__name",
            "passed_at": "passed_at",
        },
        lambda n: (
            ngettext("%(n)s noun that you were found to know", "%(n)s nouns that you were found to know", n)
            % {"n": n}
        ),
        goes=True,
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
    Kept(
        "uploads",
        lambda user: Intake.objects.filter(sender=user).order_by("pk"),
        {
            "collection": "collection__slug",
            "name": "name",
            "size": "size",
            "added": "n_added",
            "refused": "n_refused",
            "sent_at": "created_at",
        },
        lambda n: ngettext("%(n)s report of an upload", "%(n)s reports of uploads", n) % {"n": n},
        goes=True,
        forget=lambda intakes: intakes.forget(),
    ),
    Kept(
        "comments",
        lambda user: Comment.objects.filter(author=user).order_by("pk"),
        {
            "picture": "image__sha256",
            "synset": "synset__wnid",
            "text": "text",
            "said_at": "created_at",
            "hidden_because": "hidden_reason",
        },
        lambda n: ngettext("%(n)s comment", "%(n)s comments", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "flags",
        lambda user: Flag.objects.filter(flagger=user).order_by("pk"),
        {"comment": "comment_id", "made_at": "created_at"},
        lambda n: ngettext("%(n)s flag on a comment", "%(n)s flags on comments", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "reports",
        lambda user: Report.objects.filter(reporter=user).order_by("pk"),
        {
            "picture": "image__sha256",
            "reason": "reason",
            "note": "note",
            "made_at": "created_at",
            "outcome": "outcome",
        },
        lambda n: (
            ngettext(
                "%(n)s report of a picture, without your words",
                "%(n)s reports of pictures, without your words",
                n,
            )
            % {"n": n}
        ),
        forget=lambda reports: reports.update(note=""),
    ),
    Kept(
        "labels_asked_again",
        lambda user: Dispute.objects.filter(asked_by=user).order_by("pk"),
        {"picture": "question__image__sha256", "network": "network__name", "made_at": "made_at"},
        lambda n: (
            ngettext(
                "%(n)s label that you had asked about again",
                "%(n)s labels that you had asked about again",
                n,
            )
            % {"n": n}
        ),
        forget=lambda disputes: disputes.update(asked_by=None),
    ),
    Kept(
        "days",
        lambda user: VotingDay.objects.filter(annotator=user).order_by("day"),
        {"labelled_on": "day"},
        lambda n: (
            ngettext(
                "the note of %(n)s day on which you labelled",
                "the notes of %(n)s days on which you labelled",
                n,
            )
            % {"n": n}
        ),
        goes=True,
    ),
]
