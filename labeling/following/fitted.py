"""What a fit of all votes of a collection says, as they count after a change."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

import numpy as np

from labeling import consensus
from labeling.broader import Hierarchy
from labeling.coarse import Tree
from labeling.following.turn import Turn
from labeling.models import Collection, Counts, Question, Vote
from labeling.models.choices import read_hierarchy
from labeling.models.fits import known_as_json, learnt
from labeling.starting import Policies
from taxonomy.models import Synset


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fit of all votes of a collection, and of what its gold questions show, as they count after a change."""

    fit: consensus.Fit
    place: Mapping[int, int]  # question -> item
    n_named: consensus.Ints  # (n_items,) votes that name a class
    counts: Counts
    inner: Sequence[int | None]  # the labels that the first groups of the fit are
    annotators: Sequence[int]  # by place
    gold: AbstractSet[int]  # items whose class is known

    @classmethod
    def of(
        cls,
        collection: Collection,
        turn: Turn,
        classes: list[int],
        judged: list[int],
        counts_as: Mapping[int, int | None],
    ) -> Self:
        """Fit the votes of `collection` over `judged`, the first of which are its `classes`, after the change."""
        between = _between(collection, turn, classes, judged)
        votes, keys, counts = Vote.objects.as_arrays(collection, judged, counts_as, between.places)
        tree = Tree.of([*between.places.values()])
        gold = keys.gold(_known(collection, judged, counts_as))
        fit = consensus.fit(
            votes, len(keys.questions), len(judged), tree=tree, gold=gold, n_unsure=counts.unsure
        )
        n_named = np.bincount(votes.item[votes.label < len(judged)], minlength=len(keys.questions))
        place = {pk: i for i, pk in enumerate(keys.questions)}
        inner = [turn.label(pk) for pk in between.inner]
        return cls(fit, place, n_named, counts, inner, keys.annotators, {*gold.item.tolist()})

    def names(self, question: int) -> bool:
        """Say whether any vote on `question` names a class, or a noun above some."""
        return question in self.place and len(self.fit.answers(self.place[question])) > 0

    def is_gold(self, question: int) -> bool:
        """Say whether what `question` shows is known, so that no vote decides it."""
        return self.place.get(question) in self.gold

    def answer(self, question: int, classes: list[int], policies: Policies) -> tuple[int | None, float, str]:
        item = self.place[question]
        confidence = float(self.fit.confidence[item])
        if self.is_gold(question):
            return classes[self.fit.label[item]], confidence, Question.State.SETTLED.value
        n_votes, n_none = int(self.counts.answers[item]), int(self.counts.none[item])
        policy = policies.of(question, classes[self.fit.label[item]])
        decision = consensus.decide(confidence, int(self.n_named[item]), n_votes, policy, n_none)
        if decision != consensus.Decision.SETTLED:
            policy = policies.of(question, None)
            inner = self.fit.fall_back(item, n_votes, policy, n_none, len(self.inner))
            if inner is not None:
                return self.inner[inner[0]], inner[1], Question.State.SETTLED.value
        return classes[self.fit.label[item]], confidence, Question.State.after(decision).value

    def to_json(self) -> dict[str, object]:
        return {
            "parameters": self.fit.parameters.to_json(),
            "n_votes": int(self.counts.votes.sum()),
            "log_likelihood": self.fit.log_likelihood,
            "skills": known_as_json(learnt(self.annotators, self.fit.start)),
        }


def _known(
    collection: Collection, judged: Sequence[int], counts_as: Mapping[int, int | None]
) -> dict[int, int | None]:
    """Return the places among `judged` of what gold questions show, as it counts after the change."""
    place = {pk: i for i, pk in enumerate(judged)}
    known = collection.questions.filter(is_gold=True, n_votes__gt=0).values_list("pk", "truth")
    return {
        pk: place.get(truth if truth in place else counts_as.get(truth, truth) or 0) for pk, truth in known
    }


def _between(collection: Collection, turn: Turn, classes: list[int], judged: list[int]) -> Hierarchy:
    """Return the nouns above what is judged after a change, in the tree as it is before; a noun that comes into it is
    below its hypernyms. The next refit weighs all votes by the tree of then.
    """
    stands_at = dict(collection.narrowings.values_list("noun", "stands_at"))
    split = {pk: stands_at.get(pk, turn.stands_at or pk) for pk in judged[len(classes) :]}
    now = [split.get(pk, pk) for pk in judged]
    came = turn.hypernyms(turn.before.keys() & {*now})
    places = [came.get(pk, {pk}) for pk in now]
    nouns = Synset.objects.in_bulk(classes)
    offered = {i for i, pk in enumerate(classes) if nouns[pk].is_imageable and not nouns[pk].is_sensitive}
    found, _inner = read_hierarchy(collection.root_id, judged, places, offered)
    return found
