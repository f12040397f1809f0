"""What each kind of change does to the tree, and what it refuses. That undo is exact: test_ledger.py."""

import pytest

from taxonomy import ledger
from taxonomy.changes import ChangeRefusedError
from taxonomy.models import Ancestry, Change, Hypernym, Synset
from tests.factories import make_synset

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree():
    """A pet and a canine are animals; a dog is both; a husky is a dog; a cat is a pet."""
    animal = make_synset("animal")
    pet, canine = make_synset("pet", animal), make_synset("canine", animal)
    dog = make_synset("dog", pet, canine)
    nouns = (animal, pet, canine, dog, make_synset("husky", dog), make_synset("cat", pet))
    return {synset.name: synset.wnid for synset in nouns}


def make(kind, **arguments):
    return ledger.make(kind, arguments, author=None, reason="a test")


def plant(name):
    return ledger.plant(name, f"what {name} means").wnid


def edges():
    """Return every edge as "low < top"."""
    rows = Hypernym.objects.values_list("hyponym__name", "hypernym__name")
    return {f"{low} < {top}" for low, top in rows}


def above(wnid):
    return set(Ancestry.objects.filter(descendant__wnid=wnid).values_list("ancestor__name", flat=True))


def refusal(kind, **arguments):
    """Return the sentence that refuses this change, having checked that it leaves nothing behind."""
    before = edges(), Change.objects.version()
    with pytest.raises(ChangeRefusedError) as refused:
        make(kind, **arguments)
    assert (edges(), Change.objects.version()) == before
    return str(refused.value)


def test_a_new_noun_hangs_from_its_hypernyms(tree):
    wolf = plant("wolf")
    assert not Synset.objects.current().filter(wnid=wolf)

    make("add", synset=wolf, hypernyms=[tree["canine"], tree["animal"]])

    assert {"wolf < canine", "wolf < animal"} <= edges()
    assert above(wolf) == {"wolf", "canine", "animal"}


def test_a_new_noun_under_none_is_a_root(tree):
    make("add", synset=plant("stone"), hypernyms=[])

    assert {str(root) for root in Synset.objects.roots()} == {"animal", "stone"}


def test_a_noun_that_is_there_is_not_added(tree):
    assert refusal("add", synset=tree["dog"], hypernyms=[]).startswith(
        "Expected a noun that is retired; found dog"
    )


def test_a_renamed_noun_keeps_its_old_name_among_its_words(tree):
    make("rename", synset=tree["dog"], name=" hound  dog ")

    dog = Synset.objects.get(wnid=tree["dog"])
    assert (dog.name, dog.lemmas_text) == ("hound dog", "hound dog, dog")


@pytest.mark.parametrize(
    ("name", "words"), [("", "found 0"), ("x" * 201, "found 201"), ("dog", "is so already")]
)
def test_a_name_that_is_none_is_refused(tree, name, words):
    assert words in refusal("rename", synset=tree["dog"], name=name)


def test_words_and_gloss_are_edited_and_a_kept_word_keeps_its_sense(tree):
    make("edit", synset=tree["dog"], lemmas=["hound", "dog"], gloss="barks")

    dog = Synset.objects.get(wnid=tree["dog"])
    assert (dog.name, dog.gloss) == ("hound", "barks")
    assert [(lemma.text, lemma.sense) for lemma in dog.lemmas.all()] == [("hound", 1), ("dog", 1)]


def test_a_new_word_gets_the_next_sense(tree):
    make("edit", synset=tree["cat"], lemmas=["cat", "dog"], gloss="")

    assert str(Synset.objects.all().named("dog.n.02")) == "cat"


def test_a_noun_has_a_word(tree):
    assert "at least one word for dog" in refusal("edit", synset=tree["dog"], lemmas=[], gloss="")


def test_a_hypernym_is_added_and_dropped(tree):
    make("add_parent", synset=tree["cat"], hypernym=tree["canine"])
    assert "cat < canine" in edges()

    make("drop_parent", synset=tree["cat"], hypernym=tree["pet"])

    assert above(tree["cat"]) == {"cat", "canine", "animal"}


