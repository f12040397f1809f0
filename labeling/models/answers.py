"""What is said about pictures on loan, and what becomes of it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from labeling.models.choices import Choices
from labeling.models.collections import VERIFIED
from labeling.models.questions import Question
from labeling.models.votes import Vote
from taxonomy.models import Synset

SKIP = "skip"  # the answer that is none: the picture goes to somebody else
# The answers that there are to each kind of question.
TO_CHOOSE = (Vote.Answer.PRESENT, Vote.Answer.CANNOT_TELL, Vote.Answer.NONE_OF_THESE)
TO_VERIFY = (Vote.Answer.PRESENT, Vote.Answer.ABSENT, Vote.Answer.CANNOT_TELL)


class LeaseExpiredError(Exception):
    """The lease ran out, or was never this annotator's, so the vote cannot be taken."""


class NotAClassError(ValueError):
    """The collection does not offer this noun as an answer: it is neither a class nor an inner noun."""


class AnsweredOtherwiseError(ValueError):
    """A vote was cast on this lease before, and it says something else."""


class Skip(models.Model):
    """A picture that somebody passed over without an answer. It is not put before them again."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="skips", db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lease_number = models.BigIntegerField(unique=True)
    skipped_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["question", "annotator"], name="labeling_skipped")]

    def __str__(self) -> str:
        return f"{self.annotator} skipped {self.question}"


@dataclass(frozen=True)
class Answer:
    """What somebody says about the picture of a lease."""

    lease: int
    wnid: str = (
        ""  # of the noun that it shows; empty where it names none, or means the one that was asked about
    )
    kind: str = (
        ""  # an answer of Vote.Answer, or SKIP; empty: present where it names a noun, else cannot tell
    )
    seconds: float | None = None

    @property
    def said(self) -> str:
        """The kind of answer that it is."""
        return self.kind or (Vote.Answer.PRESENT if self.wnid else Vote.Answer.CANNOT_TELL)


@dataclass(frozen=True)
class Outcome:
    """What became of an answer: a new vote or skip, the same one as before, or the reason why none was kept."""

    vote: Vote | None = None
    skip: Skip | None = None
    truth: Synset | None = None  # of a gold question that was answered with a noun
    is_above_truth: bool = False  # the answer is an inner noun, of which the truth is a kind
    is_repeated: bool = False
    refusal: LeaseExpiredError | NotAClassError | AnsweredOtherwiseError | None = None

    @property
    def is_right(self) -> bool:
        """Whether a gold question got the answer that is known: absent is right where the truth is another noun, and
        an inner noun where the truth is a kind of it.
        """
        if self.vote is None:
            return False
        if self.is_above_truth:
            return True
        return (self.vote.synset == self.truth) != (self.vote.answer == Vote.Answer.ABSENT)


def kept_before(annotator: User, numbers: AbstractSet[int]) -> dict[int, Vote | Skip]:
    """Return the votes and skips that `annotator` sent on these leases earlier."""
    if not numbers:
        return {}
    votes = Vote.objects.filter(annotator=annotator, lease_number__in=numbers).select_related("synset")
    skips = Skip.objects.filter(annotator=annotator, lease_number__in=numbers)
    kept: dict[int, Vote | Skip] = {skip.lease_number: skip for skip in skips}
    return kept | {vote.lease_number or 0: vote for vote in votes}


def repeat(answer: Answer, earlier: Vote | Skip | None) -> Outcome:
    """Tell an answer that is sent again from one that contradicts it, and both from a lease that is not held."""
    if earlier is None:
        return Outcome(
            refusal=LeaseExpiredError(
                _("Expected a lease that you hold; lease %(lease)s ran out or is not yours.")
                % {"lease": answer.lease}
            )
        )
    if isinstance(earlier, Skip):
        if answer.kind == SKIP and not answer.wnid:
            return Outcome(skip=earlier, is_repeated=True)
        return Outcome(refusal=AnsweredOtherwiseError(_("You have skipped this picture.")))
    noun = earlier.synset.wnid if earlier.synset else ""
    if answer.said == earlier.answer and answer.wnid in ("", noun):
        return Outcome(vote=earlier, is_repeated=True)
    words = earlier.synset if earlier.answer == Vote.Answer.PRESENT else earlier.get_answer_display()
    return Outcome(
        refusal=AnsweredOtherwiseError(
            _("You have already answered this question: %(words)s.") % {"words": words}
        )
    )


def take(
    answer: Answer, question: Question, annotator: int, expires_at: datetime, choices: Choices, version: int
) -> Outcome:
    """Make, without writing it, the vote or skip that `answer` is."""
    if expires_at <= timezone.now():
        return Outcome(
            refusal=LeaseExpiredError(
                _(
                    "Expected a lease that is still held; lease %(lease)s ran out at %(expires_at)s UTC. Ask "
                    "for another question."
                )
                % {"lease": answer.lease, "expires_at": f"{expires_at:%H:%M:%S}"}
            )
        )
    if answer.kind == SKIP and not answer.wnid:
        return Outcome(skip=Skip(question=question, annotator_id=annotator, lease_number=answer.lease))
    wanted = TO_VERIFY if question.about_id else TO_CHOOSE
    if answer.said not in wanted:
        return _refused(
            _("Expected the answer %(wanted)s; found %(said)s.")
            % {"wanted": " or ".join(wanted), "said": answer.said}
        )
    take_one = _take_about if question.about_id else _take_named
    return take_one(answer, question, annotator, choices, version)


def _refused(sentence: str) -> Outcome:
    return Outcome(refusal=NotAClassError(sentence))


def _take_named(
    answer: Answer, question: Question, annotator: int, choices: Choices, version: int
) -> Outcome:
    """Take an answer to what a picture shows."""
    if bool(answer.wnid) != (answer.said == Vote.Answer.PRESENT):
        return _refused(
            _("Expected a synset with the answer present alone; found %(said)s.") % {"said": answer.said}
        )
    synset = choices.by_wnid.get(answer.wnid) if answer.wnid else None
    if answer.wnid and synset is None:
        # A page that was open while the taxonomy changed names a noun by what it was.
        synset = Synset.objects.filter(wnid=answer.wnid).first()
        if synset is None:
            return _refused(
                _("Expected the wnid of a noun; found %(answer)s.") % {"answer": repr(answer.wnid)}
            )
    if synset is not None and not choices.offers(synset.pk):
        return _refused(
            _("Expected one of the classes of %(collection)s; found %(synset)s.")
            % {"collection": question.collection, "synset": synset}
        )
    truth = choices.place(question.truth_id) if question.is_gold and synset else None
    return Outcome(
        truth=None if truth is None else choices.synsets[truth],
        is_above_truth=synset is not None and choices.is_above(synset.pk, question.truth_id),
        vote=_vote(answer, question, annotator, synset, version),
    )


def _take_about(
    answer: Answer, question: Question, annotator: int, choices: Choices, version: int
) -> Outcome:
    """Take an answer to whether a picture shows one noun."""
    about = choices.about(question.about_id)
    if about is None or about not in choices.offered:
        return _refused(
            _("Expected a noun that is still asked about; %(about)s is not.") % {"about": question.about}
        )
    if answer.wnid not in ("", about.wnid):
        # A page that was open while the taxonomy changed names the noun by what it was.
        named = Synset.objects.filter(wnid=answer.wnid).first()
        if named is None or choices.about(named.pk) != about:
            return _refused(
                _("Expected an answer about %(about)s; found one about %(answer)s.")
                % {"about": about, "answer": repr(answer.wnid)}
            )
    synset = about if answer.said in VERIFIED else None
    is_told = question.is_gold and synset is not None
    truth = choices.about(question.truth_id) or question.truth if is_told else None
    return Outcome(truth=truth, vote=_vote(answer, question, annotator, synset, version))


def _vote(answer: Answer, question: Question, annotator: int, synset: Synset | None, version: int) -> Vote:
    return Vote(
        question=question,
        annotator_id=annotator,
        synset=synset,
        answer=answer.said,
        seconds=answer.seconds,
        lease_number=answer.lease,
        narrowing_id=question.narrowing_id,
        taxonomy_version=version,
    )
