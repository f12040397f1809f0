import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

import taxonomy
from taxonomy import ledger
from taxonomy.changes import ChangeRefusedError
from taxonomy.history import today, ways_down
from taxonomy.models import Change, Hypernym, Synset
from taxonomy.patch import Edge
from tests.factories import make_synset, make_user

pytestmark = pytest.mark.django_db


def make(kind, **arguments):
    return ledger.make(kind, arguments, author=None, reason="a test").pk


def add(name, *hypernyms):
    wnids = [hypernym.wnid for hypernym in hypernyms]
    noun = ledger.plant(name, f"what {name} means")
    make("add", synset=noun.wnid, hypernyms=wnids)
    return noun


def recorded():
    """The tree in the database, read plainly: every noun with its fields and edges."""
    nouns = Synset.objects.current().prefetch_related("lemmas")
    edges = set(Hypernym.objects.values_list("hyponym__wnid", "hypernym__wnid", "is_instance"))
    return {
        noun.wnid: (
            [(lemma.text, lemma.sense) for lemma in noun.lemmas.all()],
            noun.gloss,
            noun.is_imageable,
            noun.sensitive_reason,
            {(top, is_instance) for low, top, is_instance in edges if low == noun.wnid},
        )
        for noun in nouns
    }


def reconstructed(version):
    return {
        noun.wnid: (
            [(lemma.text, lemma.sense) for lemma in noun.lemmas],
            noun.gloss,
            noun.is_imageable,
            noun.sensitive_reason,
            {(top, False) for top in noun.hypernyms} | {(top, True) for top in noun.instance_of},
        )
        for noun in taxonomy.as_of(version).all()
    }


def names(records):
    return [record.name for record in records]


@pytest.fixture
def nouns():
    """A pet and a canine are animals; a dog is both."""
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    return {s.name: s for s in (animal, pet, canine, make_synset("dog", pet, canine))}


def test_today_is_the_tree_as_of_the_latest_change(nouns):
    assert reconstructed(Change.objects.version()) == recorded()
    assert names(today().roots()) == ["animal"]


def test_before_any_change_the_tree_was_empty(nouns):
    then = taxonomy.as_of(0)

    assert then.roots() == []
    assert list(then.all()) == []
    assert then.noun(nouns["dog"].wnid) is None


def test_a_noun_that_moved_is_where_it_was(nouns):
    dog, pet = nouns["dog"].wnid, nouns["pet"].wnid
    plant = make_synset("plant")
    before = Change.objects.version()
    make("move", synset=dog, source=pet, target=plant.wnid)

    then = taxonomy.as_of(before)

    assert names(then.parents(dog)) == ["pet", "canine"]
    assert names(then.children(pet)) == ["dog"]
    assert then.children(plant.wnid) == []
    assert names(today().children(plant.wnid)) == ["dog"]


def test_a_retired_noun_is_there_again_under_its_old_name(nouns):
    dog = nouns["dog"].wnid
    before = Change.objects.version()
    make("rename", synset=dog, name="hound")
    make("retire", synset=dog)

    then = taxonomy.as_of(before)

    assert today().noun(dog) is None
    assert then.noun(dog).name == "dog"
    assert [names(path) for path in then.paths(dog)] == [["animal", "pet"], ["animal", "canine"]]


def test_a_noun_that_was_only_drafted_is_in_no_tree(nouns):
    drafted = ledger.plant("cat", "purrs")

    versions = Change.objects.values_list("pk", flat=True)
    assert not any(taxonomy.as_of(version).noun(drafted.wnid) for version in versions)


def test_a_root_of_then_is_a_root_though_it_hangs_from_something_today(nouns):
    thing = make_synset("thing")
    before = Change.objects.version()
    make("add_parent", synset=nouns["animal"].wnid, hypernym=thing.wnid)

    assert names(taxonomy.as_of(before).roots()) == ["animal", "thing"]
    assert names(today().roots()) == ["thing"]


def test_what_is_a_root_today_is_none_where_it_hung_from_something(nouns):
    before = Change.objects.version()
    make("move", synset=nouns["pet"].wnid, target=None)

    assert names(taxonomy.as_of(before).roots()) == ["animal"]
    assert names(today().roots()) == ["animal", "pet"]


def test_paths_go_through_nouns_that_are_gone_today(nouns):
    before = Change.objects.version()
    make("retire", synset=nouns["canine"].wnid)
    make("retire", synset=nouns["pet"].wnid)

    then = taxonomy.as_of(before)

    assert [names(path) for path in then.paths(nouns["dog"].wnid)] == [
        ["animal", "pet"],
        ["animal", "canine"],
    ]
    assert [names(path) for path in today().paths(nouns["dog"].wnid)] == [["animal"]]