@pytest.mark.parametrize(
    ("synset", "hypernym", "words"),
    [
        ("dog", "pet", "a hypernym that dog has not; found pet"),
        ("dog", "dog", "that dog is a kind of dog"),
        ("animal", "husky", "that animal is a kind of husky, a kind of dog, a kind of pet, a kind of animal"),
    ],
)
def test_a_hypernym_that_cannot_be_is_refused_and_a_cycle_named(tree, synset, hypernym, words):
    assert words in refusal("add_parent", synset=tree[synset], hypernym=tree[hypernym])


def test_the_last_hypernym_is_not_dropped(tree):
    assert "pet is the only one of cat" in refusal("drop_parent", synset=tree["cat"], hypernym=tree["pet"])
    assert "found canine, which is none" in refusal(
        "drop_parent", synset=tree["cat"], hypernym=tree["canine"]
    )


def test_a_branch_moves_with_all_below_it(tree):
    make("move", synset=tree["dog"], source=tree["canine"], target=tree["cat"])

    assert {"dog < cat", "dog < pet"} <= edges()
    assert above(tree["husky"]) == {"husky", "dog", "cat", "pet", "animal"}


def test_a_noun_with_one_hypernym_moves_without_naming_it(tree):
    make("move", synset=tree["cat"], target=tree["canine"])

    assert "cat < canine" in edges()
    assert "cat < pet" not in edges()


def test_a_branch_that_moves_under_nothing_is_a_root(tree):
    make("move", synset=tree["cat"], target="")

    assert above(tree["cat"]) == {"cat"}


def test_a_noun_with_two_hypernyms_says_which_it_leaves(tree):
    assert "since it has 2; found none" in refusal("move", synset=tree["dog"], target=tree["animal"])


def test_a_branch_does_not_move_below_itself(tree):
    sentence = refusal("move", synset=tree["canine"], target=tree["husky"])

    assert "canine is a kind of husky, a kind of dog, a kind of canine" in sentence


def test_a_merged_noun_leaves_its_kinds_and_words_to_the_other(tree):
    make("merge", synset=tree["dog"], target=tree["cat"])

    cat, dog = Synset.objects.get(wnid=tree["cat"]), Synset.objects.get(wnid=tree["dog"])
    assert "husky < cat" in edges()
    assert cat.lemmas_text == "cat, dog"
    assert (dog.is_retired, dog.becomes) == (True, cat)
    assert above(tree["dog"]) == set()


def test_a_noun_merged_into_its_kind_leaves_it_what_it_hung_from(tree):
    make("merge", synset=tree["dog"], target=tree["husky"])

    assert {"husky < pet", "husky < canine"} <= edges()


def test_a_merge_that_would_make_a_cycle_is_refused(tree):
    assert "dog is a kind of husky, a kind of dog" in refusal(
        "merge", synset=tree["canine"], target=tree["husky"]
    )
    assert "found dog twice" in refusal("merge", synset=tree["dog"], target=tree["dog"])


def test_a_split_noun_that_is_kept_is_over_its_parts(tree):
    parts = [plant("working dog"), plant("toy dog")]

    make("split", synset=tree["dog"], parts=parts, is_kept=True)

    assert {"working dog < dog", "toy dog < dog", "husky < dog"} <= edges()


def test_the_parts_of_a_split_noun_that_retires_take_its_place(tree):
    parts = [plant("working dog"), plant("toy dog")]

    make("split", synset=tree["cat"], parts=parts)

    cat = Synset.objects.get(wnid=tree["cat"])
    assert {"working dog < pet", "toy dog < pet"} <= edges()
    assert (cat.is_retired, str(cat.becomes)) == (True, "pet")


def test_a_noun_that_is_split_into_nouns_that_are_there_stands_where_those_meet(tree):
    make("split", synset=tree["husky"], parts=[tree["cat"], tree["canine"]])

    assert str(Synset.objects.get(wnid=tree["husky"]).becomes) == "animal"


