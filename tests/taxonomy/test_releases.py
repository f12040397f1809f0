"""A second release of WordNet finds the nouns that are here, and says of which it is not sure."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from taxonomy import ledger
from taxonomy.models import Ancestry, Change, ExternalId, Hypernym, Synset
from taxonomy.records import ExternalId as ExternalIdRecord
from taxonomy.records import Lemma, SynsetRecord
from taxonomy.releases import import_release

pytestmark = pytest.mark.django_db
WORDNET = Path("/usr/share/wordnet")


def noun(version, offset, word, *hypernyms, keys=None):
    """A noun of a release. Its sense key is the word unless `keys` gives several."""
    lemmas = tuple(Lemma(text, 1, f"{key}%1:05:00::") for text, key in (keys or {word: word}).items())
    external = (ExternalIdRecord("wordnet", version, f"{offset:08}-n"),)
    wnids = tuple(f"n{hypernym:08}" for hypernym in hypernyms)
    return SynsetRecord(f"n{offset:08}", lemmas, wnids, f"what {word} means", external_ids=external)


FIRST = [noun("3.0", 1, "animal"), noun("3.0", 2, "dog", 1), noun("3.0", 3, "cat", 1)]


def external_ids(name):
    rows = ExternalId.objects.filter(synset__name=name)
    return set(rows.values_list("version", "value"))


@pytest.fixture
def first():
    import_release(FIRST, "3.0", "the first")


def test_the_first_release_keeps_its_offsets_as_wnids(first):
    assert set(Synset.objects.values_list("wnid", "name")) == {
        ("n00000001", "animal"),
        ("n00000002", "dog"),
        ("n00000003", "cat"),
    }


def test_the_same_release_again_changes_nothing(first):
    report = import_release(FIRST, "3.0", "the first again")

    assert (report.n_added, report.n_by_id, Change.objects.count()) == (0, 3, 1)


def test_another_release_is_mapped_by_sense_keys_whatever_its_offsets(first):
    second = [noun("3.1", 7, "animal"), noun("3.1", 3, "dog", 7), noun("3.1", 2, "cat", 7)]

    report = import_release(second, "3.1", "the second")

    assert (report.n_added, report.n_by_key) == (0, 3)
    assert external_ids("dog") == {("3.0", "00000002-n"), ("3.1", "00000003-n")}
    assert import_release(second, "3.1", "the second again").n_by_id == 3


def test_a_noun_that_is_new_hangs_from_what_is_here_under_an_id_of_its_own(first):
    second = [noun("3.1", 7, "animal"), noun("3.1", 1, "wolf", 7), noun("3.1", 2, "pup", 1)]

    report = import_release(second, "3.1", "the second")

    wolf = Synset.objects.named("wolf")
    assert report.n_added == 2
    assert wolf.wnid == "x00000001"
    assert [str(synset) for synset in Synset.objects.above(Synset.objects.named("pup"))] == [
        "animal",
        "pup",
        "wolf",
    ]


def test_a_noun_that_could_be_two_is_named_and_not_mapped(first):
    both = noun("3.1", 9, "pet", keys={"dog": "dog", "cat": "cat"})

    report = import_release([both], "3.1", "the second")

    assert report.ambiguous == {"n00000009": ("n00000002", "n00000003")}
    assert report.n_added == 0


def test_a_new_noun_below_one_that_was_not_mapped_is_named_and_not_placed(first):
    both = noun("3.1", 9, "pet", keys={"dog": "dog", "cat": "cat"})

    report = import_release(
        [both, noun("3.1", 10, "lapdog", 9), noun("3.1", 11, "pug", 10)], "3.1", "the second"
    )

    assert report.unplaced == ["n00000010", "n00000011"]
    assert not Synset.objects.filter(name="pug").exists()


def test_what_hangs_from_a_noun_that_was_merged_hangs_from_what_that_became(first):
    ledger.make("merge", {"synset": "n00000003", "target": "n00000002"}, author=None, reason="a test")
    second = [noun("3.1", 2, "cat"), noun("3.1", 5, "kitten", 2)]

    import_release(second, "3.1", "the second")

    assert [str(hypernym) for hypernym in Synset.objects.named("kitten").hypernyms.all()] == ["dog"]


def test_the_command_says_what_is_wrong_with_a_folder(tmp_path):
    with pytest.raises(CommandError, match=r"data\.noun"):
        call_command("import_wordnet", tmp_path)


@pytest.mark.skipif(not (WORDNET / "data.noun").exists(), reason="Debian's wordnet-base is not installed.")
def test_dogs_of_the_real_wordnet_come_with_all_above_them():
    out = io.StringIO()

    call_command("import_wordnet", WORDNET, under="dog.n.01", depth=1, stdout=out)

    dog = Synset.objects.named("dog.n.01")
    assert sorted(str(hypernym) for hypernym in dog.hypernyms.all()) == ["canine", "domestic animal"]
    assert dog.hyponyms.count() == 18
    assert "WordNet 3.0: 36 nouns added; here already: 0" in out.getvalue()
    edges = set(Hypernym.objects.values_list("hyponym", "hypernym"))
    assert edges <= set(Ancestry.objects.values_list("descendant", "ancestor"))
