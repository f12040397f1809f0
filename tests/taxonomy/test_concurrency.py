"""Two curators at the same moment, each with a database connection of their own."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from taxonomy import ledger
from taxonomy.changes import ChangeRefusedError
from taxonomy.models import Ancestry, Change, Hypernym
from tests.factories import make_synset

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs):
    """Run these at the same moment, each in a thread; return what each returned or refused."""
    start = Barrier(len(jobs))

    def run(job):
        try:
            start.wait()
            return job()
        except ChangeRefusedError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def move(synset, target):
    arguments = {"synset": synset.wnid, "target": target.wnid}
    return lambda: ledger.make("move", arguments, author=None, reason="a test")


@pytest.mark.parametrize("_time", range(5))
def test_two_opposite_moves_cannot_make_a_cycle_and_one_is_refused_clearly(_time):
    root = make_synset("root")
    left, right = make_synset("left", root), make_synset("right", root)

    results = at_once(move(left, right), move(right, left))

    [refusal] = [each for each in results if isinstance(each, ChangeRefusedError)]
    assert str(refusal) in {
        "Expected no noun above itself; found that left is a kind of right, a kind of left.",
        "Expected no noun above itself; found that right is a kind of left, a kind of right.",
    }
    assert Hypernym.objects.count() == 2
    kept = set(Ancestry.objects.values_list("ancestor", "descendant", "depth"))
    Ancestry.objects.rebuild()
    assert set(Ancestry.objects.values_list("ancestor", "descendant", "depth")) == kept


def test_changes_made_at_once_follow_each_other_in_the_ledger():
    root = make_synset("root")
    targets = [make_synset(f"target {i}", root) for i in range(4)]
    movers = [make_synset(f"mover {i}", root) for i in range(4)]
    before = Change.objects.version()

    results = at_once(*(move(mover, target) for mover, target in zip(movers, targets, strict=True)))

    assert sorted(change.pk for change in results) == [
        c.pk for c in Change.objects.filter(pk__gt=before).reverse()
    ]
