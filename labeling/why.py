"""Why a question is decided as it is, in the words and numbers of a page. labeling.explaining finds it out."""

from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.formats import number_format
from django.utils.translation import gettext

from labeling import consensus, evidence
from labeling.models import ConsensusFit, Dispute, Question, Retraction, Skip, Vote, label_words
from taxonomy.models import Synset

NO_BAR = (evidence.HALF, 0)
MANY_TIMES = 1_000_000  # and more are not told apart


def name(noun: Synset | None) -> str:
    """Return the name of a noun, or words in its place where it is sensitive."""
    return gettext("a noun that is not shown") if noun is None or noun.is_sensitive else noun.name


def in_words(noun: Synset | None, answer: str) -> str:
    """Return what it is to say that a picture shows a noun, or does not."""
    return gettext("not %(noun)s") % {"noun": name(noun)} if answer == Vote.Answer.ABSENT else name(noun)


@dataclass(frozen=True, eq=False)
class Side:
    """What may be believed of a picture: that it shows a noun, or does or does not show the one asked about."""

    classes: evidence.Ints  # the places of what is decided among that it stands for
    noun: Synset | None
    answer: str = Vote.Answer.PRESENT  # or absent

    @property
    def words(self) -> str:
        return in_words(self.noun, self.answer)


@dataclass(frozen=True)
class Trust:
    """How often an annotator is taken to be right, with the 95 % interval of that."""

    mean: float
    low: float
    high: float
    is_measured: bool  # by the last refit; else it is what is thought of newcomers
    has_own: bool  # what they confuse is known of them by themselves, and weighs their votes

    @property
    def drawn(self) -> tuple[int, ...]:
        """Low, mean and high, in thousandths of an axis from 0 to 1."""
        return tuple(round(1000 * share) for share in (self.low, self.mean, self.high))


@dataclass(frozen=True)
class Told:
    """One vote that counts, and what it did."""

    vote: Vote
    trust: Trust
    counts_as: Synset | None  # what it says today, where it names a noun
    is_told: bool  # it says something about what is decided
    is_broader: bool  # it names an inner noun
    weight: evidence.Weight
    belief: float | None  # in the side that is looked at, after it; None where nothing is weighed
    bar: tuple[int, int] = NO_BAR

    @property
    def said(self) -> str:
        """What was said, in words."""
        return said(self.vote)

    @property
    def has_turned(self) -> bool:
        """Whether the taxonomy has since made it count as another noun."""
        return self.counts_as is not None and self.counts_as.pk != self.vote.synset_id

    @property
    def counts_as_words(self) -> str:
        return name(self.counts_as)

    @property
    def times_words(self) -> str:
        return times_words(self.weight)

    @property
    def decibans_words(self) -> str:
        return decibans_words(self.weight)


def times_words(weight: evidence.Weight) -> str:
    """Say by how many times something moved the odds."""
    times = round(weight.times, 1)
    if times >= MANY_TIMES:
        return gettext("over a million")
    return number_format(times, decimal_pos=1 if times < 10 else 0, use_l10n=True, force_grouping=True)


def decibans_words(weight: evidence.Weight) -> str:
    """Say a weight with its sign, a true minus among them."""
    decibans = round(weight.decibans, 1)
    sign = "+" if decibans > 0 else "−" if decibans < 0 else ""
    return f"{sign}{number_format(abs(decibans), decimal_pos=1, use_l10n=True)}"


@dataclass(frozen=True)
class Foretold:
    """What a trained network says that helped to decide, and what that did: one voice more, before any vote."""

    network: str
    side: Side  # what it takes the picture for
    probability: float  # of that, read by what the network has proved reliable for
    weight: evidence.Weight
    belief: float  # in the side that is looked at, after it
    bar: tuple[int, int] = NO_BAR

    @property
    def times_words(self) -> str:
        return times_words(self.weight)

    @property
    def decibans_words(self) -> str:
        return decibans_words(self.weight)


def said(vote: Vote | Retraction) -> str:
    """Return what a vote says, in the words of pages."""
    return in_words(vote.synset, vote.answer) if vote.synset else str(vote.get_answer_display())


