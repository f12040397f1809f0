"""Nouns, their words, the edges between them, and the two caches over those: ancestry and tallies."""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from django.db import connection, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from taxonomy import tree
from taxonomy.patch import Patch
from taxonomy.search import Asked

SENSE_NAME = re.compile(r"(?P<text>.+)\.n\.(?P<sense>\d+)")
OWN_WNID = "x"  # the first letter of the ids that this site gives out
MOST_SENSES = 100_000  # more than any word has: the field for a sense holds less


class SynsetNotFoundError(LookupError):
    """No synset has this wnid, sense name or lemma."""


class SynsetQuerySet(models.QuerySet["Synset"]):
    def current(self) -> "SynsetQuerySet":
        """The nouns that are in the tree today."""
        return self.filter(is_retired=False)

    def shown(self) -> "SynsetQuerySet":
        """What the public may see: the tree without its sensitive nouns."""
        return self.current().filter(is_sensitive=False)

    def askable(self) -> "SynsetQuerySet":
        """What volunteers may be asked for: shown, and to be seen in pictures."""
        return self.shown().filter(is_imageable=True)

    def shown_to(self, user: object) -> "SynsetQuerySet":
        """The tree as `user` may see it: curators see sensitive nouns too, with the reason."""
        return self.current() if may_curate(user) else self.shown()

    def retired(self) -> "SynsetQuerySet":
        """The nouns that were in the tree once; one that is only drafted has not been."""
        return self.filter(is_retired=True).exclude(changes=None)

    def roots(self) -> "SynsetQuerySet":
        return self.current().filter(~Exists(Hypernym.objects.filter(hyponym=OuterRef("pk"))))

    def leaves(self) -> "SynsetQuerySet":
        return self.current().filter(~Exists(Hypernym.objects.filter(hypernym=OuterRef("pk"))))

    def below(self, synset: "Synset") -> "SynsetQuerySet":
        """Every noun that is a `synset`, itself included."""
        return self.filter(pk__in=Ancestry.objects.below(synset))

    def above(self, synset: "Synset") -> "SynsetQuerySet":
        """Every noun that `synset` is, itself included."""
        return self.filter(pk__in=Ancestry.objects.above(synset))

    def named(self, name: str) -> "Synset":
        """Return the noun with this wnid (n02084071), sense name (dog.n.01) or lemma (dog: its commonest sense).

        Raises SynsetNotFoundError with a sentence for the person who typed it.
        """
        sense_name = SENSE_NAME.fullmatch(name)
        lemma = Q(lemmas__text__iexact=name.replace("_", " "))
        if sense_name:
            text, sense = sense_name["text"].replace("_", " "), int(sense_name["sense"])
            lemma = Q(lemmas__text__iexact=text, lemmas__sense=sense)
        nouns = self.current()
        found = (
            nouns.filter(wnid=name).first() or nouns.filter(lemma).order_by("lemmas__sense", "wnid").first()
        )
        if found is None:
            raise SynsetNotFoundError(
                gettext("Expected the wnid, sense name or lemma of a noun in the taxonomy; found %(name)s.")
                % {"name": repr(name)}
            )
        return found

    def search(self, text: str) -> "SynsetQuerySet":
        """The nouns that `text` may mean, the likeliest first: the one with this wnid or sense name and those
        that it is a word for, by sense; those with a word that begins so; those with its words in their gloss.
        """
        asked = Asked.read(text)
        if not asked.text:
            return self.none()
        lemmas = Lemma.objects.filter(asked.as_beginning)
        nearness = Case(When(asked.as_word, then=F("sense")), default=F("sense") + MOST_SENSES)
        best = lemmas.filter(synset=OuterRef("pk")).annotate(nearness=nearness).order_by("nearness", "text")
        # One list of keys, since for alternatives a database would work out the order of every noun there is.
        by_gloss = Synset.objects.filter(Q(wnid=asked.text) | asked.in_gloss).order_by()
        found = lemmas.order_by().values_list("synset").union(by_gloss.values_list("pk"))
        return (
            self.filter(pk__in=found)
            .alias(
                nearness=Coalesce(Subquery(best.values("nearness")[:1]), 2 * MOST_SENSES),
                word=Coalesce(Lower(Subquery(best.values("text")[:1])), Lower("name")),
            )
            .order_by("nearness", "word", "wnid")
        )

    def new_wnids(self, count: int) -> list[str]:
        """Return `count` wnids of this site's own that no noun has. Call it with the taxonomy locked."""
        last = self.filter(wnid__startswith=OWN_WNID).aggregate(last=models.Max("wnid"))["last"]
        first = int(last[1:]) + 1 if last else 1
        return [f"{OWN_WNID}{number:08}" for number in range(first, first + count)]

    def resolution(self, after: Patch | None = None, split: Collection[int] = ()) -> dict[int, int | None]:
        """Return for each retired noun the noun that votes for it count as; None where none is left, or where one
        of `split` is on the way. As it is today, or as it will be `after` a patch.

        Raises tree.CycleError, whose path holds primary keys, if a noun would count as itself.
        """
        becomes = dict(self.filter(is_retired=True).values_list("pk", "becomes"))
        if after is not None:
            keys = dict(self.filter(wnid__among=after.ends).values_list("wnid", "pk"))
            becomes |= dict(self.filter(wnid__among=after.removed).values_list("pk", "becomes"))
            for edit in after.edited:
                if edit.field == "becomes" and keys[edit.wnid] in becomes:
                    becomes[keys[edit.wnid]] = keys[edit.after] if edit.after else None
            for wnid in after.added:
                becomes.pop(keys[wnid], None)
        becomes |= dict.fromkeys(becomes.keys() & {*split})
        return {pk: tree.follow(pk, becomes) for pk in becomes}


