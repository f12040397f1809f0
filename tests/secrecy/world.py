"""A site in which the labels of two test pictures can be exchanged, and all that is counted stays as it is.

One picture is a cat and one a dog. Everybody whose votes made them so voted on both, so when the votes and labels are
exchanged nobody's counts move: an answer that is another one then tells which of the two is the cat.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
from django.apps import apps
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import F

from accounts.models import ApiToken, User
from competition.entering import enter_finished_runs
from competition.models import Submission, Team
from competition.scoring import score_queued
from config.storage import private_storage
from datasets import downloads, summing
from datasets.models import Snapshot
from datasets.publishing import current_edition
from labeling import aggregation
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Comment, Image, Question, Vote
from labeling.models.choices import forget_kept
from labeling.receiving import receive, take_in_waiting
from labeling.splits import TEST, TRAIN
from labeling.talking import flag, say
from taxonomy import drafting
from taxonomy.models import Change, Draft, Synset
from tests import factories
from tests.factories import (
    freeze_all,
    make_collection,
    make_phase,
    make_photograph,
    make_question,
    make_run,
    make_synset,
    make_user,
)
from tests.labeling.foretold import make_voted, of_part
from tests.labeling.foretold import say as foretell
from tests.labeling.grids import make_examples, make_verifying
from tests.labeling.organisers import make_organiser
from tests.labeling.uploads import upload, zipped
from tests.taxonomy.curators import make_curator
from tests.training.answered import keep_answers, validation
from tests.training.asked import keep, make_finished
from tests.training.explanations import make_explanation
from training.models import Run

DECISION = ("state", "label_id", "confidence", "fit_id", "n_votes", "gain", "truth_id")


class Clock:
    """A time that moves when it is told to, so that both walks meet the same moments."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, minutes: int = 1) -> None:
        self.at += timedelta(minutes=minutes)


