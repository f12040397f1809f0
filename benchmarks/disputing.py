"""Labels that settled wrongly, and those that a network disputes: CIFAR-10H with a few votes a picture.

The policy is that of a new collection (0.98 sure, two votes at least); the network has no say in the labels, and its
reliability is learnt from the same votes, as the site learns it. Whether a disputed label is truly wrong is told by
the truth, which nothing else has seen. Then each disputed picture is asked again: its next votes, in the order in
which they came, are bought one by one until it settles anew, or settles as before and one of them says so; ten at
most in all.
"""

from pathlib import Path

import numpy as np

from benchmarks import cifar10h
from benchmarks.crowds import Crowd
from benchmarks.reporting import report
from labeling import consensus, suspicion
from labeling.consensus import Fit, Floats, Policy, Probabilities, Votes

POLICY = Policy(target_confidence=0.98, min_votes=2, max_votes=10)
VOTES_EACH = (2, 3, 5)
SEEDS = 3
SHARES = (
    0.005,
    0.01,
    0.02,
    None,
)  # of the settled labels that are asked again, the surest; None: all disputed


def on_cifar10h(folder: Path) -> None:
    """Report for each number of votes, means over three random subsets, and the spread of precision and recall."""
    crowd, q = cifar10h.read(folder), cifar10h.read_network(folder)
    for n in VOTES_EACH:
        subsets = [_measure(crowd, q, n, seed) for seed in range(SEEDS)]
        for place, share in enumerate(SHARES):
            rows = [subset[place] for subset in subsets]
            means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
            spread = {name: round(float(np.std([row[name] for row in rows], ddof=1)), 5) for name in RATES}
            most = "all that are disputed" if share is None else f"the surest {share:.1%} of what is settled"
            report(f"disputes, {n} votes a picture, {most}", **means, spread=spread)


RATES = ("precision", "recall")


def _measure(crowd: Crowd, q: Floats, votes_each: int, seed: int) -> list[dict[str, float]]:
    """Return what was disputed, for each of SHARES."""
    arrival = cifar10h.shuffled_arrival(crowd.votes, np.random.default_rng(seed))
    votes = crowd.votes.where(arrival < votes_each)
    foretold = Probabilities(np.arange(crowd.n_items), q, np.zeros(crowd.n_items, dtype=np.bool_))
    fit = consensus.fit(votes, crowd.n_items, crowd.n_classes, prior=foretold)
    is_settled = (fit.confidence >= POLICY.target_confidence) & (votes_each >= POLICY.min_votes)
    found = _suspect(fit, foretold)
    ranked = np.flatnonzero(found.is_disputed & is_settled)
    ranked = ranked[np.argsort(-found.doubt[ranked], kind="stable")]
    is_wrong = is_settled & (fit.label != crowd.truth)
    again = {int(item): _ask_again(crowd.votes, arrival, votes_each, fit, int(item)) for item in ranked}
    return [
        _row(crowd, fit, is_settled, is_wrong, ranked[: _n(share, is_settled)], again) for share in SHARES
    ]


def _n(share: float | None, is_settled: np.ndarray) -> int | None:
    return None if share is None else int(np.ceil(share * is_settled.sum()))


def _suspect(fit: Fit, foretold: Probabilities) -> suspicion.Suspicion:
    """Return which labels the network disputes, as the site finds it: settled or not yet."""
    prior, items = fit.parameters.prior, foretold.item
    read = fit.parameters.network.read(foretold.of_items(items)[1], prior)
    is_label = fit.label[:, np.newaxis] == np.arange(len(prior))
    return suspicion.suspect(read, is_label, fit.confidence, prior, np.zeros(len(items), dtype=np.bool_))


def _ask_again(
    votes: Votes, arrival: np.ndarray, votes_each: int, fit: Fit, item: int
) -> tuple[int | None, int]:
    """Return the label of a disputed item after people were asked again, None where it was given up; and how many
    more votes that took. Those are weighed by what the fit has learnt.
    """
    mine = np.flatnonzero(votes.item == item)
    mine = mine[np.argsort(arrival[mine])]
    for n in range(votes_each + 1, POLICY.max_votes + 1):
        posterior = consensus.update(fit, votes.where(mine[:n]))
        label = int(posterior.argmax())
        decision = consensus.decide(float(posterior[label]), n, n, POLICY)
        since = votes.label[mine[votes_each:n]]
        if label == fit.label[item] and label not in since and n < POLICY.max_votes:
            continue  # nobody who was asked again has said it
        if decision != consensus.Decision.ASK_AGAIN:
            return (label if decision == consensus.Decision.SETTLED else None), n - votes_each
    raise AssertionError("At most votes a question is settled or given up.")


def _row(
    crowd: Crowd,
    fit: Fit,
    is_settled: np.ndarray,
    is_wrong: np.ndarray,
    disputed: np.ndarray,
    again: dict[int, tuple[int | None, int]],
) -> dict[str, float]:
    came = [(int(crowd.truth[item]), int(fit.label[item]), *again[item]) for item in disputed.tolist()]
    n_wrong, n_found = int(is_wrong.sum()), int(is_wrong[disputed].sum())
    return {
        "settled": int(is_settled.sum()),
        "wrong": n_wrong,
        "disputed": len(disputed),
        "of them wrong": n_found,
        "precision": n_found / max(len(disputed), 1),
        "recall": n_found / max(n_wrong, 1),
        "mended": sum(label == truth != before for truth, before, label, _n_more in came),
        "given up": sum(label is None for _truth, _before, label, _n_more in came),
        "spoilt": sum(
            label not in (None, truth) and before == truth for truth, before, label, _n_more in came
        ),
        "votes a dispute": sum(n_more for *_labels, n_more in came) / max(len(came), 1),
    }
