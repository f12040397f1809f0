"""What benchmarks/consensus.py prints is only worth as much as these."""

from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import asking, coarsening, disputing, plot, targeting
from benchmarks.accuracy import OURS, Row
from benchmarks.crowds import Crowd
from benchmarks.refitting import first_of
from benchmarks.speed import synthetic
from benchmarks.stopping import Point, Stream, by_majority, frontier, until_lead, until_sure
from labeling import consensus
from labeling.consensus import Votes


def make_stream(*said):
    """A stream of two classes in which item i gets the votes said[i], in this order."""
    label = np.array(said)
    n_items, each = label.shape
    votes = Votes(np.repeat(np.arange(n_items), each), np.tile(np.arange(each), n_items), label.ravel())
    return Stream(votes, each, np.zeros(n_items, dtype=np.int64), 2)


def test_a_lead_of_two_stops_where_two_more_say_so_or_votes_run_out():
    stream = make_stream([0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 1, 0])

    n, label = until_lead(stream, lead=2, at_most=4)

    assert n.tolist() == [2, 4, 4]
    assert label.tolist() == [0, 1, 0]  # a tie goes to the lowest


def test_a_majority_looks_at_the_first_votes_alone():
    n, label = by_majority(make_stream([1, 1, 0, 0, 0]), 2)

    assert n.tolist() == [2]
    assert label.tolist() == [1]


def test_only_votes_that_were_bought_are_looked_at():
    said = np.random.default_rng(0).integers(0, 2, (30, 6))
    elsewhere = np.where(np.arange(6) < 3, said, 1 - said)

    n, label = until_sure(make_stream(*said), target=0.999999, first=1, at_most=3, given={})
    _, same = until_sure(make_stream(*elsewhere), target=0.999999, first=1, at_most=3, given={})

    assert n.max() == 3
    assert label.tolist() == same.tolist()


def test_a_low_target_buys_no_more_than_the_first_votes():
    n, _ = until_sure(make_stream([0, 1], [1, 0]), target=0.01, first=1, at_most=2, given={})

    assert n.tolist() == [1, 1]


def test_a_stream_holds_each_items_votes_in_the_order_in_which_they_come():
    label = np.arange(12) % 3
    crowd = Crowd("small", Votes(np.arange(12) % 4, np.arange(12), label), np.zeros(4, dtype=np.int64), 3)

    stream = Stream.of(crowd, seed=0)

    assert stream.votes.item.tolist() == np.repeat(np.arange(4), 3).tolist()
    first = stream.first(np.array([0, 1, 2, 3]))
    assert np.bincount(first.item, minlength=4).tolist() == [0, 1, 2, 3]
    assert first.annotator.tolist() == [stream.votes.annotator[v] for v in (3, 6, 7, 9, 10, 11)]


def test_the_frontier_leaves_out_what_is_dearer_and_no_better():
    points = [
        Point(name, votes, right, 0, 0)
        for name, votes, right in [("a", 1, 0.9), ("b", 3, 0.8), ("c", 2, 0.95)]
    ]

    assert [point.setting for point in frontier(points)] == ["a", "c"]


def test_a_rival_is_better_only_beyond_noise():
    ours, alike, ahead = np.zeros(400), np.zeros(400), np.zeros(400)
    ours[:300], alike[2:303], ahead[:340] = 1, 1, 1

    row = Row("a crowd", right={OURS: [ours], "alike": [alike], "ahead": [ahead]})

    # alike: 3 right that ours missed, 2 the other way round; ahead: 40 and none.
    assert row.lead("alike")[0] == pytest.approx(1 / 400)
    assert row.better() == ["ahead"]


def test_a_coarse_vote_names_a_noun_above_what_was_seen():
    seen = np.arange(1_000) % 10
    votes, is_coarse = Votes(seen, seen, seen), np.arange(1_000) % 3 == 0

    found = coarsening.coarsen(votes, is_coarse, np.random.default_rng(0)).label

    assert (found[~is_coarse] == seen[~is_coarse]).all()
    named = [coarsening.TREE[label - 10] for label in found[is_coarse]]
    assert all(label in group for label, group in zip(seen[is_coarse], named, strict=True))
    assert {len(group) for group in named} == {2, 4, 6}


def test_a_chart_is_drawn_as_xml_with_its_names():
    chart = plot.Chart("a < b", plot.Axis("x", (1, 10), logarithmic=True), plot.Axis("y", (0, 1)))

    drawn = ElementTree.fromstring(plot.draw(chart, {"up & on": [(1, 0.0), (10, 1.0), (100, 2.0)]}))

    words = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "up & on", "x", "y"} <= set(words)
    [line] = drawn.iter("{http://www.w3.org/2000/svg}polyline")
    assert (
        line.get("points") == "70.0,360.0 700.0,40.0"
    )  # from the lower left to the upper right; the third is outside


