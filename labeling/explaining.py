"""Rows -> why a question is decided as it is: what each of its votes did, and whether today's fit would say the same.

Nothing of it is kept: it is worked out from the rows whenever it is asked for, as `Question.decide` works them out.
So what a vote did is told by the fit, the skills and the nouns of today; where what stands is of an earlier fit, both
are told. The number of queries is the same for any number of votes.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property

import numpy as np
from django.db.models import QuerySet

from labeling import agreement, consensus, evidence
from labeling.models import VERIFIED, Choices, Collection, Network, Prediction, Question, Skill, Vote
from labeling.splits import TEST
from labeling.why import (
    NO_BAR,
    Because,
    Drawn,
    Foretold,
    Kind,
    Side,
    Told,
    Trust,
    Uncounted,
    Verdict,
    Weighing,
    Why,
)
from taxonomy.models import Synset

MOST_DRAWN = 3  # sides whose belief is drawn
MOST_KINDS = 12  # below an inner noun that are told of
LEAST_AXIS = 10.0  # decibans: among votes that hardly say anything none looks heavy
DECIDED = (Question.State.SETTLED, Question.State.ABSENT)


def questions_of(collection: Collection) -> QuerySet[Question]:
    """The questions of `collection`, with what `explain` reads of one."""
    questions = collection.questions.select_related(
        "collection", "image", "label", "about", "truth", "fit", "narrowing__stands_at"
    )
    # With a thousand classes these are 5 MB, and what is read of the latest fit is kept already; see Choices.
    return questions.defer("fit__parameters", "fit__classes")


def is_secret(question: Question, user: object) -> bool:
    """Say whether `user` is told nothing of what a question was labelled: its picture is in the test part, on which a
    contest may stand. Whoever reads the votes in the administration anyway is told here too.
    """
    if question.image.split != TEST:
        return False
    may_read = getattr(user, "has_perm", None)
    return not (getattr(user, "is_staff", False) and may_read and may_read("labeling.view_vote"))


def explain(question: Question) -> Why:
    """Tell why `question`, as `questions_of` gives it, is decided as it is."""
    choices = Choices.now(question.collection, question.narrowing_id)
    cast = Vote.objects.filter(question=question).order_by("pk")
    every = list(cast.select_related("annotator", "synset", "narrowing__noun"))
    votes = [vote for vote in every if vote.narrowing_id == question.narrowing_id]
    taken_back = question.retractions.select_related("annotator", "synset").order_by("pk")
    read = _Read(question, choices, votes)
    by_votes = read.verdict()
    told, weighing = read.weigh()
    return Why(
        question=question,
        stands=Verdict(
            Question.State(question.state), question.label, question.confidence, question.is_inner
        ),
        by_votes=by_votes,
        because=read.because(by_votes),
        policy=read.policy(question.label if question.about_id is None else read.about),
        fit=question.fit,
        is_latest_fit=question.fit_id == choices.fit,
        is_fitted=choices.fit is not None,
        votes=told,
        weighing=weighing,
        others=[Uncounted(vote) for vote in every if vote.narrowing_id != question.narrowing_id],
        retractions=[Uncounted(each) for each in taken_back],
        skips=list(question.skips.select_related("annotator").order_by("pk")),
        disputes=list(
            question.disputes.select_related("network", "label", "claim", "question").order_by("pk")
        ),
    )


class _Read:
    """A question, its votes that count, and what arrays call what they say."""

    def __init__(self, question: Question, choices: Choices, votes: Sequence[Vote]) -> None:
        self.question, self.choices, self.votes = question, choices, votes
        self.about = choices.about(question.about_id)  # None, too, where it is about no noun
        self.trust = _trust(question.collection, votes, choices)
        self.skills = {pk: trust.mean for pk, trust in self.trust.items() if trust.is_measured}
        self.labels = [self._label(vote) for vote in votes]
        self.log_q = Prediction.objects.helping({question.pk: choices}).get(question.pk)

    def _label(self, vote: Vote) -> int | None:
        """Return what arrays call what a vote says today, as Question.decide reads it; None where it says nothing."""
        if self.question.about_id is None:
            return self.choices.answer(vote.synset_id)
        counts = self.about is not None and self.choices.about(vote.synset_id) == self.about
        return VERIFIED.index(vote.answer) if counts and vote.answer in VERIFIED else None

    # --- What the votes lead to --------------------------------------------------------------------------------

    def verdict(self) -> Verdict | None:
        """Decide the question anew, as if its answer had not been known beforehand; None without votes."""
        if not self.votes:
            return None
        asked = copy(self.question)
        asked.is_gold = False
        answers = [(vote.annotator_id, vote.synset_id, vote.answer) for vote in self.votes]
        asked.decide(self.choices, answers, self.skills, self.log_q)
        is_inner = asked.state == Question.State.SETTLED and asked.label in self.choices.inner
        return Verdict(Question.State(asked.state), asked.label, asked.confidence, is_inner)

    def policy(self, noun: Synset | None) -> consensus.Policy:
        """Return the policy by which the question settles as `noun`; an inner noun does as all together."""
        place = None if noun is None else self.choices.place(noun.pk)
        return self.question.policy(self.choices, None if place is None else noun)

    def because(self, verdict: Verdict | None) -> Because:
        """Say why the votes lead to `verdict`."""
        if verdict is None:
            return Because.NO_VOTES
        if verdict.is_inner and verdict.label:
            is_unanimous = {*self.labels} == {self.choices.answer(verdict.label.pk)}
            return Because.ALL_SAY if is_unanimous else Because.FELL_BACK
        if verdict.state in DECIDED:
            return Because.SURE
        policy = self.policy(verdict.label if self.question.about_id is None else self.about)
        n_votes = len(self.votes)
        if verdict.state == Question.State.UNDECIDED:
            n_none = sum(vote.answer == Vote.Answer.NONE_OF_THESE for vote in self.votes)
            if n_none >= policy.min_votes and 2 * n_none > n_votes:
                return Because.NONE_OF_THESE
            return Because.MOST_VOTES if n_votes >= policy.max_votes else Because.ASKED_NO_MORE
        if n_votes < policy.asked_of:
            return Because.STARTER
        if sum(label is not None and not self._is_broader(label) for label in self.labels) < policy.min_votes:
            return Because.TOO_FEW
        label = verdict.label.pk if verdict.label else None
        if self.log_q is not None and self.choices.answer(label) not in self.labels:
            return Because.UNNAMED
        is_sure = (verdict.confidence or 0) >= policy.target_confidence
        return Because.NARROWED if is_sure else Because.UNSURE

    # --- What each vote did ------------------------------------------------------------------------------------

    def weigh(self) -> tuple[list[Told], Weighing | None]:
        """Return each vote with what it did; and what was believed, where there is something to weigh votes over."""
        parameters = self.choices.parameters
        if parameters is None or (self.question.about_id is not None and self.about is None):
            return [self._told(i, 0.0, None) for i in range(len(self.votes))], None
        n_unsure = sum(vote.answer == Vote.Answer.CANNOT_TELL for vote in self.votes)
        blur = self.choices.blur(n_unsure, sum(label is not None for label in self.labels))
        alone = [
            None if label is None else self.choices.weigh({vote.annotator_id: label}, self.skills, blur=blur)
            for vote, label in zip(self.votes, self.labels, strict=True)
        ]
        network = [] if self.log_q is None else [self.choices.weigh({}, {}, self.log_q)]
        beliefs = evidence.log_beliefs(parameters.prior, [*network, *alone])
        side = self._side(beliefs[-1])
        rivals = [self._of(place) for place in evidence.likeliest(beliefs[-1], side.classes, 1)]
        moved = evidence.log_odds(beliefs, side.classes, rivals[0].classes).tolist() if rivals else []
        shares = evidence.shares(beliefs, side.classes).tolist()
        moved = moved or [0.0] * (len(shares) - 1)
        axis = max([LEAST_AXIS, *(abs(evidence.Weight(each).decibans) for each in moved)])
        told = [
            self._told(i, each, belief, evidence.Weight(each).drawn(axis))
            for i, (each, belief) in enumerate(
                zip(moved[len(network) :], shares[1 + len(network) :], strict=True)
            )
        ]
        foretold = self._foretold(network[0], moved[0], shares[1], axis) if network else None
        kinds = self._kinds(beliefs[-1], side)
        drawn = self._drawn(beliefs, side)
        rival = rivals[0] if rivals else None
        return told, Weighing(side, rival, shares[0], drawn, kinds[:MOST_KINDS], len(kinds), foretold)

    def _foretold(self, read: evidence.Floats, moved: float, belief: float, axis: float) -> Foretold:
        """Tell of the network that helped. read: (n_classes,), what it says, as it is read."""
        place, weight = int(read.argmax()), evidence.Weight(moved)
        network = Network.objects.get(pk=self.choices.network or 0)
        return Foretold(network.name, self._of(place), float(read[place]), weight, belief, weight.drawn(axis))

    def _told(self, i: int, moved: float, belief: float | None, bar: tuple[int, int] = NO_BAR) -> Told:
        vote, label = self.votes[i], self.labels[i]
        return Told(
            vote=vote,
            trust=self.trust[vote.annotator_id],
            counts_as=None if label is None else self.about or self._noun(label),
            is_told=label is not None,
            is_broader=label is not None and self._is_broader(label),
            weight=evidence.Weight(moved),
            belief=belief,
            bar=bar,
        )

    def _side(self, log_belief: evidence.Floats) -> Side:
        """Return what stands, where the votes are weighed over it; else what they make likeliest."""
        question, stands = self.question, None
        if question.about_id is None:
            stands = self.choices.answer(question.label_id)
        elif question.state in DECIDED:
            stands = int(question.state == Question.State.SETTLED)  # a place of VERIFIED
        if stands is None:
            [stands] = evidence.likeliest(log_belief, np.array([], dtype=np.int64), 1)
        return self._of(stands)

    def _drawn(self, beliefs: evidence.Floats, side: Side) -> list[Drawn]:
        """The side; beside it the likeliest of the other classes, or of all where it is an inner noun."""
        without = side.classes if len(side.classes) == 1 else side.classes[:0]
        others = evidence.likeliest(beliefs[-1], without, MOST_DRAWN - 1)
        drawn = []
        for each in (side, *(self._of(place) for place in others)):
            shares = evidence.shares(beliefs, each.classes)
            drawn.append(Drawn(each, shares.tolist(), evidence.steps(shares)))
        return drawn

    def _kinds(self, log_belief: evidence.Floats, side: Side) -> list[Kind]:
        if len(side.classes) == 1:
            return []
        below = sorted(side.classes.tolist(), key=lambda place: -log_belief[place])
        return [Kind(self._of(place), float(np.exp(log_belief[place]))) for place in below]

    # --- What numbers stand for --------------------------------------------------------------------------------

    def _is_broader(self, label: int) -> bool:
        return self.question.about_id is None and label >= len(self.choices.synsets)

    def _of(self, label: int) -> Side:
        if self.question.about_id is not None:
            return Side(np.array([label]), self.about, VERIFIED[label])
        if self._is_broader(label):
            return Side(self.choices.tree[label - len(self.choices.synsets)], self._noun(label))
        return Side(np.array([label]), self._noun(label))

    def _noun(self, label: int) -> Synset:
        return self._broader[label] if self._is_broader(label) else self.choices.synsets[label]

    @cached_property
    def _broader(self) -> Mapping[int, Synset]:
        """The nouns above several classes that are spoken of, by what arrays call them."""
        spoken = {*self.labels, self.choices.answer(self.question.label_id)}
        key_of = dict(enumerate(self.choices.broader, start=len(self.choices.synsets)))
        keys = {label: key_of[label] for label in spoken if label in key_of}
        nouns = Synset.objects.in_bulk(keys.values())
        return {label: nouns[pk] for label, pk in keys.items()}


def _trust(collection: Collection, votes: Sequence[Vote], choices: Choices) -> dict[int, Trust]:
    """Return how far each annotator of `votes` is trusted, by their keys."""
    newcomer = (
        choices.parameters.skill_prior if choices.parameters else consensus.Parameters.start(1).skill_prior
    )
    annotators = list(dict.fromkeys(vote.annotator_id for vote in votes))
    measured = Skill.objects.filter(collection=collection, annotator__in=annotators).defer("confusion")
    known = {row.annotator_id: (row.right, row.wrong) for row in measured}
    own = choices.own(annotators)
    counts = np.array([known.get(pk, newcomer) for pk in annotators], dtype=np.float64).reshape(-1, 2)
    intervals = agreement.beta_intervals(counts[:, 0], counts[:, 1]).tolist()
    return {
        pk: Trust(right / (right + wrong), low, high, pk in known, pk in own)
        for pk, (right, wrong), (low, high) in zip(annotators, counts.tolist(), intervals, strict=True)
    }
