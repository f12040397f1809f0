"""crowd-kit's answers beside ours. Skipped where crowd-kit is not installed."""

import numpy as np
import pytest

from benchmarks.crowds import RECIPES, Recipe, simulate
from labeling import classical, consensus

# What crowd-kit uses of pandas is no matter of ours; here warnings are errors.
pytestmark = pytest.mark.filterwarnings("ignore")

GRADES = Recipe("grades", 60, 8, 4, 5, (6, 3), mistakes="next", leaning=0.5, tail=0.5)
SPARSE = Recipe("sparse", 40, 12, 5, 3, (7, 3), hard=0.2)


def theirs(name, votes, **options):
    """crowd-kit's probabilities of each class, (n_items, n_classes); warnings of its import are no errors here."""
    aggregation = pytest.importorskip("crowdkit.aggregation", exc_type=ImportError)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"task": votes.item, "worker": votes.annotator, "label": votes.label})
    return (
        getattr(aggregation, name)(**options)
        .fit_predict_proba(frame)
        .sort_index()
        .sort_index(axis=1)
        .to_numpy()
    )


@pytest.mark.parametrize("recipe", [GRADES, SPARSE], ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("n_iterations", [1, 2, 10, 100])
def test_dawid_and_skenes_algorithm_agrees_with_crowd_kits(monkeypatch, recipe, n_iterations):
    monkeypatch.setattr(classical, "TOLERANCE", -1.0)  # both make every iteration
    crowd = simulate(recipe)
    expected = theirs("DawidSkene", crowd.votes, n_iter=n_iterations, tol=-np.inf)

    fit = classical.dawid_skene(crowd.votes, crowd.n_items, crowd.n_classes, n_iterations=n_iterations)

    found = np.array([fit.posterior(item) for item in range(crowd.n_items)])
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_majority_agrees_with_crowd_kits():
    crowd = simulate(SPARSE)
    expected = theirs("MajorityVote", crowd.votes)

    label, share = consensus.majority(crowd.votes, crowd.n_items, crowd.n_classes)

    np.testing.assert_array_equal(label, expected.argmax(axis=1))  # of tied labels both name the lowest
    np.testing.assert_allclose(share, expected.max(axis=1))


@pytest.mark.parametrize(
    "recipe", [recipe for recipe in RECIPES if recipe.n_items < 1_000], ids=lambda r: r.name
)
def test_a_made_up_crowd_is_what_its_recipe_says_and_always_the_same(recipe):
    crowd, again = simulate(recipe), simulate(recipe)

    assert (crowd.votes.label == again.votes.label).all()
    assert (np.bincount(crowd.votes.item, minlength=recipe.n_items) == recipe.votes_each).all()
    pairs = crowd.votes.item * recipe.n_annotators + crowd.votes.annotator
    assert len(np.unique(pairs)) == len(pairs), "somebody votes twice on one item"
    assert crowd.votes.label.max() < recipe.n_classes
    share_right = (crowd.votes.label == crowd.truth[crowd.votes.item]).mean()
    assert 1 / recipe.n_classes < share_right < 1


def test_mistakes_on_a_scale_are_mostly_by_one_grade():
    recipe = Recipe("grades", 2_000, 50, 5, 5, (5, 5), mistakes="next")

    crowd = simulate(recipe)

    off = abs(crowd.votes.label - crowd.truth[crowd.votes.item])
    # P(off by one | an error) is at least 1 / (1 + 0.2 + 0.04 + 0.008) = 0.80, from an end of the scale.
    assert (off[off > 0] == 1).mean() > 0.78


def test_spammers_are_as_many_as_the_recipe_says():
    recipe = Recipe("clickers", 500, 100, 4, 20, (99, 1), clicking=0.3, busy=0)

    crowd = simulate(recipe)

    counts = np.zeros((100, 4))
    np.add.at(counts, (crowd.votes.annotator, crowd.votes.label), 1)
    assert ((counts.max(axis=1) / counts.sum(axis=1)) > 0.8).sum() == 30
