"""Rows -> what a collection's owner wants to know: how far it is, how well people agree, and where they do not.

The number of queries is the same for any collection, and none brings its votes here one by one: they are counted
where they lie. Agreement is computed over a fixed sample of questions, those at the lowest of their random positions.

What is counted is made of numbers, words and keys alone, so that it can be kept (see labeling.counting); pictures and
nouns are put to it when it is shown.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from labeling import agreement, pace
from labeling.models import (
    DECIDED_RIGHT,
    IS_KNOWN,
    VERIFIED,
    Choices,
    Collection,
    Figures,
    Question,
    Skill,
    Standing,
    Vote,
    label_words,
    tell_inner,
)
from labeling.splits import TRAIN
from taxonomy.models import Synset

DAYS = 30  # of votes that are drawn
SAMPLE = 2000  # questions over which agreement is computed
MOST_HARD, MOST_PAIRS, MOST_GROUPS = 12, 12, 200
DONE = (Question.State.SETTLED, Question.State.ABSENT, Question.State.UNDECIDED)


@dataclass(frozen=True)
class Pace:
    """Votes of volunteers, day by day up to today; imported ones are left out."""

    days: list[tuple[date, int]]
    bars: list[pace.Bar]
    most: int  # on one day
    n_last_day: int  # in the last 24 hours
    days_left: float | None  # None: too little to go by
    ends_at: datetime | None


@dataclass(frozen=True)
class Agreement:
    """Alpha over a sample; shares of what was right where the answer is known. None: nothing to go by yet."""

    alpha: float | None
    n_sampled: int
    is_sample: bool  # more questions have two votes than were looked at
    label_accuracy: float | None
    n_known: int
    vote_accuracy: float | None
    n_known_votes: int
    n_gold: int


@dataclass(frozen=True)
class HardPicture:
    question: Question
    # What was said: a noun, None where they cannot tell, or words where it was asked about one noun; votes; percent.
    said: list[tuple[Synset | str | None, int, int]]


@dataclass(frozen=True)
class Confusion:
    """Votes that said one noun of pictures whose label is another."""

    label: Synset
    label_words: str
    said: Synset
    n: int
    share: float  # of all votes on pictures with that label
    percent_of_most: int  # how long it is drawn beside the commonest


@dataclass(frozen=True)
class KnownVoter:
    skill: Skill
    low: float
    high: float
    n_votes: int
    drawn: tuple[int, ...]  # low, mean and high, in thousandths of the axis


@dataclass(frozen=True)
class KnownVoters:
    """Some annotators, drawn on one axis that begins at `axis_min` and ends at 1."""

    voters: list[KnownVoter]
    axis_min: float

    def at(self, share: float) -> int:
        """Return where a share lies on the axis that these are drawn on."""
        return _on_axis(share, self.axis_min)


@dataclass(frozen=True)
class Report:
    counts: dict[str, int]
    pace: Pace
    agreement: Agreement
    hardest: list[HardPicture]
    confusions: list[Confusion]
    n_voters: int
    counted: Figures | None  # None: at this moment


Found = dict[str, Any]  # what can be kept as JSON


def report(collection: Collection) -> Report:
    kept = Figures.objects.of(collection)
    found = kept.found["report"] if kept else measure(collection)
    return Report(
        counts=found["counts"],
        pace=_pace(found["counts"], found["pace"], timezone.now()),
        agreement=Agreement(**found["agreement"]),
        hardest=_shown_hardest(found["hardest"]),
        confusions=_shown_confusions(collection, found["confusions"]),
        n_voters=collection.skills.count(),
        counted=kept,
    )


def measure(collection: Collection) -> Found:
    """Count all that the votes of a collection say of it."""
    becomes, choices = Synset.objects.resolution(), Choices.now(collection)
    return {
        "counts": collection.questions.counts(),
        "pace": _measure_pace(collection, timezone.now()),
        "agreement": asdict(_agreement(collection, becomes, choices)),
        "hardest": _hardest(collection, becomes),
        # With one noun asked about, nobody says another.
        "confusions": [] if collection.is_verifying else _confusions(collection, becomes, choices),
    }


def votes_on_pictures(collection: Collection) -> QuerySet[Vote]:
    """The votes on what pictures show; others only narrow a noun that is known."""
    return Vote.objects.filter(question__collection=collection, narrowing=None)


def _measure_pace(collection: Collection, now: datetime) -> Found:
    cast = Vote.objects.filter(question__collection=collection, lease_number__isnull=False)
    today = timezone.localdate(now)
    since = today - timedelta(days=DAYS - 1)
    recent = cast.filter(cast_at__gte=timezone.make_aware(datetime.combine(since, time.min)))
    by_day = recent.annotate(day=TruncDate("cast_at")).values_list("day")
    n_on: dict[date, int] = dict(by_day.annotate(n=Count("pk")).order_by())
    done = collection.questions.filter(state__in=DONE)
    return {
        "today": today.isoformat(),
        "days": [n_on.get(since + timedelta(days=i), 0) for i in range(DAYS)],
        "n_last_day": cast.filter(cast_at__gt=now - timedelta(days=1)).count(),
        "n_votes_done": done.aggregate(n=Coalesce(Sum("n_votes"), 0))["n"],
    }


def _pace(counts: Mapping[str, int], found: Found, now: datetime) -> Pace:
    today, n_votes_done = date.fromisoformat(found["today"]), found["n_votes_done"]
    n_done = counts["n_decided"] + counts["n_undecided"]
    left = pace.days_left(
        counts["n_questions"] - n_done,
        n_done,
        n_votes_done,
        counts["n_votes"] - n_votes_done,
        found["n_last_day"],
    )
    return Pace(
        days=[(today - timedelta(days=DAYS - 1 - i), n) for i, n in enumerate(found["days"])],
        bars=pace.bars(found["days"]),
        most=max(found["days"]),
        n_last_day=found["n_last_day"],
        days_left=left,
        ends_at=None if left is None else now + timedelta(days=min(left, 36_500)),
    )


def _agreement(collection: Collection, becomes: Mapping[int, int | None], choices: Choices) -> Agreement:
    (item, label, count), n_voted = sampled(collection, becomes)
    # Alpha knows answers that are alike or not: a dog and a husky are neither.
    is_class = ~np.isin(label, [*choices.broader])
    labels = collection.questions.measured().aggregate(n=Count("pk"), right=Count("pk", filter=DECIDED_RIGHT))
    n_known_votes, n_right = _votes_on_known(collection, becomes, choices)
    return Agreement(
        alpha=agreement.alpha(item[is_class], label[is_class], count[is_class]),
        n_sampled=min(n_voted, SAMPLE),
        is_sample=n_voted > SAMPLE,
        label_accuracy=labels["right"] / labels["n"] if labels["n"] else None,
        n_known=labels["n"],
        vote_accuracy=n_right / n_known_votes if n_known_votes else None,
        n_known_votes=n_known_votes,
        n_gold=collection.questions.filter(is_gold=True).count(),
    )


def sampled(
    collection: Collection, becomes: Mapping[int, int | None]
) -> tuple[tuple[agreement.Ints, agreement.Ints, agreement.Ints], int]:
    """Return what was said on a fixed sample of the questions with two votes: question, answer and number of votes,
    as agreement.alpha takes them; and how many such questions there are. An answer is the key of a noun as it counts
    today, or below 0 where it was asked about one.
    """
    voted = collection.questions.filter(n_votes__gte=2, narrowing=None)
    sample = voted.order_by("position", "pk").values("pk")[:SAMPLE]
    rows = votes_on_pictures(collection).filter(synset__isnull=False, question__in=sample)
    cells = as_of_today(
        rows.values_list("question", what_was_said(collection)).annotate(n=Count("pk")).order_by(), becomes
    )
    item, label, count = (
        np.array([(question, noun, n) for (question, noun), n in sorted(cells.items())], dtype=np.int64)
        .reshape(-1, 3)
        .T
    )
    return (item, label, count), voted.count()


def _votes_on_known(
    collection: Collection, becomes: Mapping[int, int | None], choices: Choices
) -> tuple[int, int]:
    """Return how many votes are on questions with a known answer, and how many of them say it or a noun above it."""
    votes = Vote.objects.filter(IS_KNOWN, question__collection=collection)
    rows = votes.values_list("question__truth", "synset", "answer").annotate(n=Count("pk")).order_by()

    def is_it(truth: int, said: int) -> bool:
        return becomes.get(truth, truth) == becomes.get(said, said) or choices.is_above(said, truth)

    cells = [(is_it(truth, said) == (answer == Vote.Answer.PRESENT), n) for truth, said, answer, n in rows]
    return sum(n for _is_right, n in cells), sum(n for is_right, n in cells if is_right)


def what_was_said(collection: Collection) -> Case | F:
    """What tells one answer from another: the noun; or where each question is about one, whether it is there."""
    if not collection.is_verifying:
        return F("synset")
    # Below all keys, so that no noun counts as one of them.
    return Case(*(When(answer=answer, then=-1 - place) for place, answer in enumerate(VERIFIED)))


def as_of_today(
    rows: Iterable[tuple[int, int, int]], becomes: Mapping[int, int | None]
) -> dict[tuple[int, int], int]:
    """Add up (key, noun, votes) rows by key and what each noun counts as today; what counts as none is left out."""
    cells: dict[tuple[int, int], int] = defaultdict(int)
    for key, synset, n in rows:
        today = becomes.get(synset, synset)
        if today is not None:
            cells[key, today] += n
    return cells


def _hardest(collection: Collection, becomes: Mapping[int, int | None]) -> list[Found]:
    """The pictures on which most votes say something else than the label, each with all that was said; no test
    picture, as its label may be a secret. Two votes more in the share's divisor keep a few votes from weighing much.
    """
    shown = Q(question__image__split=TRAIN, question__image__withdrawn_at=None, question__narrowing=None)
    against = votes_on_pictures(collection).filter(
        shown, question__n_votes__gte=2, question__confidence__isnull=False
    )
    if collection.is_verifying:
        against = against.exclude(answer=Vote.Answer.PRESENT, question__label__isnull=False)
        against = against.exclude(answer=Vote.Answer.ABSENT, question__label=None)
    else:
        # Told apart where they lie, so of what was merged only votes for what became the label itself are known.
        against = against.exclude(synset=F("question__label")).exclude(synset__becomes=F("question__label"))
    share = 1.0 * Count("pk") / (F("question__n_votes") + 2)
    found = against.values_list("question").annotate(share=share)
    keys = [pk for pk, _share in found.order_by("-share", "question__confidence", "question")[:MOST_HARD]]
    said = votes_on_pictures(collection).filter(question__in=keys)
    of: dict[int, dict[int | str, int]] = defaultdict(dict)
    if collection.is_verifying:
        answers = said.values_list("question", "answer").annotate(n=Count("pk")).order_by("-n")
        for question, answer, n in answers:
            of[question][answer] = n
    else:
        rows = said.values_list("question", Coalesce("synset", 0)).annotate(n=Count("pk")).order_by()
        for (question, noun), n in sorted(as_of_today(rows, becomes).items()):
            of[question][noun] = n
    return [{"question": pk, "said": list(of[pk].items())} for pk in keys]


def _shown_hardest(found: Iterable[Found]) -> list[HardPicture]:
    """Put the pictures to what was counted; one that was withdrawn since is left out."""
    shown = Question.objects.filter(image__withdrawn_at=None).select_related("image", "label", "about")
    questions = shown.in_bulk([hard["question"] for hard in found])
    tell_inner(questions.values())
    nouns = Synset.objects.shown().in_bulk(
        {noun for hard in found for noun, _n in hard["said"] if not isinstance(noun, str)}
    )
    return [
        HardPicture(questions[hard["question"]], _distribution(hard["said"], nouns))
        for hard in found
        if hard["question"] in questions
    ]


def _distribution(
    said: Iterable[tuple[Any, int]], nouns: Mapping[int, Synset]
) -> list[tuple[Synset | str | None, int, int]]:
    """said: (noun, 0 where they cannot tell, or a kind of answer; votes) each."""
    said = list(said)
    n_votes = sum(n for _what, n in said)
    # Equally many votes stand in the order of their nouns, and "cannot tell" last.
    ranked = sorted(said, key=lambda cell: (-cell[1], cell[0] or 2**63))
    return [
        (
            nouns.get(what) if isinstance(what, int) else str(Vote.Answer(what).label),
            n,
            round(100 * n / n_votes),
        )
        for what, n in ranked
        if not what or isinstance(what, str) or what in nouns
    ]


def _confusions(collection: Collection, becomes: Mapping[int, int | None], choices: Choices) -> list[Found]:
    """The commonest of them. To say less than the label, or more, is to confuse nothing."""
    is_settled = Q(question__state=Question.State.SETTLED, question__narrowing=None)
    settled = votes_on_pictures(collection).filter(is_settled, synset__isnull=False)
    wrong = settled.exclude(synset=F("question__label"))
    rows = wrong.values_list("question__label", "synset").annotate(n=Count("pk"))
    cells = as_of_today(rows.order_by("-n", "question__label", "synset")[:MOST_GROUPS], becomes)
    pairs = {
        (label, said): n
        for (label, said), n in cells.items()
        if label != said and not choices.is_above(said, label) and not choices.is_above(label, said)
    }
    nouns = Synset.objects.shown().filter(pk__among={noun for pair in pairs for noun in pair})
    shown = set(nouns.values_list("pk", flat=True))
    commonest = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    commonest = [pair for pair in commonest if shown.issuperset(pair)][:MOST_PAIRS]
    of_label = settled.filter(question__label__in={label for label, _said in commonest})
    n_of = dict(of_label.values_list("question__label").annotate(n=Count("pk")).order_by())
    return [
        {"label": label, "said": said, "n": pairs[label, said], "share": pairs[label, said] / n_of[label]}
        for label, said in commonest
    ]


def _shown_confusions(collection: Collection, found: Iterable[Found]) -> list[Confusion]:
    """Put the nouns to what was counted; those that came to be hidden since are left out."""
    nouns = Synset.objects.shown().in_bulk({pair[side] for pair in found for side in ("label", "said")})
    shown = [pair for pair in found if pair["label"] in nouns and pair["said"] in nouns]
    most = max((pair["n"] for pair in shown), default=1)
    inner = collection.inner_among(pair["label"] for pair in shown)
    return [
        Confusion(
            label=nouns[pair["label"]],
            label_words=label_words(nouns[pair["label"]], pair["label"] in inner),
            said=nouns[pair["said"]],
            n=pair["n"],
            share=pair["share"],
            percent_of_most=round(100 * pair["n"] / most),
        )
        for pair in shown
    ]


def by_skill(collection: Collection) -> QuerySet[Skill]:
    """The skills of a collection's annotators, the likeliest to be right first."""
    mean = F("right") / (F("right") + F("wrong"))
    return collection.skills.select_related("annotator").order_by(mean.desc(), "pk")