@dataclass(frozen=True)
class Uncounted:
    """A vote that does not count: one that was taken back, or cast when something else was asked."""

    vote: Vote | Retraction

    @property
    def said(self) -> str:
        return said(self.vote)


@dataclass(frozen=True)
class Verdict:
    """What a question is decided as, or would be."""

    state: Question.State
    label: Synset | None
    confidence: float | None
    is_inner: bool

    @property
    def words(self) -> str:
        """Its label, in words; empty without one."""
        if self.label is None:
            return ""
        return name(self.label) if self.label.is_sensitive else label_words(self.label, self.is_inner)

    def says_as(self, other: "Verdict") -> bool:
        return (self.state, self.label) == (other.state, other.label)


class Because(StrEnum):
    """Why votes lead to what they lead to."""

    NO_VOTES = "no_votes"
    SURE = "sure"  # the target is reached, by votes enough
    ALL_SAY = "all_say"  # the same inner noun
    FELL_BACK = "fell_back"  # to an inner noun, when nobody else was to be asked
    NONE_OF_THESE = "none_of_these"  # so most say
    MOST_VOTES = "most_votes"  # and still not sure
    STARTER = "starter"  # of the starter set, each of which is asked of more people
    TOO_FEW = "too_few"  # votes that name something
    UNNAMED = "unnamed"  # what is likeliest is a network's word alone
    UNSURE = "unsure"
    NARROWED = "narrowed"  # it is a noun that was split, so its parts are asked for
    ASKED_NO_MORE = "asked_no_more"  # its noun, or all of its parts, have gone


@dataclass(frozen=True)
class Drawn:
    """How far a side was believed, before any vote and after each."""

    side: Side
    shares: list[float]
    points: str  # for <polyline>


@dataclass(frozen=True)
class Kind:
    """A class below an inner noun, and its probability after all votes."""

    side: Side
    share: float


@dataclass(frozen=True)
class Weighing:
    """What the votes did to what was believed, vote by vote, of one side against another."""

    side: Side
    rival: Side | None  # the likeliest besides; None where nothing else could be
    prior: float  # belief in the side before any vote
    drawn: list[Drawn]
    kinds: list[Kind]  # below an inner noun, the likeliest first
    n_kinds: int  # of which those are the likeliest
    foretold: Foretold | None = None  # where a network helped

    @property
    def rows(self) -> list[tuple[str, tuple[float, ...]]]:
        """What was believed of each that is drawn, before any vote and after each, with what was said until then."""
        shares = list(zip(*(each.shares for each in self.drawn), strict=True))
        before = [gettext("none")] + [gettext("the network")] * (self.foretold is not None)
        said = [*before, *map(str, range(1, len(shares) - len(before) + 1))]
        return list(zip(said, shares, strict=True))


@dataclass(frozen=True)
class Why:
    """All that is told of one question."""

    question: Question
    stands: Verdict
    by_votes: Verdict | None  # what its votes say today; None without any
    because: Because  # of what they say
    policy: consensus.Policy
    fit: ConsensusFit | None  # that made what stands; None: before the first, or not by votes
    is_latest_fit: bool
    is_fitted: bool  # votes are weighed by the latest fit; else as before the first
    votes: list[Told]
    weighing: Weighing | None  # None where there is nothing to weigh votes over any more
    others: list[Uncounted] = field(default_factory=list)  # cast when something else was asked
    retractions: list[Uncounted] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether the votes, by the fit, the skills and the policy of today, lead to what stands."""
        return self.by_votes is not None and self.by_votes.says_as(self.stands)

    @property
    def is_disputed(self) -> bool:
        """Whether it is asked again since a network disputes what its votes lead to, and nobody has answered yet."""
        is_open = self.stands.state == Question.State.OPEN
        return is_open and any(self.question.n_votes <= dispute.n_votes for dispute in self.disputes)

    @property
    def n_telling(self) -> int:
        return sum(told.is_told for told in self.votes)

    @property
    def n_none(self) -> int:
        return sum(told.vote.answer == Vote.Answer.NONE_OF_THESE for told in self.votes)

    @property
    def target_y(self) -> float:
        """Where the target confidence lies in the drawing of beliefs."""
        return round(evidence.HEIGHT * (1 - self.policy.target_confidence), 1)
