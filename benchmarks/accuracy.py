"""How often labels are right: ours beside crowd-kit's, on CIFAR-10H and on made-up crowds, on the same votes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import cifar10h, rivals
from benchmarks.crowds import RECIPES, Crowd, renamed, simulate
from benchmarks.reporting import report
from labeling import consensus
from labeling.consensus import Floats

OURS = "ours"
SUBSETS = 3
TIES_DECIDE = (2, 3)  # votes a picture
SLOW_S = 30.0  # a rival that took longer on one subset is not run on the others
SIGNIFICANT = 1.96  # standard errors: five times in a hundred by chance


@dataclass
class Row:
    """Which items each contestant got right on subsets of one crowd, or why it did not."""

    name: str
    right: dict[str, list[Floats]] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def accuracy(self, contestant: str) -> float:
        return float(np.mean(self.right[contestant]))

    def spread(self, contestant: str) -> float:
        """The sample standard deviation over the subsets; 0 where there is one."""
        of_each = [found.mean() for found in self.right[contestant]]
        return float(np.std(of_each, ddof=1)) if len(of_each) > 1 else 0.0

    def lead(self, rival: str) -> tuple[float, float]:
        """How much more often `rival` is right than ours on the same subsets, and the standard error of that.

        Both answered for the same items, so the error is that of the mean difference of an item; an item's subsets
        count as one observation, since they share its difficulty.
        """
        n = len(self.right[rival])
        of_item = np.mean(self.right[rival], axis=0) - np.mean(self.right[OURS][:n], axis=0)
        return float(of_item.mean()), float(of_item.std() / np.sqrt(len(of_item)))

    def better(self) -> list[str]:
        """The rivals that are better than ours by more than noise."""
        leads = {rival: self.lead(rival) for rival in self.right if rival != OURS}
        return [rival for rival, (lead, error) in leads.items() if lead > SIGNIFICANT * error]


def on_cifar10h(folder: Path, votes_each: Iterable[int], limit_s: float, kept: Path | None) -> None:
    """Report a row for each number of votes a picture, three random subsets each; and for few votes, where ties
    decide, a second one with the classes in an order by lot.

    A rival that did not finish is not tried on more votes.
    """
    crowd, too_slow = cifar10h.read(folder), set[str]()
    for n in votes_each:
        subsets = list(cifar10h.subsets(crowd, n, SUBSETS))
        row = contest(f"cifar10h, {n} a picture", subsets, limit_s, kept, without=too_slow)
        too_slow |= row.failures.keys()
        report_row(row, ties_drawn=float(np.mean([drawn_majority_accuracy(subset) for subset in subsets])))
        if n in TIES_DECIDE:
            by_lot = [renamed(subset, seed) for seed, subset in enumerate(subsets)]
            report_row(contest(f"cifar10h, {n} a picture, classes renamed", by_lot, limit_s, kept, too_slow))


def on_made_up_crowds(limit_s: float, kept: Path | None) -> None:
    """Report a row for each crowd of benchmarks.crowds, and what they come to."""
    rows = []
    for recipe in RECIPES:
        crowd = simulate(recipe)
        row = contest(crowd.name, [crowd], limit_s, kept)
        report_row(row, votes=len(crowd.votes), n_items=crowd.n_items, n_classes=crowd.n_classes)
        rows.append(row)
    report_ranks(rows)


def contest(
    name: str, subsets: list[Crowd], limit_s: float, kept: Path | None, without: Collection[str] = ()
) -> Row:
    row = Row(name)
    for crowd in subsets:
        run_ours(row, crowd)
    for rival in rivals.RIVALS if rivals.are_installed() else ():
        if rival not in without:
            run_rival(row, rival, subsets, limit_s, kept)
    return row


def run_ours(row: Row, crowd: Crowd) -> None:
    fit, cost = rivals.measured(lambda: consensus.fit(crowd.votes, crowd.n_items, crowd.n_classes))
    row.right.setdefault(OURS, []).append((fit.label == crowd.truth).astype(np.float64))
    row.cpu_s[OURS] = max(cost["cpu_s"], row.cpu_s.get(OURS, 0.0))


def run_rival(row: Row, rival: str, subsets: list[Crowd], limit_s: float, kept: Path | None) -> None:
    for crowd in subsets:
        outcome = rivals.label(rival, crowd.votes, crowd.n_items, limit_s, kept)
        if outcome.label is None:
            row.failures[rival] = outcome.failure
            return
        row.right.setdefault(rival, []).append((outcome.label == crowd.truth).astype(np.float64))
        row.cpu_s[rival] = max(outcome.cpu_s, row.cpu_s.get(rival, 0.0))
        if outcome.cpu_s > SLOW_S:
            return


def report_row(row: Row, **figures: float) -> None:
    """Print accuracies, spreads over subsets, and which rivals are better than ours by more than noise."""
    report(
        row.name,
        **figures,
        accuracy={name: round(row.accuracy(name), 5) for name in row.right},
        spread={name: round(row.spread(name), 5) for name in row.right},
        subsets={name: len(found) for name, found in row.right.items()},
        cpu_s={name: round(seconds, 2) for name, seconds in row.cpu_s.items()},
        did_not_finish=row.failures,
        best_or_within_noise=not row.better(),
        better_than_ours={rival: [round(x, 5) for x in row.lead(rival)] for rival in row.better()},
    )


def report_ranks(rows: list[Row]) -> None:
    """Print each contestant's mean accuracy and mean rank over the rows that all finished, ties sharing ranks."""
    names = [name for name in (OURS, *rivals.RIVALS) if any(name in row.right for row in rows)]
    whole = [row for row in rows if all(name in row.right for name in names)]
    if not whole:
        return
    table = np.array([[row.accuracy(name) for name in names] for row in whole])  # (n_rows, n_names)
    ahead = (table[:, np.newaxis, :] > table[:, :, np.newaxis]).sum(axis=2)
    level = (table[:, np.newaxis, :] == table[:, :, np.newaxis]).sum(axis=2)
    ranks = ahead + (level + 1) / 2
    report(
        "all made-up crowds",
        crowds=len(rows),
        finished_by_all=len(whole),
        mean_accuracy=dict(zip(names, table.mean(axis=0).round(5).tolist(), strict=True)),
        mean_rank=dict(zip(names, ranks.mean(axis=0).round(2).tolist(), strict=True)),
        best=dict(zip(names, (ahead == 0).sum(axis=0).tolist(), strict=True)),
        ours_best_or_within_noise=sum(not row.better() for row in rows),
    )


def drawn_majority_accuracy(crowd: Crowd) -> float:
    """The expected accuracy of a majority that draws lots between tied labels.

    A tie to the lowest label, as crowd-kit's and ours, happens to suit CIFAR-10; at two votes a picture ties are what
    counts.
    """
    cells = crowd.votes.item * crowd.n_classes + crowd.votes.label
    counts = np.bincount(cells, minlength=crowd.n_items * crowd.n_classes).reshape(-1, crowd.n_classes)
    is_best = counts == counts.max(axis=1, keepdims=True)
    return float((is_best[np.arange(crowd.n_items), crowd.truth] / is_best.sum(axis=1)).mean())
