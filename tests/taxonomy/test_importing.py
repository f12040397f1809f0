import pytest
from django.core.management import CommandError, call_command

from taxonomy import ledger
from taxonomy.importing import ImportRefusedError, import_synsets
from taxonomy.models import Ancestry, Change, Hypernym, Lemma, Synset
from taxonomy.patch import Edge
from taxonomy.records import ExternalId, SynsetRecord
from taxonomy.records import Lemma as LemmaRecord
from tests.factories import make_record

pytestmark = pytest.mark.django_db

ANIMAL, DOG, CAT = "n00015388", "n02084071", "n02121808"
RECORDS = [make_record(ANIMAL, "animal"), make_record(DOG, "dog", ANIMAL), make_record(CAT, "cat", ANIMAL)]


def counts():
    return [model.objects.count() for model in (Synset, Lemma, Hypernym, Ancestry, Change)]


def test_nouns_are_added_with_their_edges_and_ancestry():
    n_added = import_synsets(RECORDS, reason="a first tree")

    dog = Synset.objects.get(wnid=DOG)
    assert n_added == 3
    assert [synset.wnid for synset in dog.hypernyms.all()] == [ANIMAL]
    assert sorted(dog.ancestor_rows.values_list("ancestor__wnid", "depth")) == [(ANIMAL, 1), (DOG, 0)]


def test_a_noun_is_named_by_its_first_word():
    words = (LemmaRecord("dog", 1), LemmaRecord("domestic dog", 1))

    import_synsets([SynsetRecord(DOG, words, (), "a canine")], reason="a test")

    dog = Synset.objects.get()
    assert (dog.name, dog.gloss) == ("dog", "a canine")
    assert [lemma.text for lemma in dog.lemmas.all()] == ["dog", "domestic dog"]


def test_a_hyponym_may_come_before_its_hypernym():
    import_synsets(reversed(RECORDS), reason="a test")

    assert Synset.objects.below(Synset.objects.get(wnid=ANIMAL)).count() == 3


def test_the_ledger_says_what_was_added_and_why():
    import_synsets(RECORDS, reason="a first tree")

    change = Change.objects.get()
    assert (change.kind, change.reason) == ("import", "a first tree")
    assert change.patch.added == (ANIMAL, DOG, CAT)
    assert change.patch.linked == (Edge(DOG, ANIMAL), Edge(CAT, ANIMAL))
    assert set(change.synsets.values_list("wnid", flat=True)) == {ANIMAL, DOG, CAT}


def test_importing_again_changes_nothing():
    import_synsets(RECORDS, reason="a test")
    before = counts()

    assert import_synsets(RECORDS, reason="again") == 0
    assert counts() == before


def test_a_noun_that_was_mended_is_left_as_it_is():
    import_synsets(RECORDS, reason="a test")
    Synset.objects.filter(wnid=DOG).update(gloss="mended")

    import_synsets([*RECORDS, make_record("n00000001", "wolf", ANIMAL)], reason="more")

    assert Synset.objects.get(wnid=DOG).gloss == "mended"


def test_a_noun_may_hang_under_one_that_is_there_already():
    import_synsets(RECORDS[:1], reason="a test")

    import_synsets([make_record(DOG, "dog", ANIMAL)], reason="more")

    assert Ancestry.objects.filter(ancestor__wnid=ANIMAL, descendant__wnid=DOG, depth=1).exists()


def test_an_unknown_hypernym_is_refused_and_nothing_is_kept():
    with pytest.raises(ImportRefusedError, match=f"{CAT} \\(cat\\): .* found n00000009"):
        import_synsets([*RECORDS[:2], make_record(CAT, "cat", "n00000009")], reason="a test")

    assert counts() == [0] * 5