def known_voters(collection: Collection, skills: Iterable[Skill]) -> KnownVoters:
    """Return each of `skills` with the 95 % interval of the share that is right, and its number of votes."""
    skills = list(skills)
    columns: Any = np.array([(skill.right, skill.wrong) for skill in skills], dtype=np.float64).reshape(-1, 2)
    intervals = agreement.beta_intervals(columns[:, 0], columns[:, 1]).tolist()
    axis_min = math.floor(10 * min((low for low, _high in intervals), default=0.0)) / 10
    n_of = _votes_of(collection, [skill.annotator_id for skill in skills])
    voters = []
    for skill, (low, high) in zip(skills, intervals, strict=True):
        drawn = tuple(_on_axis(share, axis_min) for share in (low, skill.mean, high))
        voters.append(KnownVoter(skill, low, high, n_of.get(skill.annotator_id, 0), drawn))
    return KnownVoters(voters, axis_min)


def _on_axis(share: float, axis_min: float) -> int:
    """Return where a share lies on an axis that ends at 1, in thousandths of it."""
    return round(1000 * (share - axis_min) / (1 - axis_min))


def _votes_of(collection: Collection, annotators: list[int]) -> dict[int, int]:
    """Return how many votes each of these has cast in a collection; of many votes, as last counted."""
    if Figures.objects.of(collection):
        kept = Standing.objects.filter(collection=collection, annotator__in=annotators)
        return dict(kept.values_list("annotator", "votes"))
    votes = Vote.objects.filter(question__collection=collection, annotator__in=annotators)
    return dict(votes.values_list("annotator").annotate(n=Count("pk")).order_by())