def test_more_lines_than_styles_are_refused():
    chart = plot.Chart("many", plot.Axis("x", (0, 1)), plot.Axis("y", (0, 1)))

    with pytest.raises(ValueError, match="expected 6 at most; found 7"):
        plot.draw(chart, {str(k): [] for k in range(7)})


def test_synthetic_votes_are_right_eight_times_in_ten():
    votes = synthetic(20_000, 100, 10)

    # Of each item's 200 votes the most frequent class is its truth.
    most = np.array([np.bincount(votes.label[votes.item == item]).max() for item in range(100)])
    assert most.sum() / 20_000 == pytest.approx(0.8, abs=0.02)


def test_votes_grow_by_others_and_keep_those_that_there_were():
    votes = Votes(np.arange(30) % 7, np.arange(30), np.zeros(30, dtype=np.int64))

    some, more, every = (set(grown.annotator.tolist()) for grown in first_of(votes, [10, 20, 30], seed=0))

    assert (len(some), len(more), len(every)) == (10, 20, 30)
    assert some < more < every
    assert some != set(range(10))


# Disputes


def make_disputed(*said):
    """Two classes and ten pictures of class 0, nine of which everybody gets right; of the tenth said is said, in
    turn."""
    each = len(said)
    label = np.zeros((10, each), dtype=np.int64)
    label[9] = said
    votes = Votes(np.repeat(np.arange(10), each), np.tile(np.arange(each), 10), label.ravel())
    return Crowd("small", votes, np.zeros(10, dtype=np.int64), 2)


def bought(crowd, votes_each):
    """Ask again about the tenth picture, after a fit of its first votes; return its label and the votes bought."""
    arrival = np.tile(np.arange(len(crowd.votes) // 10), 10)
    fit = consensus.fit(crowd.votes.where(arrival < votes_each), 10, 2)
    return fit, disputing._ask_again(crowd.votes, arrival, votes_each, fit, 9)


def test_who_is_asked_again_may_mend_a_label():
    crowd = make_disputed(1, 1, 0, 0, 0, 0, 0, 0, 0, 0)

    fit, (label, n_more) = bought(crowd, 2)

    assert fit.label[9] == 1
    assert (label, n_more > 2) == (0, True)


def test_one_who_says_the_label_again_upholds_it():
    _fit, found = bought(make_disputed(1, 1, 1, 0, 0, 0, 0, 0, 0, 0), 2)

    assert found == (1, 1)


def test_precision_and_recall_are_of_the_labels_that_settled():
    crowd = make_disputed(1, 1)
    fit = consensus.fit(crowd.votes, 10, 2)
    is_settled = np.arange(10) > 0
    is_wrong = is_settled & (fit.label != crowd.truth)

    row = disputing._row(crowd, fit, is_settled, is_wrong, np.array([9, 3]), {9: (0, 4), 3: (0, 1)})

    assert (row["settled"], row["wrong"], row["disputed"], row["of them wrong"]) == (9, 1, 2, 1)
    assert (row["precision"], row["recall"]) == (0.5, 1.0)
    assert (row["mended"], row["spoilt"], row["given up"], row["votes a dispute"]) == (1, 0, 0, 2.5)


# Starter sets, and whom to ask first


def make_long_stream(n_items=60, each=30):
    """Items of two classes on which a tenth of the votes errs, drawn at random."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, n_items)
    label = np.where(rng.random((n_items, each)) < 0.1, 1 - truth[:, np.newaxis], truth[:, np.newaxis])
    votes = Votes(np.repeat(np.arange(n_items), each), np.tile(np.arange(each), n_items), label.ravel())
    return Stream(votes, each, truth, 2)


@pytest.mark.parametrize("order", [asking.any_unsettled, asking.least_sure, asking.by_gain])
def test_no_rule_of_asking_buys_a_vote_on_what_has_settled(order):
    stream, rng = make_long_stream(), np.random.default_rng(0)
    n = np.full(60, 2)
    fit = consensus.fit(stream.first(n), 60, 2)

    first = order(fit, n, rng)

    settled = ~asking.is_unsettled(fit, n)
    assert settled.any()
    assert not settled.all()
    assert np.isneginf(first[settled]).all()
    assert (first[~settled] > -np.inf).all()


def test_starter_pictures_have_their_votes_and_these_end_at_what_all_say(monkeypatch):
    monkeypatch.setattr(targeting, "N_STARTERS", 20)
    stream = make_long_stream()

    bought = targeting.buy_with_starters(stream, 0.9, is_each=True)
    fit = consensus.fit(stream.first(bought.n), 60, 2)
    course = targeting.replay(stream, fit, np.flatnonzero(bought.is_starter))

    assert bought.is_starter.sum() == 20
    assert bought.n[bought.is_starter].min() >= targeting.STARTER_VOTES
    assert (bought.target >= 0.9).all()
    # Nine prefixes each, from the second vote on; the last one says what all say.
    assert len(course.item) == 20 * 9
    assert course.agrees.reshape(20, 9)[:, -1].all()
