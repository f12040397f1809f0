"""Labelling campaigns: their classes, their policy, and what of them is asked again since a noun was split."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sql import build, rows, select
from labeling import consensus
from labeling.splits import TEST
from taxonomy.models import Ancestry, Change, Synset, SynsetQuerySet

if TYPE_CHECKING:
    from labeling.models.fits import ConsensusFit

MOST_CLASSES = 1000  # as ILSVRC had; the confusions of more would not fit into one row
FEWEST_CLASSES = 2  # to choose between
VERIFIED = (
    "absent",
    "present",
)  # what a question about one noun is decided among; places are arrays' `label`
FEWEST_STARTER_VOTES = 10  # as ImageNet had, so that what all of them say can pass for the truth
MOST_STARTERS = 10_000  # questions, each of whose votes a refit reads again
SELDOM_GOLD, MOST_GOLD = 0.05, 0.5  # shares of the questions that somebody is asked

# The columns that the requests of volunteers read.
TO_ASK = ("id", "slug", "name", "kind", "root_id", "is_open", "target_confidence", "min_votes", "max_votes",
          "n_starters", "starter_votes", "gold_share", "revision", "latest_fit_id")  # fmt: skip


def may_organise(user: object) -> bool:
    """Say whether `user` may make a collection."""
    if not isinstance(user, User) or user.kind != User.Kind.PERSON:
        return False
    return user.is_staff or user.has_perm("labeling.add_collection")


class ClassRefusedError(ValueError):
    """This noun cannot become a class of the collection, or cannot stop being one."""


class NotReadyError(Exception):
    """The collection cannot be opened as it is."""


class Reach(models.TextChoices):
    """Which nouns are meant where one is named."""

    NOUN = "noun", _("itself")
    HYPONYMS = "hyponyms", _("all its hyponyms")
    LEAVES = "leaves", _("all leaves below it")

    def of(self, noun: Synset) -> SynsetQuerySet:
        """Return these nouns, by name."""
        nouns = Synset.objects.current()
        if self is Reach.LEAVES:
            return nouns.leaves().below(noun).exclude(pk=noun.pk)
        return nouns.filter(hypernyms=noun) if self is Reach.HYPONYMS else nouns.filter(pk=noun.pk)


class CollectionQuerySet(models.QuerySet["Collection"]):
    def open(self) -> Self:
        return self.filter(is_open=True)

    def to_ask(self, slug: str) -> "Collection":
        """Return one with what handing out reads of it. Raises Collection.DoesNotExist."""
        found = rows(
            f"""SELECT s.is_sensitive, {select("c", TO_ASK)} FROM labeling_collection c
                JOIN taxonomy_synset s ON s.id = c.root_id WHERE c.slug = %s""",
            [slug],
        )
        if not found:
            raise Collection.DoesNotExist(
                gettext("Expected the slug of a collection; found %(slug)s.") % {"slug": repr(slug)}
            )
        [(is_sensitive, *values)] = found
        collection = build(Collection, TO_ASK, values)
        collection.root = build(Synset, ("id", "is_sensitive"), (collection.root_id, is_sensitive))
        return collection

    def edited_by(self, user: User) -> Self:
        """Those that `user` may edit: staff all, an owner their own."""
        return self.all() if user.is_staff else self.filter(owner=user)


class Collection(models.Model):
    """One labelling campaign: many pictures, one list of classes, one policy."""

    class Kind(models.TextChoices):
        CHOOSE = "choose", _("Choose: what is in this picture?")
        VERIFY = "verify", _("Verify: which of these pictures show it?")

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    guide = models.TextField(blank=True, help_text=_("What volunteers should know."))
    root = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    classes = models.ManyToManyField(Synset, through="CollectionClass", related_name="collections")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    kind = models.CharField(
        max_length=6,
        choices=Kind,
        default=Kind.CHOOSE,
        help_text=_("What volunteers are asked. It is fixed once there are pictures."),
    )
    is_open = models.BooleanField(default=True, help_text=_("Volunteers are asked."))
    target_confidence = models.FloatField(default=0.98, help_text=_("A question settles from here."))
    min_votes = models.PositiveSmallIntegerField(default=2)
    max_votes = models.PositiveSmallIntegerField(default=10, help_text=_("Then it is given up as undecided."))
    n_starters = models.PositiveIntegerField(
        default=0,
        help_text=_(
            "Questions, drawn at random, that many people are asked, to learn how sure a label has to be."
        ),
    )
    starter_votes = models.PositiveSmallIntegerField(
        default=FEWEST_STARTER_VOTES,
        help_text=_("So many people are asked each of those before it may settle."),
    )
    gold_share = models.FloatField(
        default=SELDOM_GOLD, help_text=_("Of the questions that somebody is asked, how many are gold.")
    )
    uses_predictions = models.BooleanField(
        default=False, help_text=_("Trained networks help to decide, as far as they have proved reliable.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("How often its classes were set.")
    )
    followed_policy = models.JSONField(
        null=True, editable=False, help_text=_("The policy that its questions were last brought to.")
    )
    latest_fit = models.ForeignKey(
        "ConsensusFit", on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_confidence__gt=0.5, target_confidence__lt=1),
                name="labeling_target_confidence_range",
                violation_error_message=_("The target confidence lies between 0.5 and 1."),
            ),
            models.CheckConstraint(
                condition=Q(min_votes__gte=1, max_votes__gte=F("min_votes")),
                name="labeling_votes_range",
                violation_error_message=_("At least one vote, and at most no fewer than at least."),
            ),
            models.CheckConstraint(
                condition=Q(starter_votes__gte=FEWEST_STARTER_VOTES, n_starters__lte=MOST_STARTERS),
                name="labeling_starters_range",
                violation_error_message=_(
                    "At most 10,000 pictures are the starter set, and each is asked of 10 people at least."
                ),
            ),
            models.CheckConstraint(
                condition=Q(gold_share__gte=0, gold_share__lte=MOST_GOLD),
                name="labeling_gold_share_range",
                violation_error_message=_("The share of gold questions lies between 0 and 0.5."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("labeling:collection", args=[self.slug])

    def clean(self) -> None:
        kept = Collection.objects.filter(pk=self.pk).first() if self.pk else None
        if kept and kept.kind != self.kind and kept.questions.exists():
            raise ValidationError(
                {
                    "kind": gettext(
                        "What is asked stays as it is: there are pictures, each with its questions."
                    )
                }
            )

    @property
    def is_verifying(self) -> bool:
        """Whether each of its questions is about one noun: does the picture show it?"""
        return self.kind == Collection.Kind.VERIFY

    @property
    def fewest_classes(self) -> int:
        """How many nouns it needs to be opened: two to choose between, or one to ask about."""
        return 1 if self.is_verifying else FEWEST_CLASSES

    @property
    def is_asking(self) -> bool:
        """Whether volunteers are asked: open, and about nothing sensitive."""
        return self.is_open and not self.root.is_sensitive

    @property
    def n_pictures(self) -> int:
        pictures = self.questions.order_by().values("image")
        return (pictures.distinct() if self.is_verifying else pictures).count()

    @property
    def has_votes(self) -> bool:
        return self.questions.filter(n_votes__gt=0).exists()

    def is_edited_by(self, user: object) -> bool:
        """Say whether `user` sees the owner's pages."""
        return isinstance(user, User) and (user.is_staff or self.owner_id == user.pk)

    @property
    def policy(self) -> consensus.Policy:
        return consensus.Policy(self.target_confidence, self.min_votes, self.max_votes)

    @property
    def starter_policy(self) -> consensus.Policy:
        """That of the questions of its starter set."""
        return self.policy.of_starter(self.starter_votes)

    def ordered_classes(self) -> list[Synset]:
        """Return the classes in the order of their keys; a place in it is what arrays call `label`."""
        return [row.synset for row in self.collectionclass_set.all()]

    def offered(self) -> list[Synset]:
        """Return the classes that volunteers are asked for and networks learn: none that is sensitive or unseen."""
        return [synset for synset in self.ordered_classes() if synset.is_askable]

    def judged_classes(self) -> list[Synset]:
        """Return what votes are weighed over: the classes, and nouns that were split. Nobody is asked for those any
        more, but votes for one still say that a picture shows one of its parts.
        """
        classes = self.ordered_classes()
        return [*classes, *self.split_nouns(classes)]

    def split_nouns(self, classes: list[Synset]) -> dict[Synset, "Narrowing"]:
        """Return the nouns that were split and are none of `classes`, each with what its pictures are asked."""
        return {each.noun: each for each in self.narrowings.standing() if each.noun not in classes}

    def inner_among(self, labels: Iterable[int]) -> set[int]:
        """Return those of `labels`, which its questions settled as, that are inner nouns: none of its classes, and
        above some.
        """
        classes = self.collectionclass_set.order_by().values_list("synset", flat=True)
        others = set() if self.is_verifying else {*labels}.difference(classes)
        if not others:
            return set()
        above = Ancestry.objects.filter(ancestor__among=others, descendant__in=classes)
        return set(above.values_list("ancestor", flat=True))

    def counts_as(
        self,
        judged: AbstractSet[int],
        becomes: Mapping[int, int | None],
        undone: "models.QuerySet[Narrowing] | None" = None,
    ) -> Mapping[int, int | None]:
        """Return what votes for nouns that are not judged count as: what a noun has become that left the tree; and
        for a part of a noun whose split was undone, that noun. Whoever said husky has said dog.

        becomes: as Synset.objects.resolution() gives it; undone: the narrowings of undone splits, if not today's.
        """
        over = self.narrowings.filter(is_over=True) if undone is None else undone
        up: dict[int, list[int]] = {}
        for split, kind in over.order_by("pk").values_list("noun", "parts"):
            part, noun = becomes.get(kind, kind), becomes.get(split, split)
            if part is not None and noun is not None:
                up.setdefault(part, []).append(noun)

        def follow(pk: int | None) -> int | None:
            line = [] if pk is None else [pk]
            for each in line:  # which grows
                if each in judged:
                    return each
                line += [noun for noun in up.get(each, ()) if noun not in line]
            return pk

        return {pk: follow(becomes.get(pk, pk)) for pk in {*becomes, *up}} if up else becomes

    def fitted_names(self, judged: Iterable[Synset]) -> list[str]:
        """Return what a fit calls its classes: the wnids of `judged`, or whether the noun asked about is there."""
        return list(VERIFIED) if self.is_verifying else [synset.wnid for synset in judged]

    def fit_over(self, classes: Iterable[Synset]) -> "ConsensusFit | None":
        """Return the latest fit if it is one over `classes`; None otherwise."""
        latest = self.latest_fit
        return latest if latest and latest.classes == self.fitted_names(classes) else None

    @transaction.atomic
    def set_classes(self, synsets: Iterable[Synset]) -> None:
        """Make `synsets` the classes, in this order. Where votes name others, taxonomy changes call this."""
        CollectionClass.objects.filter(collection=self).delete()
        CollectionClass.objects.bulk_create(
            CollectionClass(collection=self, synset=synset, position=position)
            for position, synset in enumerate(synsets)
        )
        self.note_classes_set()

    def note_classes_set(self) -> None:
        """Have every process read the classes anew; whoever writes them by other ways calls this."""
        Collection.objects.filter(pk=self.pk).update(revision=F("revision") + 1)
        self.refresh_from_db(fields=["revision"])

    @transaction.atomic
    def add_classes(self, synsets: Iterable[Synset]) -> int:
        """Put those of `synsets` that are none yet after the classes; return how many those are.

        Raises ClassRefusedError if volunteers cannot be asked for one, or it is no kind of the root.
        """
        present = self._held_classes()
        new = [synset for synset in dict.fromkeys(synsets) if synset not in present]
        self.refuse(new)
        if len(present) + len(new) > MOST_CLASSES:
            raise ClassRefusedError(
                gettext("A collection has at most %(most)d nouns: %(n)d and %(new)d more are too many.")
                % {"most": MOST_CLASSES, "n": len(present), "new": len(new)}
            )
        self.set_classes([*present, *new])
        return len(new)

    @transaction.atomic
    def remove_class(self, synset: Synset) -> None:
        """Offer `synset` no more. Raises ClassRefusedError once there are votes."""
        present = self._held_classes()
        if self.has_votes:
            raise ClassRefusedError(
                gettext(
                    "%(noun)s stays: votes were cast with it among the choices, and without it they would say "
                    "something else. Nouns can still be added."
                )
                % {"noun": synset.name.capitalize()}
            )
        if self.questions.filter(about=synset).exists():
            raise ClassRefusedError(
                gettext("%(noun)s stays: there are pictures that are asked about it.")
                % {"noun": synset.name.capitalize()}
            )
        self.set_classes(each for each in present if each != synset)

    @transaction.atomic
    def move_class(self, synset: Synset, by: int) -> int:
        """Put `synset` so many places further down, or up where that is below 0, and return its place, from 0 on.
        Beyond the ends it stays there. What was learnt of the classes moves with them.
        """
        present = self._held_classes()
        self.refresh_from_db(fields=["latest_fit"])
        fit = self.fit_over(self.judged_classes())
        place = min(max(present.index(synset) + by, 0), len(present) - 1)
        present.remove(synset)
        present.insert(place, synset)
        self.set_classes(present)
        if fit and not self.is_verifying:
            fit.reorder(self.fitted_names(self.judged_classes()))
        return place

    def _held_classes(self) -> list[Synset]:
        """The classes, which nobody else changes until the transaction's end."""
        Change.objects.hold_still()
        Collection.objects.select_for_update().get(pk=self.pk)
        return self.ordered_classes()

    def refuse(self, synsets: list[Synset]) -> None:
        """Raise ClassRefusedError, which says why in a sentence, if one of `synsets` cannot be a class here."""
        for synset in synsets:
            if synset.is_sensitive:
                raise ClassRefusedError(
                    gettext("“%(noun)s” is marked as sensitive, so nobody is asked for it.")
                    % {"noun": synset}
                )
            if not synset.is_askable:
                raise ClassRefusedError(
                    gettext("“%(noun)s” cannot be seen in a picture, so nobody is asked for it.")
                    % {"noun": synset}
                )
        keys = {synset.pk for synset in synsets}
        below = set(Synset.objects.below(self.root).filter(pk__among=keys).values_list("pk", flat=True))
        for synset in synsets:
            if synset.pk not in below:
                raise ClassRefusedError(
                    gettext("“%(noun)s” is no kind of %(root)s, which all nouns of this collection are.")
                    % {"noun": synset, "root": self.root}
                )

    def open(self) -> None:
        """Ask volunteers. Raises NotReadyError if there is nothing to choose between, or the root is sensitive."""
        if self.root.is_sensitive:
            raise NotReadyError(
                gettext("“%(noun)s” is marked as sensitive, so nobody is asked about it.")
                % {"noun": self.root}
            )
        if len(self.offered()) < self.fewest_classes:
            raise NotReadyError(
                gettext("Choose a noun: without any there is nothing to ask about.")
                if self.is_verifying
                else gettext("Choose two nouns at least: with fewer there is nothing to decide.")
            )
        self._set_open(True)

    def close(self) -> None:
        """Hand out no more questions. What is with volunteers at this moment still counts."""
        self._set_open(False)

    def _set_open(self, is_open: bool) -> None:
        self.is_open = is_open
        self.save(update_fields=["is_open"])

    @transaction.atomic
    def use_as_gold(self, questions: Iterable[int]) -> int:
        """Make gold of those of `questions` whose answer is known or settled and may be told; return how many those
        are. Of a test picture it may be a contest's secret. What is settled as an inner noun is known in part only.
        """
        chosen = self.questions.filter(pk__in=questions, is_gold=False).exclude(image__split=TEST)
        known = chosen.filter(truth__isnull=False)
        settled = chosen.filter(truth=None, state="settled", label__in=self.classes.order_by())
        n_settled = settled.update(is_gold=True, truth=F("label"), confirmed_at=timezone.now())
        return n_settled + known.update(is_gold=True)

    def no_longer_gold(self, questions: Iterable[int]) -> int:
        """Ask these as any others; return how many those are. Their answers stay known."""
        return self.questions.filter(pk__in=questions, is_gold=True).update(is_gold=False)


