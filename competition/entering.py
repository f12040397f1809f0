"""What this site itself enters in contests: finished trainings, and the simplest guess there is."""

import io
from collections import Counter

import numpy as np
from django.core.files.base import ContentFile
from django.db.models import QuerySet
from numpy.typing import NDArray

from competition.models import Contest, Phase, Submission
from competition.predictions import format_predictions
from competition.truth import test_images
from datasets.models import Snapshot
from labeling.splits import TRAIN
from training.models import Run


def enter_baselines() -> int:
    """Enter the guesses that are this site's own in every open contest that lacks them; return how many those are."""
    wanted = [
        (phase, baseline) for phase in _open_phases(Contest.objects.all()) for baseline in Submission.Baseline
    ]
    return sum(_enter_baseline(phase, baseline) for phase, baseline in wanted)


def _enter_baseline(phase: Phase, baseline: Submission.Baseline) -> bool:
    if phase.submissions.filter(baseline=baseline).exists():
        return False
    snapshot = phase.contest.snapshot
    images = test_images(snapshot)
    shares = np.tile(training_shares(snapshot), (len(images), 1))
    _submission, made = Submission.objects.get_or_create(
        phase=phase,
        baseline=baseline,
        defaults={"method": str(baseline.label), "file": _file(shares, images, snapshot.classes, baseline)},
    )
    return made


def training_shares(snapshot: Snapshot) -> NDArray[np.float64]:
    """Return the share of each class among the pictures to train on, (n_classes,), which everybody can count too."""
    n_of = Counter(row.wnid for row in snapshot.rows() if row.split == TRAIN)
    counts = np.array([n_of[wnid] for wnid in snapshot.classes], dtype=np.float64)
    shares: NDArray[np.float64] = counts / max(1.0, counts.sum())
    return shares


def enter_finished_runs() -> int:
    """Enter every finished run that a contest wants and does not have; return how many were entered."""
    phases = _open_phases(Contest.objects.filter(enters_runs=True))
    return sum(enter(phase.contest, run) for phase in phases for run in _missing(phase))


def _open_phases(contests: QuerySet[Contest]) -> list[Phase]:
    phases = [contest.phase for contest in contests.select_related("snapshot").prefetch_related("phases")]
    return [phase for phase in phases if phase is not None and phase.is_open]


def _missing(phase: Phase) -> list[Run]:
    finished = Run.objects.filter(snapshot=phase.contest.snapshot_id, status=Run.Status.FINISHED)
    return list(finished.exclude(pk__in=phase.submissions.filter(run__isnull=False, team=None).values("run")))


def enter(contest: Contest, run: Run) -> bool:
    """Hand in what `run` says of the test pictures; False if somebody has done so at this moment."""
    _submission, made = Submission.objects.get_or_create(
        phase=contest.phase,
        run=run,
        team=None,
        defaults={
            "method": f"{run.network}, seed {run.seed}",
            "file": guesses_of(run),
            "n_parameters": run.n_parameters,
            "n_multiply_adds": run.n_multiply_adds,
        },
    )
    return made


def guesses_of(run: Run) -> ContentFile:
    """Return what a finished `run` says of the test pictures, as a file to hand in."""
    with run.predictions.open("rb") as file:
        answers = np.load(io.BytesIO(file.read()), allow_pickle=False)
    return _file(answers["probabilities"], answers["sha256"].tolist(), run.snapshot.classes, f"run-{run.pk}")


def _file(
    probabilities: NDArray[np.floating], images: list[str], classes: list[str], name: str
) -> ContentFile:
    lines = format_predictions(probabilities, images, classes)
    return ContentFile("".join(lines).encode(), name=f"{name}.csv")