def test_what_is_sensitive_today_is_hidden_from_the_public_in_the_past_too(nouns):
    pet, animal = nouns["pet"].wnid, nouns["animal"].wnid
    before = Change.objects.version()
    make("mark", synset=pet, is_imageable=True, sensitive_reason="a test")
    curator = make_user(is_superuser=True)

    shown, all_of_it = (taxonomy.as_of(before).shown_to(user) for user in (AnonymousUser(), curator))

    assert shown.noun(pet) is None
    assert names(shown.children(animal)) == ["canine"]
    assert [names(path) for path in shown.paths(nouns["dog"].wnid)] == [["animal", "canine"]]
    assert names(all_of_it.children(animal)) == ["canine", "pet"]
    assert all_of_it.noun(pet).sensitive_reason == ""


def test_the_ways_down_come_one_by_one_where_there_are_very_many():
    # Forty steps with two ways each: more ways than could ever be listed.
    above = {"0": []}
    for step in range(1, 41):
        above[f"{step}a"] = above[f"{step}b"] = [Edge("", f"{step}")]
        above[f"{step}"] = (
            above[f"{step - 1}"] if step == 1 else [Edge("", f"{step - 1}a"), Edge("", f"{step - 1}b")]
        )

    assert next(ways_down("40", above))[-1] == "39a"


def test_looking_back_asks_as_much_for_a_large_tree_as_for_a_small_one(nouns, django_assert_num_queries):
    def look():
        then = taxonomy.as_of(before).shown_to(AnonymousUser())
        return then.roots(), then.children(animal), then.paths(nouns["dog"].wnid), then.noun(animal)

    animal = nouns["animal"].wnid
    before = Change.objects.version()
    make("rename", synset=nouns["dog"].wnid, name="hound")
    few = count_queries(look)

    for number in range(100):
        make_synset(f"beast {number}", nouns["animal"])
    before = Change.objects.version()
    make("rename", synset=nouns["dog"].wnid, name="cur")

    with django_assert_num_queries(few):
        look()


def count_queries(look):
    with CaptureQueriesContext(connection) as queries:
        look()
    return len(queries)


KINDS = [
    "add",
    "rename",
    "add_parent",
    "drop_parent",
    "move",
    "merge",
    "split",
    "retire",
    "restore",
    "mark",
    "undo",
]
step = st.tuples(st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 30), st.booleans())


def change_somehow(kind, one, other, flag):
    """Make a change of this kind to some nouns, if the tree allows it."""
    current = list(Synset.objects.current().order_by("pk"))
    changes = list(Change.objects.values_list("pk", flat=True))
    retired = list(Synset.objects.retired().distinct().order_by("pk"))
    if not current or (kind == "restore" and not retired):
        return
    a, b = current[one % len(current)].wnid, current[other % len(current)].wnid
    new = [ledger.plant(name, "new").wnid for name in ("n", "m")] if kind in {"add", "split"} else []
    arguments = {
        "add": lambda: {"synset": new[0], "hypernyms": [] if flag else [a, b]},
        "rename": lambda: {"synset": a, "name": f"name {other}"},
        "add_parent": lambda: {"synset": a, "hypernym": b},
        "drop_parent": lambda: {"synset": a, "hypernym": b},
        "move": lambda: {"synset": a, "target": None if flag else b},
        "merge": lambda: {"synset": a, "target": b},
        "split": lambda: {"synset": a, "parts": new, "is_kept": flag},
        "retire": lambda: {"synset": a, "with_below": flag},
        "restore": lambda: {"synset": retired[one % len(retired)].wnid, "hypernyms": [] if flag else [b]},
        "mark": lambda: {"synset": a, "is_imageable": flag, "sensitive_reason": "x" * (other % 2)},
        "undo": lambda: {"change": changes[one % len(changes)]},
    }[kind]()
    try:
        make(kind, **arguments)
    except ChangeRefusedError:
        return


class AsOf(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(step, max_size=15))
    def test_every_version_is_found_again_after_any_changes(self, changes):
        animal = make_synset("animal")
        make_synset("dog", animal, make_synset("pet", animal))
        trees = {Change.objects.version(): recorded()}

        for change in changes:
            change_somehow(*change)
            trees[Change.objects.version()] = recorded()

        for version, tree in trees.items():
            assert reconstructed(version) == tree
            self.looks_the_same_walked_from_the_roots(taxonomy.as_of(version), tree)

    def looks_the_same_walked_from_the_roots(self, then, tree):
        assert {root.wnid for root in then.roots()} == {wnid for wnid, noun in tree.items() if not noun[-1]}
        for wnid, noun in tree.items():
            below = {low for low, other in tree.items() if wnid in {top for top, _is_instance in other[-1]}}
            assert {child.wnid for child in then.children(wnid)} == below
            assert {parent.wnid for parent in then.parents(wnid)} == {top for top, _is_instance in noun[-1]}
