import pytest

from taxonomy.models import Hypernym, Synset
from tests.factories import make_synset

pytestmark = pytest.mark.django_db


def test_more_keys_than_a_statement_takes_parameters_are_looked_up_at_once(django_assert_num_queries):
    animal, dog = make_synset("animal"), make_synset("dog")
    keys = {animal.pk, *range(dog.pk + 1, dog.pk + 300_000)}

    with django_assert_num_queries(1):
        found = list(Synset.objects.filter(pk__among=keys))

    assert found == [animal]


def test_texts_and_other_ends_of_edges_are_looked_up_too():
    animal = make_synset("animal")
    dog, cat = make_synset("dog", animal), make_synset("cat", animal)

    assert list(Synset.objects.filter(wnid__among=[dog.wnid, "it's none"])) == [dog]
    assert Hypernym.objects.get(hyponym__among=[cat.pk]).hyponym == cat
    assert Hypernym.objects.get(hyponym__wnid__among=[dog.wnid]).hyponym == dog


def test_among_no_keys_there_is_nothing():
    make_synset("dog")

    assert not Synset.objects.filter(pk__among=[]).exists()
    assert Synset.objects.exclude(pk__among=[]).exists()
