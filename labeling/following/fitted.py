"""What a fit of all votes of a collection says, as they count after a change."""

from collections.abc import Mapping
from dataclasses import dataclass

from labeling import consensus
from labeling.models import Counts, Question


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit of all votes of a collection, as they count after a change."""

    fit: consensus.Fit
    place: Mapping[int, int]  # question -> item
    n_named: consensus.Ints  # (n_items,) votes that name a class
    counts: Counts

    def names(self, question: int) -> bool:
        """Say whether any vote on `question` names a class."""
        return question in self.place and self.n_named[self.place[question]] > 0

    def answer(self, question: int, classes: list[int], policy: consensus.Policy) -> tuple[int, float, str]:
        item = self.place[question]
        confidence = float(self.fit.confidence[item])
        counts = self.counts
        decision = consensus.decide(
            confidence, int(self.n_named[item]), int(counts.answers[item]), policy, int(counts.none[item])
        )
        return classes[self.fit.label[item]], confidence, Question.State.after(decision).value

    def to_json(self) -> dict[str, object]:
        return {
            "parameters": self.fit.parameters.to_json(),
            "n_votes": int(self.counts.votes.sum()),
            "log_likelihood": self.fit.log_likelihood,
        }
