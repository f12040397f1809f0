import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from taxonomy.importing import import_synsets
from taxonomy.models import Ancestry, Change, Hypernym, Synset, SynsetNotFoundError
from taxonomy.records import Lemma, SynsetRecord
from taxonomy.tree import CycleError
from tests.factories import make_record, make_synset

pytestmark = pytest.mark.django_db


def names(synsets):
    return [synset.name for synset in synsets]


@pytest.fixture
def tree():
    """A pet and a canine are animals; a dog is both."""
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    return {s.name: s for s in (animal, pet, canine, make_synset("dog", pet, canine))}


def test_roots_are_what_is_under_nothing(tree):
    assert names(Synset.objects.roots()) == ["animal"]


def test_below_a_noun_are_itself_and_all_its_hyponyms_each_once(tree):
    assert names(Synset.objects.below(tree["animal"])) == ["animal", "canine", "dog", "pet"]
    assert names(Synset.objects.below(tree["pet"])) == ["dog", "pet"]


def test_above_a_noun_are_itself_and_all_its_hypernyms_each_once(tree):
    assert names(Synset.objects.above(tree["dog"])) == ["animal", "canine", "dog", "pet"]
    assert names(Synset.objects.above(tree["pet"])) == ["animal", "pet"]


def test_a_noun_with_two_hypernyms_has_two_paths(tree):
    paths = sorted(names(path) for path in tree["dog"].hypernym_paths())

    assert paths == [["animal", "canine"], ["animal", "pet"]]


def test_depths_are_the_shortest_and_the_longest_way_up_and_height_the_longest_way_down(tree):
    make_synset("husky", tree["dog"], tree["animal"])
    husky = Synset.objects.named("husky")

    assert (husky.min_depth(), husky.max_depth(), husky.height()) == (1, 3, 0)
    assert (tree["animal"].min_depth(), tree["animal"].max_depth(), tree["animal"].height()) == (0, 0, 3)


def test_two_nouns_meet_in_every_lowest_noun_above_both(tree):
    cat, wolf = make_synset("cat", tree["pet"]), make_synset("wolf", tree["pet"], tree["canine"])

    assert names(tree["dog"].lowest_common_hypernyms(cat)) == ["pet"]
    assert names(tree["dog"].lowest_common_hypernyms(wolf)) == ["canine", "pet"]
    assert names(tree["dog"].lowest_common_hypernyms(tree["pet"])) == ["pet"]


def test_leaves_are_what_nothing_is_under(tree):
    assert names(Synset.objects.leaves()) == ["dog"]


def test_a_root_has_one_empty_path(tree):
    assert tree["animal"].hypernym_paths() == [[]]


@pytest.mark.parametrize("name", ["n00000001", "hot_dog.n.02", "hot dog.n.02", "frank"])
def test_a_noun_is_found_by_wnid_sense_name_or_word(name):
    words = (Lemma("hot dog", 2), Lemma("frank", 1))
    import_synsets([SynsetRecord("n00000001", words, (), "a sausage")], reason="a test")

    assert Synset.objects.all().named(name).wnid == "n00000001"


def test_a_word_means_its_commonest_sense():
    records = [make_record("n00000001", "dog", sense=2), make_record("n00000002", "dog", sense=1)]
    import_synsets(records, reason="a test")

    assert Synset.objects.all().named("dog").wnid == "n00000002"
    assert Synset.objects.all().named("dog.n.02").wnid == "n00000001"


@pytest.mark.parametrize("name", ["cat", "dog.n.07", "n99999999", ""])
def test_a_noun_that_is_not_there_is_refused_with_a_sentence(name):
    make_synset("dog")

    with pytest.raises(SynsetNotFoundError, match=f"Expected the wnid, .* found '{name}'"):
        Synset.objects.all().named(name)


def test_a_sensitive_noun_says_why():
    synset = make_synset("person")
    synset.is_sensitive, synset.sensitive_reason = True, "names people"
    synset.save()
    synset.sensitive_reason = ""

    with pytest.raises(IntegrityError, match="taxonomy_sensitive_has_a_reason"), transaction.atomic():
        synset.save()


def test_the_database_refuses_a_noun_above_itself(tree):
    with pytest.raises(IntegrityError, match="taxonomy_no_self_edge"), transaction.atomic():
        Hypernym.objects.create(hyponym=tree["dog"], hypernym=tree["dog"])


def test_the_database_refuses_an_edge_that_is_there(tree):
    with pytest.raises(IntegrityError), transaction.atomic():
        Hypernym.objects.create(hyponym=tree["dog"], hypernym=tree["pet"])


def test_a_noun_with_hyponyms_cannot_be_deleted(tree):
    with pytest.raises(ProtectedError):
        tree["pet"].delete()

    tree["dog"].delete()

    assert not Synset.objects.filter(name="dog").exists()


def test_rebuilding_the_ancestry_finds_what_is_there(tree):
    before = set(Ancestry.objects.values_list("ancestor", "descendant", "depth"))

    n_rows = Ancestry.objects.rebuild()

    assert n_rows == 9  # 1 above animal, 2 above pet, 2 above canine, 4 above dog
    assert set(Ancestry.objects.values_list("ancestor", "descendant", "depth")) == before


def test_rebuilding_the_ancestry_of_a_cycle_keeps_the_old_one(tree):
    Hypernym.objects.create(hyponym=tree["animal"], hypernym=tree["dog"])

    with pytest.raises(CycleError):
        Ancestry.objects.rebuild()

    assert Ancestry.objects.count() == 9


def test_each_change_makes_a_new_version():
    assert Change.objects.version() == 0

    make_synset("animal")
    first = Change.objects.version()
    make_synset("plant")

    assert 0 < first < Change.objects.version()
