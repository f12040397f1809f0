"""Answers <-> files in the private storage: what entries said, for ranks and for scoring anew."""

from django.core.files.base import ContentFile

from competition.answers import Answers
from competition.models import Submission
from config.storage import private_storage


def keep(submission: Submission, answers: Answers) -> str:
    """Store what this attempt has found and return the file's name. No two attempts have one name."""
    return private_storage().save(_name(submission, submission.attempt), ContentFile(answers.to_bytes()))


def _name(submission: Submission, attempt: int) -> str:
    return f"submissions/{submission.pk}/answers-{attempt}.npz"


def read(submission: Submission) -> Answers:
    """Return the answers that are kept of a submission; it has some."""
    with submission.answers.open("rb") as file:
        return Answers.from_bytes(file.read())


def drop_earlier(submission: Submission) -> None:
    """Delete what earlier attempts stored whose workers died before they could say so."""
    for attempt in range(1, submission.attempt):
        drop(_name(submission, attempt))


def drop(name: str) -> None:
    """Delete what an attempt has stored that lost its submission."""
    private_storage().delete(name)