def test_a_noun_is_split_into_its_own_kinds(tree):
    poodle = make_synset("poodle", Synset.objects.get(wnid=tree["dog"])).wnid
    before = edges()

    kept = make("split", synset=tree["dog"], parts=[tree["husky"], poodle], is_kept=True)
    assert edges() == before  # no edge changes, but pictures are asked again
    assert Change.objects.of(Synset.objects.get(wnid=tree["dog"])).first() == kept
    make("undo", change=kept.pk)
    make("split", synset=tree["dog"], parts=[tree["husky"], poodle])

    assert str(Synset.objects.get(wnid=tree["dog"]).becomes) == "pet"  # as low as canine, and the older wnid
    assert {"husky < canine", "husky < pet", "poodle < canine"} <= edges()


def test_a_noun_is_split_once_while_its_split_stands(tree):
    parts = [tree["husky"], tree["cat"]]
    first = make("split", synset=tree["dog"], parts=parts, is_kept=True)
    assert f"change {first.pk} stands (dog is split into husky, cat)" in refusal(
        "split", synset=tree["dog"], parts=parts, is_kept=True
    )
    make("undo", change=first.pk)

    make("split", synset=tree["dog"], parts=parts, is_kept=True)


def test_a_split_is_not_done_again_beside_another_of_the_same_noun(tree):
    parts = [tree["husky"], tree["cat"]]
    undo = make("undo", change=make("split", synset=tree["dog"], parts=parts, is_kept=True).pk)
    second = make("split", synset=tree["dog"], parts=parts, is_kept=True)
    assert f"change {second.pk} stands" in refusal("undo", change=undo.pk)
    make("undo", change=second.pk)

    again = make("undo", change=undo.pk)

    assert Change.objects.standing_split(tree["dog"]).pk == undo.undoes_id
    assert again.undoes == undo


def test_a_noun_that_was_split_and_restored_is_not_split_again(tree):
    parts = [plant("working dog"), plant("toy dog")]
    first = make("split", synset=tree["dog"], parts=parts)
    make("restore", synset=tree["dog"])

    sentence = refusal("split", synset=tree["dog"], parts=parts, is_kept=True)

    assert f"change {first.pk} stands" in sentence


def test_a_split_has_two_parts_and_a_noun_to_stand_at(tree):
    assert "found 1" in refusal("split", synset=tree["dog"], parts=[plant("toy dog")], is_kept=True)
    assert "Keep animal as the hypernym" in refusal(
        "split", synset=tree["animal"], parts=[plant("a"), plant("b")]
    )


def test_what_hangs_from_a_noun_that_retires_moves_up(tree):
    make("retire", synset=tree["pet"])

    # The dog is a canine and so an animal already; it needs no edge of its own.
    assert edges() == {"canine < animal", "dog < canine", "husky < dog", "cat < animal"}


def test_what_hangs_from_nothing_else_retires_too_where_that_is_asked(tree):
    make("retire", synset=tree["pet"], with_below=True)

    assert {str(noun) for noun in Synset.objects.retired()} == {"pet", "cat"}
    assert above(tree["dog"]) == {"dog", "canine", "animal"}


def test_a_retired_noun_comes_back_where_it_was_or_elsewhere(tree):
    make("retire", synset=tree["husky"])
    make("restore", synset=tree["husky"])
    assert "husky < dog" in edges()
    make("retire", synset=tree["husky"])

    make("restore", synset=tree["husky"], hypernyms=[tree["cat"]])

    assert above(tree["husky"]) == {"husky", "cat", "pet", "animal"}


def test_a_noun_does_not_come_back_under_one_that_is_gone(tree):
    make("retire", synset=tree["husky"])
    make("retire", synset=tree["dog"])

    assert "those it had are retired; found none" in refusal("restore", synset=tree["husky"])
    assert "found cat, which is in the tree" in refusal("restore", synset=tree["cat"])