class World:
    """The site before anything is frozen. A Stage comes on top, anew for each walk."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[str, User | None] = {
            "nobody": None,
            "guest": User.objects.create_guest(),
            "volunteer": make_user(board_name="Maria"),
            "voter": make_user(board_name="Carl"),
            "researcher": make_user(),
            "curator": make_curator(),
            "other organiser": make_organiser(),
            "owner": make_organiser(),
            "staff": make_user(is_staff=True),
            "superuser": make_user(is_staff=True, is_superuser=True),
        }
        self._choose()
        self._verify()
        self._borrow()
        self._talk()
        self._send()
        self.tokens = {
            who: ApiToken.objects.create(user=user, name="a script")[1]
            for who, user in self.people.items()
            if user and who in ("voter", "other organiser", "owner", "superuser")
        }

    # --- What is asked and answered ----------------------------------------------------------------------------

    def _choose(self) -> None:
        """A collection that asks which noun it is: with a network, a disputed label, and two pictures left to ask."""
        policy = {"uses_predictions": True, "target_confidence": 0.9, "gold_share": 0}
        self.chosen = make_voted(60, owner=self.people["owner"], **policy)
        self.cat, self.dog = self.chosen.ordered_classes()
        self.one, self.other = of_part(self.chosen, TEST)[:2]
        training = of_part(self.chosen, TRAIN)
        for question in (self.one, self.other, *training[4:10]):
            vote(question, self.people["voter"], self.cat)
        foretell(self.chosen, wrong=training[:1], sure=0.999)
        aggregation.refit(self.chosen)
        self.one.refresh_from_db()
        self.other.refresh_from_db()
        assert (self.one.label, self.other.label) == (self.cat, self.dog)
        assert self.one.image.split == self.other.image.split == TEST
        self.chosen.examples.choose(
            self.chosen, self.cat, training[2].image, is_good=True, note="Look at the whiskers."
        )
        Question.objects.filter(pk=training[5].pk).update(truth=F("label"), is_gold=True)
        for split in (TRAIN, TEST):
            make_question(self.chosen, split=split)

    def _verify(self) -> None:
        """A collection that asks of each picture whether it is a cat, and whether it is a dog."""
        self.verified = make_verifying(11, known_to=self.people["voter"], owner=self.people["owner"])
        make_examples(self.verified, [True, False])
        cat, dog = self.verified.ordered_classes()
        annotators = [make_user(), make_user()]
        *images, waiting = Image.objects.filter(questions__collection=self.verified).distinct().order_by("pk")
        for place, image in enumerate(images):
            shown = (cat, dog)[place % 2]
            for question in image.questions.filter(collection=self.verified).select_related("about"):
                is_shown = question.about == shown
                for annotator in annotators:
                    vote(question, annotator, question.about, "present" if is_shown else "absent")
                decided = {"state": "settled", "label": shown} if is_shown else {"state": "absent"}
                Question.objects.filter(pk=question.pk).update(confidence=0.99, **decided)
        waiting.questions.update(state="open", open_places=2)
        self.twins = [image for image in images if image.split == TEST]

    def _borrow(self) -> None:
        """Somebody else's collection with the same pictures, of whose labels its organiser knows nothing."""
        self.borrowed = make_collection(4, owner=self.people["other organiser"])
        incoming = [
            IncomingPicture(f"{image}.png", read(image)) for image in (self.one.image, self.other.image)
        ]
        add_pictures(self.borrowed, incoming, source="found")
        assert self.borrowed.questions.filter(image=self.one.image).exists()

    def _talk(self) -> None:
        """Words about the two pictures and a noun, and reports of them."""
        voter, owner = self.people["voter"], self.people["owner"]
        for image in (self.one.image, self.other.image):
            comment = say(image, voter, Comment(text="What is that?"))
            flag(comment, owner)
            self.chosen.reports.create(image=image, reporter=voter, reason="private", note="My garden.")
        self.comment = comment
        say(self.cat, owner, Comment(text="Tigers are no cats here."))

    def _send(self) -> None:
        """An upload that was taken in, with two pictures that look alike."""
        alike = {f"{width}.jpg": make_photograph(1, (width, width * 3 // 4)) for width in (400, 300)}
        sender = self.people["owner"]
        self.intake = receive(self.chosen, [upload("trip.zip", zipped(alike))], sender, source="a trip")
        take_in_waiting()

    def exchange(self) -> None:
        """Let each of the two pictures be what the other was, by the votes of all but the voter."""
        self._exchange(self.one, self.other)
        one, other = self.twins
        for question in one.questions.filter(collection=self.verified):
            self._exchange(question, other.questions.get(collection=self.verified, about=question.about_id))

    def _exchange(self, one: Question, other: Question) -> None:
        fields = [Question.objects.filter(pk=each.pk).values(*DECISION).get() for each in (one, other)]
        for each, of_other in zip((one, other), reversed(fields), strict=True):
            Question.objects.filter(pk=each.pk).update(**of_other)
        of_one, of_other = (each.votes.exclude(annotator=self.people["voter"]) for each in (one, other))
        for mine in of_one:
            theirs = of_other.get(annotator=mine.annotator_id)
            said = {"synset": theirs.synset, "answer": theirs.answer}
            Vote.objects.filter(pk=theirs.pk).update(synset=mine.synset, answer=mine.answer)
            Vote.objects.filter(pk=mine.pk).update(**said)


def read(image: Image) -> bytes:
    with image.file.open("rb") as file:
        data: bytes = file.read()
    return data


def vote(question: Question, annotator: User | None, noun: Synset | None, answer: str = "present") -> None:
    Vote.objects.create(
        question=question,
        annotator=annotator,
        synset=noun,
        answer=answer,
        taxonomy_version=Change.objects.version(),
    )
    Question.objects.filter(pk=question.pk).update(n_votes=question.votes.count())


class Stage:
    """Snapshots of both collections, networks, a contest with entries, and a change of the nouns that waits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.snapshot = freeze_all(world.chosen, with_votes=True)
        world.clock.pass_()
        world.exchange()  # so that there are two whose test labels differ, to compare
        self.later = freeze_all(world.chosen, with_votes=True)
        world.exchange()
        self.checked = freeze_all(world.verified)
        summing.sum_waiting()
        self._train()
        self._compete()
        self._propose()

    @property
    def snapshots(self) -> list[Snapshot]:
        return [self.snapshot, self.later, self.checked]

    def _train(self) -> None:
        self.run = keep(make_finished("perceptron", self.snapshot), weights=b"weights")
        self.running = make_run(self.snapshot, network="mlp", status="running")
        for run in (self.run, self.running):
            run.epochs.create(
                number=1,
                train_loss=1,
                val_loss=1,
                val_top1_error=0.5,
                val_top5_error=0.1,
                learning_rate=0.1,
                pictures_per_second=1000.0,
                seconds=1.5,
            )
        file, test = io.BytesIO(), self._test_pictures()
        np.savez_compressed(file, sha256=np.array(test), probabilities=np.full((len(test), 2), (0.7, 0.3)))
        name = private_storage().save(f"runs/{self.run.pk}/predictions.npz", ContentFile(file.getvalue()))
        Run.objects.filter(pk=self.run.pk).update(predictions=name)
        pictures = validation(self.snapshot)
        keep_answers(self.run, pictures, np.tile(np.float32([0.8, 0.2]), (len(pictures), 1)))
        self.run.refresh_from_db()
        self.explanation = make_explanation(self.run)

    def _compete(self) -> None:
        phase = make_phase(self.snapshot, opens_at=self.world.clock() - timedelta(days=1), public_share=1)
        self.contest = phase.contest
        # Another answer for each picture but the same for the two, so that the same number is right.
        guesses = [self.snapshot.classes[place // 2 % 2] for place in range(len(self._test_pictures()))]
        lines = [f"{sha256},{guess}\n" for sha256, guess in zip(self._in_pairs(), guesses, strict=True)]
        file = ContentFile("".join(["image,guess_1\n", *lines]).encode(), "guesses.csv")
        self.submission = Submission.objects.submit(phase, self.world.people["researcher"], "pairs", file)
        people, team = self.world.people, self.submission.team
        self.invitation = team.invite(people["curator"], people["researcher"])
        others = Team.objects.enter(self.contest, people["volunteer"])
        self.offer = others.offer_merge(team, people["volunteer"])
        enter_finished_runs()
        assert score_queued() == 2
        self.submission.refresh_from_db()
        assert self.submission.is_scored, self.submission.error

    def _test_pictures(self) -> list[str]:
        return [row.sha256 for row in self.snapshot.rows() if row.split == TEST]

    def _in_pairs(self) -> list[str]:
        """The test pictures, the two that are exchanged first."""
        first = [self.world.one.image.sha256, self.world.other.image.sha256]
        return [*first, *(each for each in self._test_pictures() if each not in first)]

    def _propose(self) -> None:
        world = self.world
        curator = world.people["curator"]
        dodo = make_synset(f"dodo {world.cat.wnid}", world.chosen.root)
        done = drafting.propose("retire", {"synset": dodo.wnid}, author=curator, reason="None is left.")
        drafting.work_due()
        Draft.objects.get(pk=done.pk).commit()
        drafting.work_due()
        self.change = Change.objects.latest("pk")
        self.draft = drafting.propose(
            "merge", {"synset": world.cat.wnid, "target": world.dog.wnid}, author=curator, reason="All pets."
        )
        drafting.work_due()

    def files(self) -> Iterator[tuple[Snapshot, str]]:
        """Every file of every snapshot."""
        for snapshot in self.snapshots:
            entries = downloads.listing(current_edition(snapshot))
            for name in [*(entry.name for entry in entries), downloads.SUMS, downloads.CROISSANT]:
                yield snapshot, name


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is done inside: rows, the numbers they were given, files, and what a process remembers."""
    storage = private_storage()
    before, number = set(stored(storage)), next(factories._numbers)
    cache.clear()
    forget_kept()
    _number_anew()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    factories._numbers = count(number)
    for name in set(stored(storage)) - before:
        storage.delete(name)


def _number_anew() -> None:
    """Have rows numbered after the last that is there. SQLite takes numbers back with the rows."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
            cursor.execute(statement)


def stored(storage: Storage, folder: str = "") -> Iterator[str]:
    """Yield the name of each file that is kept."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}{name}" for name in sorted(files))
    for each in sorted(folders):
        yield from stored(storage, f"{folder}{each}/")
