"""A finished Run -> an entry of a team in a contest on its snapshot, by what it says of the test pictures."""

from django.utils.translation import gettext as _

from accounts.models import User
from competition.entering import guesses_of
from competition.models import Contest, Submission, SubmissionRefusedError
from training.models import Run


def open_to(run: Run, user: User) -> list[Contest]:
    """Return the contests that are open and that `user` may enter `run` in; none where it has not finished."""
    if run.status != Run.Status.FINISHED or not run.predictions:
        return []
    contests = Contest.objects.filter(snapshot=run.snapshot_id).prefetch_related("phases")
    return [contest for contest in contests if _is_open(contest) and may_enter(run, contest, user)]


def _is_open(contest: Contest) -> bool:
    return any(phase.is_open for phase in contest.phases.all())


def may_enter(run: Run, contest: Contest, user: User) -> bool:
    """Whether `user` may enter `run` in `contest`: whoever started it, and who runs the contest."""
    return (run.author_id is not None and run.author_id == user.pk) or contest.may_be_run_by(user)


def enter(run: Run, contest: Contest, user: User) -> Submission:
    """Hand in what `run` says of the test pictures for the team of `user`, who may do so; return the entry that is
    there where somebody clicks twice. Raises SubmissionRefusedError with a sentence.
    """
    if run.status != Run.Status.FINISHED or not run.predictions:
        raise SubmissionRefusedError(
            _("Expected a finished run; %(run)s is %(status)s.")
            % {"run": run, "status": run.get_status_display()}
        )
    if run.snapshot_id != contest.snapshot_id:
        raise SubmissionRefusedError(
            _("%(contest)s is on %(its)s; %(run)s was trained on %(other)s.")
            % {"contest": contest, "its": contest.snapshot, "run": run, "other": run.snapshot}
        )
    return Submission.objects.submit(
        contest.phase,
        user,
        f"{run.network}, seed {run.seed}",
        guesses_of(run),
        run=run,
        token=_token(run, contest, user),
    )


def _token(run: Run, contest: Contest, user: User) -> str:
    """Name this entry, so that two clicks make one; what has failed or was cancelled may come again."""
    again = (Submission.Status.FAILED, Submission.Status.CANCELLED)
    n_ended = Submission.objects.filter(
        phase__contest=contest, run=run, author=user, status__in=again
    ).count()
    return f"run-{run.pk}-{contest.pk}-{n_ended}"
