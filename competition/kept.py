"""Answers <-> files in the private storage: what entries said, for ranks and for scoring anew."""

from django.core.files.base import ContentFile

from competition.answers import Answers
from competition.models import Submission
from config.storage import private_storage


def keep(submission: Submission, answers: Answers) -> str:
    """Store what this attempt has found and return the file's name. No two attempts have one name."""
    name = f"submissions/{submission.pk}/answers-{submission.attempt}.npz"
    return private_storage().save(name, ContentFile(answers.to_bytes()))


def read(submission: Submission) -> Answers:
    """Return the answers that are kept of a submission; it has some."""
    with submission.answers.open("rb") as file:
        return Answers.from_bytes(file.read())


def drop(name: str) -> None:
    """Delete what an attempt has stored that lost its submission."""
    private_storage().delete(name)
