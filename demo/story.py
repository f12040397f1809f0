"""The main job on real pictures, step by step. Each step finds what is done already and does the rest."""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from competition.models import Contest, Phase, Submission
from datasets.choosing import Choice
from datasets.freezing import freeze
from datasets.models import Snapshot
from demo import digits
from labeling import aggregation, refitting
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection
from taxonomy.formats import read_records
from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from training.config import NETWORKS
from training.models import Run

NOUNS = Path(settings.BASE_DIR) / "taxonomy/data/nouns.csv"
SLUG = "digits"
# The simulated volunteers label these; the others wait for whoever tries the site.
FOR_THE_CROWD, FOR_VISITORS = slice(0, 1700), slice(1700, digits.N_PICTURES)
GUIDE = (
    "Each picture is one handwritten digit, scanned at eight by eight pixels. Step back or squint: small pictures "
    "are easier from afar. If it could be two digits, say that you cannot tell."
)


def plant_taxonomy() -> int:
    """Import the nouns; return how many were new."""
    return import_synsets(read_records(NOUNS), reason=f"import of {NOUNS.name}")


def open_collection() -> Collection:
    """Return the collection of digits, made on the first call."""
    collection, made = Collection.objects.get_or_create(
        slug=SLUG,
        defaults={
            "name": "Handwritten digits",
            "guide": GUIDE,
            "root": Synset.objects.named("digit.n.01"),
            "target_confidence": 0.99,
            "min_votes": 2,
            "max_votes": 12,
        },
    )
    if made:
        # One to nine, then zero: the order of the keys on a keyboard.
        names = [*digits.DIGITS[1:], digits.DIGITS[0]]
        collection.set_classes(Synset.objects.below(collection.root).get(name=name) for name in names)
    return collection


def take_pictures(collection: Collection, chosen: slice, wrap: Callable[[Iterable], Iterable]) -> int:
    """Take the `chosen` scans in, with what they show as the known answer; return how many were new."""
    nouns = {synset.name: synset for synset in collection.ordered_classes()}

    def incoming() -> Iterable[IncomingPicture]:
        for name, data, digit in wrap(islice(digits.digit_pictures(), chosen.start, chosen.stop)):
            yield IncomingPicture(name, data, truth=nouns[digits.DIGITS[digit]])

    source = "scikit-learn's bundled handwritten digits"
    report = add_pictures(collection, incoming(), source=source, licence=digits.LICENCE, credit=digits.CREDIT)
    return report.n_added


def known_answers(collection: Collection) -> dict[int, Synset]:
    questions = collection.questions.exclude(truth=None).select_related("truth")
    return {question.pk: question.truth for question in questions if question.truth}


def settle(collection: Collection) -> aggregation.Report:
    """Refit the consensus over all votes."""
    try:
        return refitting.refit_now(collection)
    except refitting.AlreadyRefittingError:
        # A demo that was killed in the midst of it seems for minutes to be at it still; two at once do no harm.
        return aggregation.refit(collection)


def freeze_once(collection: Collection) -> Snapshot:
    """Return the demo's snapshot: the first one, frozen on the first call."""
    choice = Choice(may_lack=True, with_votes=True)
    return collection.snapshots.order_by("number").first() or freeze(collection, choice)


def queue_runs(snapshot: Snapshot) -> list[Run]:
    """Queue a training of each network; a run that is there already is left as it is."""
    return [Run.objects.enqueue_usual(snapshot, network) for network in NETWORKS]


def open_contest(snapshot: Snapshot) -> Contest:
    """Return the contest on the snapshot's hidden test labels, made on the first call."""
    contest, made = Contest.objects.get_or_create(
        slug=SLUG,
        defaults={
            "name": "Handwritten digits challenge",
            "year": date.today().year,  # noqa: DTZ011
            "description": "Which digit did somebody write? One guess counts, five may be given.",
            "snapshot": snapshot,
        },
    )
    if made:
        # All test pictures are public: of this few, half would tell entries apart badly.
        Phase.objects.create(contest=contest, name="Open", opens_at=timezone.now(), public_share=1)
    return contest


def is_scored(contest: Contest, runs: list[Run]) -> bool:
    """Say whether every run of `runs` stands on the board. Raises RunFailedError if one never will."""
    for run in Run.objects.filter(pk__in=[run.pk for run in runs]):
        if run.status in (Run.Status.FAILED, Run.Status.CANCELLED):
            raise RunFailedError(f"{run} {run.get_status_display()}: {run.error}")
    entries = Submission.objects.filter(phase__contest=contest, run__in=runs)
    for entry in entries.filter(status=Submission.Status.FAILED):
        raise RunFailedError(f"{entry} failed: {entry.error}")
    return entries.filter(status=Submission.Status.SCORED).count() == len(runs)


class RunFailedError(RuntimeError):
    """A training or its entry ended badly, so the demo cannot end well."""


def make_login(password: str) -> User:
    """Give the demo's curator this password; it is made on the first call."""
    curator, _made = User.objects.get_or_create(
        username="curator", defaults={"is_staff": True, "is_superuser": True}
    )
    curator.set_password(password)
    curator.save(update_fields=["password"])
    return curator