class CollectionClassManager(models.Manager["CollectionClass"]):
    def get_queryset(self) -> models.QuerySet["CollectionClass"]:
        return super().get_queryset().select_related("synset")  # nobody wants the one without the other


class CollectionClass(models.Model):
    """One answer that a collection offers, and its place among them."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE)
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    objects = CollectionClassManager()

    class Meta:
        verbose_name_plural = "collection classes"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "synset"], name="labeling_class_once"),
            models.UniqueConstraint(fields=["collection", "position"], name="labeling_class_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.synset}"


class ClassesChangedError(Exception):
    """A collection got other classes while a refit ran, so what it found no longer fits."""


class NarrowingQuerySet(models.QuerySet["Narrowing"]):
    def standing(self) -> Self:
        """Those whose split was not undone, in the order in which fits hold their nouns."""
        return self.filter(is_over=False).select_related("noun").order_by("pk")


class Narrowing(models.Model):
    """Pictures known to show one noun, asked again which of its parts, since that noun was split."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="narrowings")
    noun = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("What was split.")
    )
    stands_at = models.ForeignKey(
        Synset, on_delete=models.PROTECT, related_name="+", help_text=_("The label until it is narrowed.")
    )
    parts = models.ManyToManyField(Synset, related_name="+")
    is_over = models.BooleanField(default=False, help_text=_("The split was undone."))

    objects = NarrowingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "noun"], name="labeling_narrowing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: which {self.noun}?"

    @property
    def label(self) -> Synset:
        """The label of its pictures until they are narrowed: what they stand at, as it counts today."""
        today = Synset.objects.resolution().get(self.stands_at_id, self.stands_at_id)
        return self.stands_at if today in (None, self.stands_at_id) else Synset.objects.get(pk=today)

    def choices(self) -> list[Synset]:
        """Return the classes of today that are one of the parts, or a kind of one."""
        becomes = Synset.objects.resolution()
        parts = {becomes.get(part, part) for part in self.parts.values_list("pk", flat=True)}
        below = set(
            Synset.objects.filter(ancestor_rows__ancestor__in=parts - {None}).values_list("pk", flat=True)
        )
        return [synset for synset in self.collection.ordered_classes() if synset.pk in below]
