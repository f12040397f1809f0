"""What labels do about a change of the taxonomy: worked out beforehand, switched over with it, restored by its undo.

No vote is edited. A vote for a noun that has left the tree counts as what that noun became, so a collection's classes
and the labels of its questions are worked out anew from the votes, and what they were is kept beside them.
"""

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext_noop

from labeling.following.preparation import Preparation
from labeling.following.switch import Switch
from labeling.following.turn import Turn
from labeling.following.verifying import Verifying
from labeling.models import Collection, Narrowing, Question, Reclass, Vote
from taxonomy.dependants import Impact
from taxonomy.models import Ancestry, Change, Draft
from taxonomy.models.ledger import Kind
from taxonomy.patch import Patch

WORDS = frozenset({Kind.RENAME, Kind.EDIT})  # kinds that touch no label


class Labels:
    """The dependant that keeps collections, questions and their labels in step with the taxonomy."""

    def prepare(self, draft: Draft, patch: Patch) -> list[Impact]:
        with transaction.atomic():
            draft.beat()
            self.forget(draft)
        turn = Turn.of(draft, patch)
        for collection in _touched_collections(turn, draft):
            if collection.is_verifying:
                Verifying(draft, collection, turn, patch).run()
            else:
                Preparation(draft, collection, turn).run()
        return _impacts(draft, patch, turn)

    def switch(self, draft: Draft, change: Change) -> None:
        _lock_questions(draft)
        turn = Turn.of(draft, Patch())  # what counts as what, now that the change is made
        for reclass in draft.reclasses.select_related("collection", "root_after").order_by("collection"):
            Switch(reclass, draft, turn).run()

    def forget(self, draft: Draft) -> None:
        draft.relabels.all().delete()
        draft.reclasses.all().delete()


def _touched_collections(turn: Turn, draft: Draft) -> list[Collection]:
    """Return the collections that ask for a noun which counts otherwise afterwards, or have labels or votes on
    one; for an undo also those that the change reclassed.
    """
    classes = Q(collectionclass__synset__among=turn.moved) | Q(root__among=turn.moved)
    stands = Q(stands_at__among=turn.moved) | Q(parts__among=turn.moved)
    narrowed = Narrowing.objects.standing().filter(stands)
    classes |= Q(pk__in=narrowed.values("collection"))
    undone = Q(
        pk__in=Reclass.objects.filter(draft__change=draft.arguments.get("change", 0)).values("collection")
    )
    labels = Q(pk__in=Question.objects.filter(label__among=turn.moved).values("collection"))
    labels |= Q(pk__in=Question.objects.filter(about__among=turn.moved).values("collection"))
    votes = Q(pk__in=Vote.objects.filter(synset__among=turn.moved).values("question__collection"))
    return list(Collection.objects.filter(classes | undone | labels | votes).distinct().order_by("pk"))


def _lock_questions(draft: Draft) -> None:
    """Whoever else locks several questions does so in this order too, and waits instead of deadlocking."""
    touched = Question.objects.filter(pk__in=draft.relabels.values("question"))
    list(touched.select_for_update().order_by("pk").values_list("pk"))


# --- What a preview says ----------------------------------------------------------------------------------


def _impacts(draft: Draft, patch: Patch, turn: Turn) -> list[Impact]:
    relabels = draft.relabels.aggregate(
        n=Count("pk"),
        n_named_anew=Count(
            "pk", filter=~Q(label_after=F("label_before")) & ~Q(label_before=None, label_after=None)
        ),
        n_flips=Count("pk", filter=Q(is_flip=True)),
        n_restored=Count("pk", filter=Q(is_restored=True)),
        n_asked_again=Count(
            "pk", filter=Q(state_after=Question.State.OPEN) & ~Q(state_before=Question.State.OPEN)
        ),
    )
    votes = Vote.objects.filter(synset__among=turn.moved).aggregate(
        n=Count("pk"), who=Count("annotator", distinct=True)
    )
    names = tuple(draft.reclasses.exclude(before=F("after")).values_list("collection__name", flat=True)[:5])
    n_touched = max(_count_labels(draft, patch), relabels["n"])
    return [
        Impact(
            gettext_noop("labels at these nouns or below them"), n_touched, is_size=draft.kind not in WORDS
        ),
        Impact(gettext_noop("labels that name another noun"), relabels["n_named_anew"]),
        Impact(gettext_noop("consensus results that flip"), relabels["n_flips"]),
        Impact(gettext_noop("labels that come back as they were"), relabels["n_restored"]),
        Impact(gettext_noop("questions to ask again"), relabels["n_asked_again"]),
        Impact(gettext_noop("votes that count for another noun"), votes["n"]),
        Impact(gettext_noop("volunteers whose votes are touched"), votes["who"]),
        Impact(
            gettext_noop("collections that ask for other nouns"),
            draft.reclasses.exclude(before=F("after")).count(),
            names,
        ),
    ]


def _count_labels(draft: Draft, patch: Patch) -> int:
    about = patch.wnids | ({draft.synset.wnid} if draft.synset else set())
    below = Ancestry.objects.filter(ancestor__wnid__among=about).values("descendant")
    return Question.objects.labelled().filter(label__in=below).count()
