"""The nested nouns, and every change ever made to them. Edges are the truth; Ancestry is a cache of them."""

import re

import numpy as np
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from taxonomy import tree

SENSE_NAME = re.compile(r"(?P<text>.+)\.n\.(?P<sense>\d+)")


class SynsetNotFoundError(LookupError):
    """No synset has this wnid, sense name or lemma."""


class SynsetQuerySet(models.QuerySet["Synset"]):
    def roots(self) -> "SynsetQuerySet":
        return self.filter(hypernym_edges=None)

    def below(self, synset: "Synset") -> "SynsetQuerySet":
        """Every noun that is a `synset`, itself included."""
        return self.filter(ancestor_rows__ancestor=synset)

    def above(self, synset: "Synset") -> "SynsetQuerySet":
        """Every noun that `synset` is, itself included."""
        return self.filter(descendant_rows__descendant=synset)

    def search(self, text: str) -> "SynsetQuerySet":
        """The nouns with a lemma that begins with `text`, the commonest senses first."""
        return (
            self.filter(lemmas__text__istartswith=text.strip())
            .annotate(sense=models.Min("lemmas__sense"))
            .order_by("sense", "name")
        )

    def named(self, name: str) -> "Synset":
        """Return the noun with this wnid (n02084071), sense name (dog.n.01) or lemma (dog: its commonest sense).

        Raises SynsetNotFoundError with a sentence for the person who typed it.
        """
        sense_name = SENSE_NAME.fullmatch(name)
        lemma = Q(lemmas__text__iexact=name.replace("_", " "))
        if sense_name:
            text, sense = sense_name["text"].replace("_", " "), int(sense_name["sense"])
            lemma = Q(lemmas__text__iexact=text, lemmas__sense=sense)
        found = self.filter(wnid=name).first() or self.filter(lemma).order_by("lemmas__sense", "wnid").first()
        if found is None:
            raise SynsetNotFoundError(
                f"Expected the wnid, sense name or lemma of a noun in the taxonomy; found {name!r}."
            )
        return found


class Synset(models.Model):
    """One noun sense. Its wnid never changes; its name, gloss and hypernyms may."""

    wnid = models.CharField(_("WordNet id"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=200, help_text=_("The lemma that pages show."))
    gloss = models.TextField(_("gloss"), blank=True)
    is_imageable = models.BooleanField(_("can be seen in a picture"), default=True)
    is_sensitive = models.BooleanField(_("sensitive"), default=False)
    sensitive_reason = models.CharField(_("why it is sensitive"), max_length=300, blank=True)
    hypernyms = models.ManyToManyField("self", through="Hypernym", symmetrical=False, related_name="hyponyms")

    objects = SynsetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "wnid"]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_sensitive=False) | ~Q(sensitive_reason=""),
                name="taxonomy_sensitive_has_a_reason",
                violation_error_message=_("Say why this noun is sensitive."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("taxonomy:synset", args=[self.wnid])

    @property
    def lemmas_text(self) -> str:
        return ", ".join(lemma.text for lemma in self.lemmas.all())

    def paths(self) -> list[list["Synset"]]:
        """Return every way down from a root to this noun's hypernyms; a root has one empty path."""
        above = {s.pk: s for s in Synset.objects.above(self)}
        parents: dict[int, list[int]] = {}
        for hyponym, hypernym in Hypernym.objects.filter(hyponym__in=above).values_list(
            "hyponym", "hypernym"
        ):
            parents.setdefault(hyponym, []).append(hypernym)

        def down_to(node: int) -> list[list[Synset]]:
            return [
                [*path, above[parent]] for parent in parents.get(node, []) for path in down_to(parent)
            ] or [[]]

        return down_to(self.pk)


class Lemma(models.Model):
    """One word for a noun sense. `sense` ranks the senses of that word; 1 is the commonest."""

    synset = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="lemmas")
    text = models.CharField(max_length=200, db_index=True)
    sense = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField(help_text=_("Its place among the words for this noun."))

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["synset", "text"], name="taxonomy_lemma_once_per_synset"),
        ]

    def __str__(self) -> str:
        return f"{self.text}.{self.sense}"


class Hypernym(models.Model):
    """One is-a edge: `hyponym` is a `hypernym`. Only taxonomy.importing and taxonomy.changes write it."""

    hyponym = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="hypernym_edges")
    hypernym = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="hyponym_edges")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hyponym", "hypernym"], name="taxonomy_edge_once"),
            models.CheckConstraint(
                condition=~Q(hyponym=F("hypernym")),
                name="taxonomy_no_self_edge",
                violation_error_message=_("A noun cannot be its own hypernym."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hyponym} is a {self.hypernym}"


class AncestryManager(models.Manager["Ancestry"]):
    @transaction.atomic
    def rebuild(self) -> int:
        """Make the cache anew from the edges; return its number of rows. Raises tree.CycleError."""
        nodes = list(Synset.objects.order_by("pk").values_list("pk", flat=True))
        place = {pk: i for i, pk in enumerate(nodes)}
        edges = list(Hypernym.objects.values_list("hyponym", "hypernym"))
        above = tree.ancestors(
            len(nodes),
            np.array([place[child] for child, _parent in edges], dtype=np.int64),
            np.array([place[parent] for _child, parent in edges], dtype=np.int64),
        )
        self.all().delete()
        rows = [
            Ancestry(ancestor_id=nodes[ancestor], descendant_id=nodes[node], depth=steps)
            for node, distances in enumerate(above)
            for ancestor, steps in distances.items()
        ]
        self.bulk_create(rows, batch_size=5000)
        return len(rows)


class Ancestry(models.Model):
    """`descendant` is below `ancestor`, or is it; `depth` is the fewest steps between them."""

    ancestor = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="descendant_rows")
    descendant = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="ancestor_rows")
    depth = models.PositiveSmallIntegerField()

    objects = AncestryManager()

    class Meta:
        verbose_name_plural = "ancestry"
        constraints = [
            models.UniqueConstraint(fields=["ancestor", "descendant"], name="taxonomy_ancestry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.ancestor} over {self.descendant}"


class ChangeManager(models.Manager["Change"]):
    def version(self) -> int:
        """The taxonomy's version: the number of its latest change, 0 before any."""
        return self.order_by("-pk").values_list("pk", flat=True).first() or 0

    def lock(self) -> None:
        """Wait for, then keep until the transaction's end, the one right to change the taxonomy."""
        # On SQLite every transaction that writes already excludes all others.
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE taxonomy_change IN EXCLUSIVE MODE")


class Change(models.Model):
    """One line of the append-only ledger. Its number is the taxonomy's version."""

    class Kind(models.TextChoices):
        IMPORT = "import", _("import")

    kind = models.CharField(max_length=16, choices=Kind)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.CharField(max_length=300)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ChangeManager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.pk}: {self.get_kind_display()}, {self.reason}"