def test_a_mark_reaches_all_below_where_that_is_asked(tree):
    make("mark", synset=tree["canine"], is_imageable=False, sensitive_reason="bites", with_below=True)
    make("mark", synset=tree["cat"], is_imageable=True, sensitive_reason="scratches")

    assert {str(noun) for noun in Synset.objects.shown()} == {"animal", "pet"}
    assert Synset.objects.get(wnid=tree["husky"]).sensitive_reason == "bites"


def test_a_change_that_changes_nothing_is_refused(tree):
    assert "is so already" in refusal("mark", synset=tree["cat"], is_imageable=True, sensitive_reason="")


def test_a_noun_that_is_not_there_is_refused(tree):
    assert refusal("retire", synset="n99999999") == "Expected the wnid of a noun; found 'n99999999'."


def test_undo_names_the_later_change_that_depends_on_it(tree):
    moved = make("move", synset=tree["dog"], source=tree["canine"], target=tree["cat"])
    later = make("drop_parent", synset=tree["dog"], hypernym=tree["cat"])

    sentence = refusal("undo", change=moved.pk)

    assert f"found that change {later.pk} does" in sentence
    make("undo", change=later.pk)
    make("undo", change=moved.pk)
    assert "dog < canine" in edges()


def test_undo_names_the_later_change_that_would_make_a_cycle(tree):
    moved = make("move", synset=tree["canine"], target="")
    later = make("move", synset=tree["animal"], target=tree["canine"])

    sentence = refusal("undo", change=moved.pk)

    assert "animal is a kind of canine, a kind of animal" in sentence
    assert f"change {later.pk} does" in sentence


def test_a_noun_that_a_later_change_uses_is_not_unmade(tree):
    wolf = plant("wolf")
    added = make("add", synset=wolf, hypernyms=[tree["canine"]])
    later = make("edit", synset=wolf, lemmas=["wolf"], gloss="howls")

    assert f"change {later.pk} does" in refusal("undo", change=added.pk)


def test_changes_that_do_not_touch_each_other_are_undone_in_any_order(tree):
    first = make("add_parent", synset=tree["cat"], hypernym=tree["canine"])
    make("add_parent", synset=tree["cat"], hypernym=tree["animal"])

    make("undo", change=first.pk)

    assert {"cat < pet", "cat < animal"} <= edges()
    assert "cat < canine" not in edges()


def test_two_nouns_never_count_as_each_other():
    one, other = make_synset("cat"), make_synset("cat")
    make("merge", synset=one.wnid, target=other.wnid)
    restored = make("restore", synset=one.wnid, hypernyms=[])
    make("merge", synset=other.wnid, target=one.wnid)

    sentence = refusal("undo", change=restored.pk)

    assert "counts as cat" in sentence or "does" in sentence


def test_a_change_is_undone_once_and_its_undoing_may_be_undone(tree):
    change = make("rename", synset=tree["dog"], name="hound")
    undo = make("undo", change=change.pk)
    assert f"change {undo.pk} has undone it" in refusal("undo", change=change.pk)
    assert Change.objects.undone() == {change.pk}

    make("undo", change=undo.pk)

    assert Synset.objects.get(wnid=tree["dog"]).name == "hound"
    assert Change.objects.undone() == {undo.pk}


def test_a_change_that_was_made_again_is_undone_by_undoing_that(tree):
    change = make("rename", synset=tree["dog"], name="hound")
    again = make("undo", change=make("undo", change=change.pk).pk)
    assert f"Undo change {again.pk} instead." in refusal("undo", change=change.pk)

    last = make("undo", change=again.pk)

    assert Synset.objects.get(wnid=tree["dog"]).name == "dog"
    assert f"change {last.pk} has undone it" in refusal("undo", change=change.pk)


def test_an_import_is_undone_like_any_other_change():
    animal = make_synset("animal")
    cat = make_synset("cat", animal)

    make("undo", change=Change.objects.version())

    assert set(Synset.objects.current()) == {animal}
    assert Synset.objects.resolution() == {cat.pk: animal.pk}
