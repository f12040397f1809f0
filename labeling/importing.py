"""A published crowd dataset -> a collection with its pictures, classes and historical votes."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from labeling.crowd import CrowdVote, PictureArchive, TrueLabel
from labeling.intake import IncomingPicture, Report, add_pictures
from labeling.models import Collection, Question, Vote
from taxonomy.models import Ancestry, Change, Synset, SynsetNotFoundError

VOTE_BATCH = 10_000  # votes a transaction


class ImportRefusedError(ValueError):
    """A row does not fit; the message names its file and line. Nothing of its batch was kept."""


def name_classes(labels: Iterable[TrueLabel], named: Mapping[str, str]) -> dict[str, Synset]:
    """Return the synset of each class by its name and, where it has one, by its code.

    A class is the commonest sense of its name unless `named` gives another: {"cat": "domestic_cat.n.01"}.
    Raises ImportRefusedError with the line of a name that the taxonomy lacks or of a code that has two meanings,
    or if `named` has a name that no row has.
    """
    classes: dict[str, Synset] = {}
    for row in labels:
        if row.label not in classes:
            try:
                classes[row.label] = Synset.objects.named(named.get(row.label, row.label))
            except SynsetNotFoundError as error:
                raise ImportRefusedError(f"Labels file line {row.line}: {error}") from error
        if row.code and classes.setdefault(row.code, classes[row.label]) != classes[row.label]:
            raise ImportRefusedError(
                f"Labels file line {row.line}: expected code {row.code} to mean one class; found "
                f"{row.label!r} where it meant {classes[row.code]} before."
            )
    if unknown := sorted(set(named) - set(classes)):
        raise ImportRefusedError(f"--class: expected a name of the labels file; found {unknown[0]!r}.")
    return classes


@transaction.atomic
def prepare_collection(slug: str, classes: Iterable[Synset]) -> Collection:
    """Return the collection of this slug, made for `classes` and closed to volunteers if there is none."""
    distinct = sorted(set(classes), key=lambda synset: synset.name)
    collection, made = Collection.objects.get_or_create(
        slug=slug,
        defaults={
            "name": slug.replace("-", " ").capitalize(),
            "root": _lowest_common(distinct),
            "is_open": False,
            "guide": "The votes of a published dataset.",
        },
    )
    if made:
        collection.set_classes(distinct)
    lacking = [synset.name for synset in distinct if synset not in collection.ordered_classes()]
    if lacking:
        raise ImportRefusedError(
            f"Collection {slug}: expected one with the classes of the labels file; it lacks {', '.join(lacking)}."
        )
    return collection


def _lowest_common(synsets: list[Synset]) -> Synset:
    """Return the lowest noun above all of `synsets`, or the first of them where nothing is."""
    common = Synset.objects.filter(descendant_rows__descendant__in=synsets).annotate(
        n_below=Count("descendant_rows__descendant", distinct=True)
    )
    candidates = common.filter(n_below=len(synsets)).values_list("pk", flat=True)
    sizes = Ancestry.objects.filter(ancestor__in=list(candidates)).values_list("ancestor")
    smallest = sizes.annotate(n=Count("pk")).order_by("n").first()
    return Synset.objects.get(pk=smallest[0]) if smallest else synsets[0]


def import_pictures(
    collection: Collection,
    labels: Iterable[TrueLabel],
    classes: Mapping[str, Synset],
    archive: PictureArchive,
) -> Report:
    """Take in the picture of every row of the labels file, its true class beside it."""

    def incoming() -> Iterator[IncomingPicture]:
        for row in labels:
            try:
                yield IncomingPicture(row.image, archive.read(row.image), truth=classes[row.label])
            except KeyError as error:
                raise ImportRefusedError(
                    f"Labels file line {row.line}: expected a picture of the archive; found {row.image!r}."
                ) from error

    return add_pictures(collection, incoming(), source=f"imported with {collection.slug}")


def import_votes(
    collection: Collection,
    votes: Iterable[CrowdVote],
    classes: Mapping[str, Synset],
    questions: Mapping[str, int],
    known_images: frozenset[str],
) -> int:
    """Keep every vote on a picture of `questions`; return how many are new. Votes on other `known_images` are
    passed over: those are the pictures that a limit left out.

    Each batch is one transaction; a vote that is there already is not kept twice, so repeating goes on.
    Raises ImportRefusedError at the first bad row, with its line.
    """
    n_before = Vote.objects.filter(question__collection=collection).count()
    votes = iter(votes)
    seen: set[tuple[str, str]] = set()
    annotators: dict[str, int] = {}
    version = Change.objects.version()
    try:
        while batch := list(islice(votes, VOTE_BATCH)):
            batch = [vote for vote in batch if _is_wanted(vote, questions, known_images)]
            for vote in batch:
                _refuse_bad(vote, classes, seen)
            with transaction.atomic():
                _add_annotators(collection, batch, annotators)
                Vote.objects.bulk_create(
                    (
                        Vote(
                            question_id=questions[vote.image],
                            annotator_id=annotators[vote.annotator],
                            synset=classes[vote.label],
                            answer=Vote.Answer.PRESENT,
                            taxonomy_version=version,
                        )
                        for vote in batch
                    ),
                    batch_size=2000,
                    ignore_conflicts=True,
                )
    finally:
        _count_votes(collection)
    return Vote.objects.filter(question__collection=collection).count() - n_before


def _is_wanted(vote: CrowdVote, questions: Mapping[str, int], known_images: frozenset[str]) -> bool:
    if vote.image not in known_images:
        raise ImportRefusedError(
            f"Votes file line {vote.line}: expected a picture of the labels file; found {vote.image!r}."
        )
    return vote.image in questions


def _refuse_bad(vote: CrowdVote, classes: Mapping[str, Synset], seen: set[tuple[str, str]]) -> None:
    if vote.label not in classes:
        raise ImportRefusedError(
            f"Votes file line {vote.line}: expected a class of the labels file; found {vote.label!r}."
        )
    if (vote.annotator, vote.image) in seen:
        raise ImportRefusedError(
            f"Votes file line {vote.line}: expected one vote of each annotator on a picture; found a second one "
            f"of annotator {vote.annotator} on {vote.image}."
        )
    seen.add((vote.annotator, vote.image))


def _add_annotators(collection: Collection, batch: list[CrowdVote], annotators: dict[str, int]) -> None:
    """Make a pseudonymous user for each annotator that has none, and note their primary keys."""
    names = {
        f"{collection.slug}-{vote.annotator}": vote.annotator
        for vote in batch
        if vote.annotator not in annotators
    }
    User.objects.bulk_create(
        [
            User(username=name, kind=User.Kind.IMPORTED, password=make_password(None))
            for name in sorted(names)
        ],
        ignore_conflicts=True,
    )
    found = User.objects.filter(username__in=names).values_list("username", "pk")
    annotators.update({names[name]: pk for name, pk in found})


@transaction.atomic
def _count_votes(collection: Collection) -> None:
    """Make each question's count equal its votes."""
    # Locked first, so that a vote that is being cast is either waited for and counted, or counts itself later.
    list(collection.questions.select_for_update().order_by("pk").values_list("pk"))
    counted = Vote.objects.filter(question=OuterRef("pk")).order_by().values("question")
    collection.questions.update(n_votes=Coalesce(Subquery(counted.annotate(n=Count("pk")).values("n")), 0))
    # Until a refit settles them, they wait for one more vote.
    collection.questions.filter(state=Question.State.WAITING, n_votes__gt=0).update(
        state=Question.State.OPEN, open_places=1
    )
