"""A finished Run's answers on the validation split -> what is told of them, and labels that people are asked about
again. Test pictures are no part of it: their labels are a contest's secret.

A label is what people agreed on when the snapshot was frozen, so a surest mistake is now and then the label's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import BinaryIO, Self, cast

import numpy as np
from django.utils.translation import gettext

from accounts.models import User
from config.storage import private_storage
from datasets.models import Snapshot
from labeling import asking_again, calibration
from labeling.asking_again import AskedAgain, Asking, Doubt
from taxonomy.models import Synset
from training.answers import Answers, Bools, Ints, PerClass, per_class
from training.kinds import Group, Kinds, Meeting, fewer, rolled_up, severity
from training.models import Run

KEPT = 16  # runs and snapshots that a process remembers: neither changes
REST, ELSE = "rest", "else"  # in addresses: groups that are not told apart; whatever is no kind of the noun


@dataclass(frozen=True)
class Cell:
    """Pictures of one group that were taken for another."""

    key: str  # of the group that they were taken for; empty for a noun that no page shows
    name: str
    n: int
    share: float  # of the pictures of its row
    is_right: bool  # they were taken for what they are


@dataclass(frozen=True)
class Row:
    """What the pictures of one group were taken for."""

    key: str
    name: str
    n: int
    n_classes: int
    cells: list[Cell]


@dataclass(frozen=True)
class Fared:
    """How one class fared. Shares of nothing are None."""

    wnid: str
    name: str
    n: int
    n_right: int
    recall: float | None
    precision: float | None
    f1: float | None
    taken_for: str  # in words; empty where it never was for another
    taken_for_wnid: str
    n_taken_for: int


@dataclass(frozen=True)
class Guess:
    wnid: str
    name: str
    probability: float


@dataclass(frozen=True)
class Mistake:
    """One picture, what its label says and what the network does; it may be none, where all pictures are listed."""

    sha256: str
    label: str  # a wnid
    label_name: str
    of_label: float  # the probability of that
    guesses: list[Guess]

    @property
    def is_wrong(self) -> bool:
        return self.guesses[0].wnid != self.label

    @property
    def doubt(self) -> Doubt:
        first = self.guesses[0]
        return Doubt(self.sha256, self.label, first.wnid, first.probability)


@dataclass(frozen=True, eq=False)
class Results:
    """What a run's network answers on the pictures of the validation split that may be shown."""

    run: Run
    answers: Answers
    kinds: Kinds
    names: Mapping[str, str]  # of the nouns, as they were called when they were frozen
    hidden: frozenset[str]  # wnids of nouns that no page shows
    _groups: dict[str, list[Group]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run) -> Self | None:
        """Read them; None where the run has not finished, or did so before answers were kept. Left out are pictures
        that have been withdrawn, and those of classes that have become sensitive. Two queries.
        """
        if not run.answers:
            return None
        snapshot = run.snapshot
        nouns = snapshot.taxonomy["nouns"]
        hidden = frozenset(
            Synset.objects.filter(wnid__in=nouns, is_sensitive=True).values_list("wnid", flat=True)
        )
        answers = _answers(run.answers.name or "", snapshot.digest)
        is_hidden = np.array([wnid in hidden for wnid in snapshot.classes])
        withdrawn = np.array([*snapshot.withdrawn_here()], dtype=str)
        is_shown = ~np.isin(answers.sha256, withdrawn) & ~is_hidden[answers.label]
        names = {wnid: noun["name"] for wnid, noun in nouns.items()}
        return cls(run, answers.where(is_shown), _kinds(snapshot.digest), names, hidden)

    @cached_property
    def confusion(self) -> Ints:
        return self.answers.confusion()

    @cached_property
    def by_class(self) -> PerClass:
        return per_class(self.confusion)

    @cached_property
    def meetings(self) -> list[Meeting]:
        return self.kinds.meetings(self.confusion)

    @property
    def severity(self) -> float | None:
        return severity(self.meetings)

    @property
    def n(self) -> int:
        return len(self.answers)

    @property
    def n_right(self) -> int:
        return self.answers.n_right()

    @property
    def accuracy(self) -> float:
        return self.n_right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Between which accuracies the one on all such pictures lies, with 95 %."""
        return calibration.wilson(self.n_right, self.n)

    @property
    def top5(self) -> float | None:
        """The share of pictures whose label is among the first five guesses; None where five are all there are."""
        return self.answers.n_right(5) / self.n if len(self.kinds.classes) > 5 else None

    @property
    def commonest(self) -> tuple[str, float]:
        """The class with the most pictures, in words, and its share: so often is right who always says that."""
        label = int(self.by_class.n.argmax())
        return self.name(self.kinds.classes[label]), int(self.by_class.n[label]) / self.n

    @cached_property
    def bins(self) -> list[calibration.Bin]:
        """How often it is right, by how sure it is."""
        return calibration.bins(self.answers.confidence, self.answers.is_right)

    @property
    def calibration_error(self) -> float | None:
        return calibration.expected_error(self.bins)

    @property
    def tempered_error(self) -> float | None:
        """The same once its logits are divided by the temperature."""
        return calibration.expected_error(calibration.bins(self.answers.tempered, self.answers.is_right))

    def name(self, wnid: str) -> str:
        """Return the name of a noun in words; of "" that it is all of them."""
        if wnid in self.hidden:
            return gettext("a noun that is not shown")
        return self.names.get(wnid) or gettext("all nouns")

    # --- What is taken for what ------------------------------------------------------------------------------------

    def is_noun(self, wnid: str) -> bool:
        return wnid in self.kinds.hypernyms and wnid not in self.hidden

    def groups(self, noun: str) -> list[Group]:
        if noun not in self._groups:
            self._groups[noun] = fewer(self.kinds.groups(noun), self.confusion)
        return self._groups[noun]

    def map(self, noun: str) -> list[Row]:
        """Return what the classes at or below a noun are taken for, in groups. The last row and the last column are
        whatever is no kind of the noun, if something is.
        """
        groups = self.groups(noun)
        counts = rolled_up(self.confusion, groups)
        has_else = len(self.kinds.classes_of(noun)) < len(self.kinds.classes)
        counts[-1, -1] = 0  # what lies outside altogether
        named = [(self._key(each), self._group_name(each), len(each.classes)) for each in groups]
        if has_else:
            named.append((ELSE, self.key_name(ELSE, noun), 0))
        rows = []
        for (key, name, n_classes), row in zip(named, counts.tolist(), strict=False):
            total = sum(row)
            cells = [
                Cell(to, called, n, n / total if total else 0.0, to == key)
                for (to, called, _n), n in zip(named, row, strict=False)
            ]
            rows.append(Row(key, name, total, n_classes, cells))
        return rows

    def classes_of(self, key: str, noun: str) -> frozenset[int] | None:
        """Return the classes that a key stands for on the map of a noun; None for one that stands for nothing."""
        for group in self.groups(noun):
            if key and self._key(group) == key:
                return frozenset(group.classes)
        if key == ELSE:
            return self.kinds.classes_of("") - self.kinds.classes_of(noun)
        return self.kinds.classes_of(key) if self.is_noun(key) else None

    def key_name(self, key: str, noun: str) -> str:
        """Return what a key stands for on the map of a noun, in words."""
        if key == ELSE:
            return gettext("anything else")
        rest = [group for group in self.groups(noun) if not group.noun]
        return self._group_name(rest[0]) if key == REST and rest else self.name(key)

    def _key(self, group: Group) -> str:
        """What a group is called in addresses; empty for a noun that no page shows."""
        return "" if group.noun in self.hidden else group.noun or REST

    def _group_name(self, group: Group) -> str:
        if group.noun:
            return self.name(group.noun)
        return gettext("%(n)s other nouns") % {"n": len(group.classes)}

    # --- Class by class --------------------------------------------------------------------------------------------

    def fared(self, noun: str = "") -> list[Fared]:
        """Return how each class at or below a noun fared, in their order."""
        found, inside = self.by_class, self.kinds.classes_of(noun)
        recall, precision, f1 = found.recall, found.precision, found.f1
        return [
            Fared(
                wnid,
                self.name(wnid),
                int(found.n[label]),
                int(found.n_right[label]),
                _or_none(recall[label]),
                _or_none(precision[label]),
                _or_none(f1[label]),
                self.name(self.kinds.classes[found.taken_for[label]]) if found.n_taken_for[label] else "",
                self.kinds.classes[found.taken_for[label]] if found.n_taken_for[label] else "",
                int(found.n_taken_for[label]),
            )
            for label, wnid in enumerate(self.kinds.classes)
            if label in inside and wnid not in self.hidden
        ]

    # --- Pictures --------------------------------------------------------------------------------------------------

    def chosen(self, labels: Iterable[int], answered: Iterable[int], *, only_wrong: bool) -> Ints:
        """Return the places of the pictures of these classes that were taken for one of those: the surest mistakes
        first, then what is right, the least sure first.
        """
        wrong = self.answers.surest_mistakes()
        right = np.flatnonzero(self.answers.is_right)
        right = right[np.argsort(self.answers.confidence[right], kind="stable")]
        places = wrong if only_wrong else np.concatenate([wrong, right])
        is_of = self._among(labels)[self.answers.label[places]]
        is_taken = self._among(answered)[self.answers.answer[places]]
        found: Ints = places[is_of & is_taken]
        return found

    def mistakes(self, places: Iterable[int]) -> list[Mistake]:
        """Tell of the pictures at these places."""
        return [self._mistake(int(place)) for place in places]

    def of_pictures(self, hashes: Iterable[str]) -> list[Mistake]:
        """Tell of these pictures, as far as they are of the validation split and the network is wrong about them."""
        is_named = np.isin(self.answers.sha256, np.array([*hashes], dtype=str))
        return self.mistakes(np.flatnonzero(is_named & ~self.answers.is_right))

    def _mistake(self, place: int) -> Mistake:
        answers, classes = self.answers, self.kinds.classes
        label = classes[answers.label[place]]
        guesses = [
            Guess(classes[guess], self.name(classes[guess]), float(probability))
            for guess, probability in zip(answers.guess[place], answers.probability[place], strict=True)
        ]
        return Mistake(
            str(answers.sha256[place]), label, self.name(label), float(answers.of_label[place]), guesses
        )

    def _among(self, labels: Iterable[int]) -> Bools:
        is_among = np.zeros(len(self.kinds.classes), dtype=np.bool_)
        is_among[[*labels]] = True
        return is_among

    # --- Asking people again ---------------------------------------------------------------------------------------

    def standing(self, mistakes: Sequence[Mistake]) -> dict[str, Asking]:
        """Return how those pictures stand that may be asked about again, or were, by their SHA-256."""
        doubts = [each.doubt for each in mistakes if each.is_wrong]
        return asking_again.standing(self.run.snapshot.collection, str(self.run), doubts)

    def ask_again(self, hashes: Iterable[str], asked_by: User) -> AskedAgain:
        """Ask one more person about each of these pictures; return what came of it. Safe to repeat. What the network
        is right about is left, as is what is no picture of the validation split.
        """
        wanted = {*hashes}
        doubts = [each.doubt for each in self.of_pictures(wanted)]
        found = asking_again.ask_again(self.run.snapshot.collection, str(self.run), doubts, asked_by)
        return AskedAgain(found.n_asked, found.n_already, found.n_left + len(wanted) - len(doubts))


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


# The digest stands for a run's snapshot: files of another database may have the same names.
@lru_cache(KEPT)
def _answers(name: str, digest: str) -> Answers:
    with private_storage().open(name, "rb") as file:
        return Answers.read(cast(BinaryIO, file))


@lru_cache(KEPT)
def _kinds(digest: str) -> Kinds:
    taxonomies = Snapshot.objects.filter(digest=digest).values_list("taxonomy", flat=True)
    return Kinds.of(taxonomies[0])