class Synset(models.Model):
    """One noun sense. Its wnid never changes; its name, gloss and hypernyms may, by taxonomy.changes alone."""

    wnid = models.CharField(_("WordNet id"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=200, help_text=_("Its first lemma."))
    gloss = models.TextField(_("gloss"), blank=True)
    is_imageable = models.BooleanField(_("can be seen in a picture"), default=True)
    is_sensitive = models.BooleanField(_("sensitive"), default=False)
    sensitive_reason = models.CharField(_("why it is sensitive"), max_length=300, blank=True)
    is_retired = models.BooleanField(_("not in the tree"), default=False)
    becomes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="stands_for",
        help_text=_("What votes for it count as while it is retired."),
    )
    hypernyms = models.ManyToManyField("self", through="Hypernym", symmetrical=False, related_name="hyponyms")

    objects = SynsetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "wnid"]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_sensitive=False, sensitive_reason="")
                | (Q(is_sensitive=True) & ~Q(sensitive_reason="")),
                name="taxonomy_sensitive_has_a_reason",
                violation_error_message=_("Say why this noun is sensitive."),
            ),
            models.CheckConstraint(
                condition=~Q(becomes=F("id")),
                name="taxonomy_becomes_another",
                violation_error_message=_("A noun cannot stand in for itself."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("taxonomy:synset", args=[self.wnid])

    @property
    def is_askable(self) -> bool:
        """Whether volunteers may be asked for it: in the tree, to be seen in pictures, not sensitive."""
        return not self.is_retired and self.is_imageable and not self.is_sensitive

    @property
    def lemmas_text(self) -> str:
        return ", ".join(lemma.text for lemma in self.lemmas.all())

    @property
    def sense_name(self) -> str:
        """Its name with its sense, dog.n.01: what tells it from others of the same name."""
        first = next(iter(self.lemmas.all()), None)
        return f"{self.name.replace(' ', '_')}.n.{first.sense if first else 1:02}"

    def hypernym_paths(self) -> list[list["Synset"]]:
        """Return every way down from a root to this noun's hypernyms; a root has one empty path."""
        graph, nodes, synsets = self._graph_above()
        return [
            [synsets[nodes[node]] for node in path[:-1]]
            for path in graph.hypernym_paths(nodes.index(self.pk))
        ]

    def lowest_common_hypernyms(self, other: "Synset") -> list["Synset"]:
        """Return the nouns above both (or equal to either) that have no such noun below them."""
        common = Synset.objects.above(self) & Synset.objects.above(other)
        shared = set(common.values_list("pk", flat=True))
        edges = Hypernym.objects.filter(hyponym__in=shared, hypernym__in=shared)
        above_another = set(edges.values_list("hypernym", flat=True))
        return list(Synset.objects.filter(pk__in=shared - above_another))

    def min_depth(self) -> int:
        """Return the fewest steps up to a root; 0 for a root."""
        graph, nodes, _synsets = self._graph_above()
        return int(graph.min_depths()[nodes.index(self.pk)])

    def max_depth(self) -> int:
        """Return the most steps up to a root along any path; 0 for a root."""
        graph, nodes, _synsets = self._graph_above()
        return int(graph.max_depths()[nodes.index(self.pk)])

    def height(self) -> int:
        """Return the most steps down to a leaf below it; 0 for a leaf."""
        below = Ancestry.objects.below(self)
        nodes = list(below)
        graph = Hypernym.objects.graph(nodes, Hypernym.objects.filter(hypernym__in=below))
        return int(graph.heights()[nodes.index(self.pk)])

    def _graph_above(self) -> tuple[tree.Graph, list[int], dict[int, "Synset"]]:
        synsets = {synset.pk: synset for synset in Synset.objects.above(self)}
        nodes = list(synsets)
        edges = Hypernym.objects.filter(hyponym__in=Ancestry.objects.above(self))
        return Hypernym.objects.graph(nodes, edges), nodes, synsets


def may_curate(user: object) -> bool:
    """Say whether `user` may change the taxonomy."""
    has_perm = getattr(user, "has_perm", None)
    return has_perm is not None and has_perm("taxonomy.curate")


class Lemma(models.Model):
    """One word for a noun sense. `sense` ranks the senses of that word; 1 is the commonest."""

    synset = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="lemmas")
    text = models.CharField(max_length=200, db_index=True)
    sense = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField(help_text=_("Its place among the words for this noun."))
    key = models.CharField(
        max_length=220,
        blank=True,
        db_index=True,
        help_text=_("WordNet's sense key, the same in all its releases."),
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["synset", "text"], name="taxonomy_lemma_once_per_synset"),
        ]

    def __str__(self) -> str:
        return f"{self.text}.{self.sense}"


