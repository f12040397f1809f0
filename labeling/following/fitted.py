"""What a fit of all votes of a collection says, as they count after a change."""

from collections.abc import Mapping
from dataclasses import dataclass

from labeling import consensus
from labeling.models import Question


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit of all votes of a collection, as they count after a change."""

    fit: consensus.Fit
    place: Mapping[int, int]  # question -> item
    n_named: consensus.Ints  # (n_items,) votes that name a class
    n_answers: consensus.Ints  # (n_items,) votes that answer what it shows, "cannot tell" included
    n_votes: int

    def names(self, question: int) -> bool:
        """Say whether any vote on `question` names a class."""
        return question in self.place and self.n_named[self.place[question]] > 0

    def answer(self, question: int, classes: list[int], policy: consensus.Policy) -> tuple[int, float, str]:
        item = self.place[question]
        confidence = float(self.fit.confidence[item])
        decision = consensus.decide(confidence, int(self.n_named[item]), int(self.n_answers[item]), policy)
        return classes[self.fit.label[item]], confidence, Question.State.after(decision).value

    def to_json(self) -> dict[str, object]:
        return {
            "parameters": self.fit.parameters.to_json(),
            "n_votes": self.n_votes,
            "log_likelihood": self.fit.log_likelihood,
        }
