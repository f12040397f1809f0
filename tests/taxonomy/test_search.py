import pytest

from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from taxonomy.records import Lemma, SynsetRecord
from taxonomy.search import Asked
from tests.factories import make_record, make_synset

pytestmark = pytest.mark.django_db


def add(wnid, gloss, *lemmas):
    import_synsets([SynsetRecord(wnid, lemmas, (), gloss)], reason="a test")


def found(text):
    return [synset.wnid for synset in Synset.objects.search(text)]


def test_the_word_itself_comes_first_by_its_commonest_sense_then_what_begins_so():
    for number, (name, sense) in enumerate([("dog", 3), ("doggerel", 1), ("dog", 1), ("hotdog", 1)]):
        import_synsets([make_record(f"n0000000{number}", name, sense=sense)], reason="a test")

    assert found("DOG ") == ["n00000002", "n00000000", "n00000001"]


def test_after_the_words_come_the_glosses():
    add("n00000001", "a young dog", Lemma("puppy", 1))
    add("n00000002", "bad verse", Lemma("doggerel", 1))
    add("n00000003", "barks", Lemma("dog", 1))

    assert found("dog") == ["n00000003", "n00000002", "n00000001"]


def test_a_gloss_has_all_the_words_that_were_asked_for_whole_and_in_any_order():
    add("n00000001", "a dog that is large", Lemma("mastiff", 1))
    add("n00000002", "a large dogma", Lemma("creed", 1))
    add("n00000003", "a small dog", Lemma("pug", 1))

    assert found("large dog") == ["n00000001"]


def test_the_sense_of_the_word_that_was_asked_for_counts_not_that_of_the_nouns_name():
    add("n00000001", "a leader", Lemma("chief", 1), Lemma("head", 4))
    add("n00000002", "thinks", Lemma("mind", 9), Lemma("head", 3))

    assert found("head") == ["n00000002", "n00000001"]


def test_a_noun_is_found_once_whichever_of_its_words_begin_so():
    add("n00000001", "a dog", Lemma("dog", 1), Lemma("doggy", 1), Lemma("domestic dog", 1))

    assert found("dog") == ["n00000001"]
    assert found("domestic") == ["n00000001"]


@pytest.mark.parametrize("text", ["head.n.03", "hot_dog.n.03", "n00000001"])
def test_a_sense_name_and_a_wnid_find_their_noun_alone(text):
    add("n00000001", "a head", Lemma("head", 3), Lemma("hot dog", 3))
    add("n00000002", "another head", Lemma("head", 2), Lemma("hot dog", 2))

    assert found(text) == ["n00000001"]


@pytest.mark.parametrize("text", ["%", "d%", "d_g", "_", "\\", "'", "(", "[d]og", "", "  ", ".*"])
def test_signs_are_searched_for_as_they_are(text):
    make_synset("dog")

    assert found(text) == []


def test_a_sign_in_a_word_is_found():
    add("n00000001", "all of it", Lemma("100% of", 1))

    assert found("100%") == ["n00000001"]


def test_words_that_every_gloss_has_are_looked_for_among_words_alone():
    add("n00000001", "what the dog is", Lemma("bark", 1))

    assert found("the") == []
    assert found("the dog") == ["n00000001"]


def test_what_is_typed_without_end_is_cut():
    assert len(Asked.read("dog " * 1000).text) == 100


def test_only_nouns_that_were_asked_for_are_searched():
    dog = make_synset("dog")
    Synset.objects.filter(pk=dog.pk).update(is_retired=True)

    assert list(Synset.objects.search("dog")) == [dog]
    assert not Synset.objects.current().search("dog")