class ExternalId(models.Model):
    """What another vocabulary calls a noun: scheme wordnet, version 3.0, value 02084071-n."""

    synset = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="external_ids")
    scheme = models.CharField(max_length=40)
    version = models.CharField(max_length=40, blank=True)
    value = models.CharField(max_length=300)

    class Meta:
        ordering = ["scheme", "version", "value"]
        constraints = [
            models.UniqueConstraint(
                fields=["scheme", "version", "value"], name="taxonomy_external_id_means_one_noun"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.version} {self.value}"


class HypernymManager(models.Manager["Hypernym"]):
    def graph(self, nodes: list[int], edges: models.QuerySet["Hypernym"]) -> tree.Graph:
        """Return `edges` as arrays; node i is the noun with the primary key nodes[i]. Edges that leave `nodes`
        are left out.
        """
        place = {pk: i for i, pk in enumerate(nodes)}
        pairs = [
            (place[hyponym], place[hypernym])
            for hyponym, hypernym in edges.values_list("hyponym", "hypernym")
            if hyponym in place and hypernym in place
        ]
        hyponym, hypernym = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return tree.Graph(len(nodes), hyponym, hypernym)


class Hypernym(models.Model):
    """One is-a edge: `hyponym` is a `hypernym`, or one instance of it."""

    hyponym = models.ForeignKey(Synset, on_delete=models.CASCADE, related_name="hypernym_edges")
    hypernym = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="hyponym_edges")
    is_instance = models.BooleanField(
        default=False, help_text=_("As Rome is of city: it has no kinds of its own.")
    )

    objects = HypernymManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hyponym", "hypernym"],
                name="taxonomy_edge_once",
                violation_error_message=_("This noun has that hypernym already."),
            ),
            models.CheckConstraint(
                condition=~Q(hyponym=F("hypernym")),
                name="taxonomy_no_self_edge",
                violation_error_message=_("A noun cannot be its own hypernym."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hyponym} is a {self.hypernym}"


class AncestryManager(models.Manager["Ancestry"]):
    def below(self, synset: Synset) -> models.QuerySet["Ancestry", int]:
        """Return the primary keys of every noun that is a `synset`, itself included: from one index alone."""
        return self.filter(ancestor=synset).values_list("descendant", flat=True)

    def above(self, synset: Synset) -> models.QuerySet["Ancestry", int]:
        """Return the primary keys of every noun that `synset` is, itself included."""
        return self.filter(descendant=synset).values_list("ancestor", flat=True)

    @transaction.atomic
    def rebuild(self) -> int:
        """Make the cache anew from the edges; return its number of rows. Raises tree.CycleError, whose path
        holds primary keys.
        """
        nodes = Synset.objects.current().order_by("pk").values_list("pk", flat=True)
        above = tree.ancestors_of(nodes, Hypernym.objects.values_list("hyponym", "hypernym"), {})
        self.all().delete()
        return self._insert(above)

    @transaction.atomic
    def refresh(self, moved: Iterable[int]) -> int:
        """Mend the rows of the nouns `moved`, whose edges have changed, and of all below them, before the
        change (by this cache) or after it (by the edges); return how many nouns those are.

        Costs what lies below `moved`, however large the tree is. Raises tree.CycleError, whose path holds
        primary keys.
        """
        touched = self._below_by_cache_and_edges(set(moved))
        edges = list(Hypernym.objects.filter(hyponym__among=touched).values_list("hyponym", "hypernym"))
        current = Synset.objects.current().filter(pk__among=touched).order_by("pk")
        known = self._known({top for _low, top in edges} - touched)
        above = tree.ancestors_of(current.values_list("pk", flat=True), edges, known)
        self.filter(descendant__among=touched).delete()
        self._insert(above)
        return len(touched)

    def _below_by_cache_and_edges(self, moved: set[int]) -> set[int]:
        """The cache knows what was below before, and still is for all but what moved; edges know what is new."""
        found: set[int] = set()
        new = moved
        while new:
            found |= new
            cached = self.filter(ancestor__among=new).values_list("descendant", flat=True).distinct()
            linked = Hypernym.objects.filter(hypernym__among=new).values_list("hyponym", flat=True)
            new = {*cached, *linked} - found
        return found

    def _known(self, nodes: set[int]) -> dict[int, dict[int, int]]:
        """Return what is above each of `nodes`, with the fewest steps up to it."""
        above: dict[int, dict[int, int]] = {pk: {} for pk in nodes}
        rows = self.filter(descendant__among=nodes).values_list("descendant", "ancestor", "depth")
        for descendant, ancestor, depth in rows.iterator(chunk_size=10_000):
            above[descendant][ancestor] = depth
        return above

    def _insert(self, above: Mapping[int, Mapping[int, int]]) -> int:
        """Write the rows of these nouns: for each the nouns above it and the fewest steps up to them."""
        rows = ((top, node, steps) for node, tops in above.items() for top, steps in tops.items())
        copy_in(Ancestry, ["ancestor_id", "descendant_id", "depth"], rows)
        return sum(len(tops) for tops in above.values())


class Ancestry(models.Model):
    """`descendant` is below `ancestor`, or is it; `depth` is the fewest steps between them."""

    # The two indexes below hold all that a query wants, so the keys need none of their own.
    ancestor = models.ForeignKey(
        Synset, on_delete=models.CASCADE, related_name="descendant_rows", db_index=False
    )
    descendant = models.ForeignKey(
        Synset, on_delete=models.CASCADE, related_name="ancestor_rows", db_index=False
    )
    depth = models.PositiveSmallIntegerField()

    objects = AncestryManager()

    class Meta:
        verbose_name_plural = "ancestry"
        constraints = [
            models.UniqueConstraint(fields=["ancestor", "descendant"], name="taxonomy_ancestry_once"),
        ]
        indexes = [models.Index(fields=["descendant", "ancestor", "depth"], name="taxonomy_above")]

    def __str__(self) -> str:
        return f"{self.ancestor} over {self.descendant}"


def copy_in(model: type[models.Model], columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert many rows at the database's own speed: a tenth of the time and memory of bulk_create.

    For rows that need no default, conversion or primary key of ours.
    """
    quote = connection.ops.quote_name
    into = f"{quote(model._meta.db_table)} ({', '.join(map(quote, columns))})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(columns))
            rest = iter(rows)
            while batch := list(islice(rest, 10_000)):
                cursor.executemany(f"INSERT INTO {into} VALUES ({places})", batch)  # noqa: S608


def analyze(*models_: type[models.Model]) -> None:
    """Have PostgreSQL look at tables that have just grown much, so that it plans by what they hold now."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in models_:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


class TallyManager(models.Manager["Tally"]):
    @transaction.atomic
    def replace(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Keep these counts, (synset, pictures, labels) each, in place of all that were there."""
        self.all().delete()
        copy_in(Tally, ["synset_id", "n_pictures", "n_labels"], rows)


class Tally(models.Model):
    """How many pictures and labels are at a noun or below it, as last counted; no row means none."""

    synset = models.OneToOneField(Synset, on_delete=models.CASCADE, primary_key=True, related_name="tally")
    n_pictures = models.PositiveIntegerField(help_text=_("Each counted once, however many paths lead to it."))
    n_labels = models.PositiveIntegerField(help_text=_("A picture may be labelled in several collections."))

    objects = TallyManager()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.synset}: {self.n_pictures}"
