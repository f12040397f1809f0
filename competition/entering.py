"""Finished trainings -> baseline entries of the contests on their snapshots."""

import io

import numpy as np
from django.core.files.base import ContentFile

from competition.models import Contest, Submission
from competition.predictions import format_predictions
from training.models import Run


def enter_finished_runs() -> int:
    """Enter every finished run that a contest wants and does not have; return how many were entered."""
    contests = Contest.objects.filter(enters_runs=True)
    return sum(enter(contest, run) for contest in contests for run in _missing(contest))


def _missing(contest: Contest) -> list[Run]:
    phase = contest.phase
    if phase is None or not phase.is_open:
        return []
    finished = Run.objects.filter(snapshot=contest.snapshot_id, status=Run.Status.FINISHED)
    return list(finished.exclude(submissions__phase=phase))


def enter(contest: Contest, run: Run) -> bool:
    """Hand in what `run` says of the test pictures; False if somebody has done so at this moment."""
    with run.predictions.open("rb") as file:
        answers = np.load(io.BytesIO(file.read()), allow_pickle=False)
    lines = format_predictions(answers["probabilities"], answers["sha256"].tolist(), run.snapshot.classes)
    phase = contest.phase
    _submission, made = Submission.objects.get_or_create(
        phase=phase,
        run=run,
        defaults={
            "method": f"{run.network}, seed {run.seed}",
            "file": ContentFile("".join(lines).encode(), name=f"run-{run.pk}.csv"),
        },
    )
    return made