def test_a_cycle_is_refused_by_the_nouns_names_and_nothing_is_kept():
    a, b = make_record(DOG, "dog", CAT), make_record(CAT, "cat", DOG)

    with pytest.raises(
        ImportRefusedError,
        match=r"(dog is a kind of cat, a kind of dog|cat is a kind of dog, a kind of cat)\.",
    ):
        import_synsets([RECORDS[0], a, b], reason="a test")

    assert counts() == [0] * 5


def test_a_noun_that_is_its_own_hypernym_is_refused():
    with pytest.raises(ImportRefusedError, match="dog is a kind of dog"):
        import_synsets([make_record(DOG, "dog", DOG)], reason="a test")


def test_a_hypernym_that_is_named_twice_counts_once():
    import_synsets([RECORDS[0], make_record(DOG, "dog", ANIMAL, ANIMAL)], reason="a test")

    assert Hypernym.objects.count() == 1


def test_a_word_that_is_given_twice_counts_once():
    twice = (LemmaRecord("dog", 1), LemmaRecord("dog", 2))

    import_synsets([SynsetRecord(DOG, twice, (), "a canine")], reason="a test")

    assert Lemma.objects.get().sense == 1


@pytest.mark.parametrize(
    ("record", "most"),
    [
        (make_record(DOG, "d" * 201), 200),
        (SynsetRecord(DOG, (LemmaRecord("dog", 1, "k" * 221),), (), ""), 220),
        (SynsetRecord(DOG, (LemmaRecord("dog", 1),), (), "", sensitive_reason="r" * 301), 300),
        (
            SynsetRecord(
                DOG, (LemmaRecord("dog", 1),), (), "", external_ids=(ExternalId("s" * 41, "", "1"),)
            ),
            40,
        ),
    ],
)
def test_a_text_that_the_database_has_no_room_for_is_refused(record, most):
    with pytest.raises(ImportRefusedError, match=rf"expected at most {most} characters; found {most + 1} in"):
        import_synsets([record], reason="a test")


def test_a_text_that_just_fits_is_taken():
    assert import_synsets([make_record(DOG, "d" * 200)], reason="a test") == 1


def test_a_noun_below_one_that_is_retired_is_refused():
    import_synsets(RECORDS, reason="a test")
    ledger.make("retire", {"synset": DOG}, author=None, reason="a test")

    with pytest.raises(ImportRefusedError, match=f"found {DOG}"):
        import_synsets([make_record("n02110185", "husky", DOG)], reason="a test")


def test_the_command_says_which_nouns_are_here_but_retired(tmp_path, capsys):
    path = tmp_path / "nouns.csv"
    path.write_text(f"wnid,lemmas,hypernyms,gloss\n{ANIMAL},animal.1,,alive\n{DOG},dog.1,{ANIMAL},barks\n")
    import_synsets(RECORDS, reason="a test")
    ledger.make("retire", {"synset": DOG}, author=None, reason="a test")

    call_command("import_taxonomy", path)

    assert "1 of its nouns are here, but retired" in capsys.readouterr().out


def test_the_command_imports_a_file(tmp_path, capsys):
    path = tmp_path / "nouns.csv"
    path.write_text(f"wnid,lemmas,hypernyms,gloss\n{ANIMAL},animal.1,,alive\n{DOG},dog.1,{ANIMAL},barks\n")

    call_command("import_taxonomy", path)

    assert capsys.readouterr().out == f"2 nouns added from {path}.\n"
    assert Change.objects.get().reason == "import of nouns.csv"


@pytest.mark.parametrize("row", ["n1,dog.1,,barks", f"{DOG},dog.1,{ANIMAL},barks"])
def test_the_command_says_what_is_wrong_with_a_file(row, tmp_path):
    path = tmp_path / "nouns.csv"
    path.write_text(f"wnid,lemmas,hypernyms,gloss\n{row}\n")

    with pytest.raises(CommandError, match="expected"):
        call_command("import_taxonomy", path)


def test_the_command_wants_a_file(tmp_path):
    with pytest.raises(CommandError, match="expected a file; found none"):
        call_command("import_taxonomy", tmp_path / "nouns.csv")
