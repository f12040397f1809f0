"""Scored entries for tests of boards: answers, scores and tallies as scoring leaves them."""

from typing import Any

import numpy as np
from django.core.files.base import ContentFile

from competition import standings
from competition.answers import Answers
from competition.ladder import rounded
from competition.metrics import top_k_wrong
from competition.models import ClassTally, Contest, Metric, Part, Phase, Score, Submission, Team
from competition.truth import SCORER_VERSION, truth_of
from config.storage import private_storage
from tests.factories import make_phase, make_user


def make_board(snapshot, n_entries: int = 3, **fields: Any) -> Phase:
    """Make a phase with entries that err on no, one, two ... pictures, ranked."""
    phase = make_phase(snapshot, **fields)
    for n_wrong in range(n_entries):
        make_entry(phase, n_wrong)
    standings.rebuild(phase.contest)
    return phase


def make_entry(
    phase: Phase, wrong: int | list[int], *, team: Team | None = None, is_told: bool = True, **fields: Any
):
    """Add a scored entry of `team`, a new one unless given (or a run's), that is wrong at first about the first so
    many test pictures, or about those at these places. Its second guess is right.
    """
    contest = phase.contest
    if team is None and "run" not in fields:
        team = Team.objects.enter(contest, make_user())
    author = team.captain if team else None
    submission = Submission.objects.create(
        phase=phase,
        author=author,
        team=team,
        status="scored",
        method=fields.pop("method", "guessing"),
        **fields,
    )
    truth = truth_of(contest)
    is_wrong = np.zeros(len(truth.images), dtype=bool)
    is_wrong[wrong if isinstance(wrong, list) else slice(wrong)] = True
    answers = _answers(truth.labels, is_wrong, contest.snapshot.n_classes)
    name = private_storage().save(f"answers/{submission.pk}.npz", ContentFile(answers.to_bytes()))
    Submission.objects.filter(pk=submission.pk).update(answers=name)
    for part in Part:
        counts = truth.counts(phase, part)
        if counts.any():
            _score(
                submission, part, answers.where(counts), truth.labels[counts], is_told and part == Part.PUBLIC
            )
    return submission


def _answers(labels, is_wrong, n_classes: int) -> Answers:
    guesses = np.full((len(labels), 5), -1, dtype=np.int32)
    other = (labels + 1) % n_classes
    guesses[:, 0], guesses[:, 1] = np.where(is_wrong, other, labels), np.where(is_wrong, labels, other)
    return Answers(guesses)


def _score(submission: Submission, part: Part, answers: Answers, labels, is_told: bool) -> None:
    contest, n = submission.phase.contest, len(labels)
    known = {
        "n_images": n,
        "truth_digest": contest.labels.digest,
        "taxonomy_version": 1,
        "scorer_version": contest.scorer_version or SCORER_VERSION,
    }
    values = {
        Metric.TOP1: top_k_wrong(answers.guesses, labels, 1),
        Metric.TOP5: top_k_wrong(answers.guesses, labels, 5),
    }
    for metric, each in values.items():
        value = float(each.mean())
        told = rounded(value, n) if is_told else None
        Score.objects.create(
            submission=submission, metric=metric, part=part, value=value, low=value / 2,
            high=min(1.0, value * 2), told=told, **known,
        )  # fmt: skip
    add_tally(submission, part, labels, values)


def add_tally(submission: Submission, part: Part, labels, values) -> None:
    contest = submission.phase.contest
    n_classes = contest.snapshot.n_classes

    def by_class(weights):
        return np.bincount(labels, weights=weights, minlength=n_classes)

    counts = np.stack(
        [
            by_class(None),
            by_class(values[Metric.TOP1]),
            by_class(values[Metric.TOP5]),
            by_class(values[Metric.TOP1]),
        ]
    )
    ClassTally.objects.create(
        submission=submission, part=part, truth_digest=contest.labels.digest,
        scorer_version=contest.scorer_version or SCORER_VERSION, counts=counts.astype("<i4").tobytes(),
    )  # fmt: skip


def ranked(contest: Contest, part: Part | None = None) -> list[tuple[int | None, int]]:
    """Rank a contest anew, and return the rank and the entry of each row of its board."""
    standings.rebuild(contest)
    return [(each.rank, each.submission_id) for each in standings.board(contest, part)]
