import numpy as np
import pytest

from competition.frozen import Frozen
from tests.factories import freeze_all, make_settled_collection, make_synset

# A bat is a mammal and a flyer; a wing is no animal, and nothing is above both it and a cat.
HYPERNYMS = {
    "animal": [],
    "mammal": ["animal"],
    "flyer": ["animal"],
    "pet": ["mammal"],
    "bat": ["mammal", "flyer"],
    "cat": ["pet"],
    "dog": ["pet"],
    "emu": ["flyer"],
    "wing": [],
}
CLASSES = ["emu", "dog", "cat", "bat", "wing"]
FROZEN = Frozen.of(
    {"classes": CLASSES, "nouns": {wnid: {"hypernyms": tops} for wnid, tops in HYPERNYMS.items()}}
)


def heights(noun, frozen=FROZEN):
    return dict(zip(frozen.classes, frozen.lch_height[frozen.place[noun]].tolist(), strict=True))


def below(noun):
    return {
        wnid for wnid, is_below in zip(CLASSES, FROZEN.below[FROZEN.place[noun]], strict=True) if is_below
    }


def test_a_classs_place_is_its_label():
    assert FROZEN.classes == CLASSES
    assert FROZEN.n_classes == 5
    assert [FROZEN.place[wnid] for wnid in CLASSES] == [0, 1, 2, 3, 4]


def test_the_other_nouns_follow_by_wnid():
    assert FROZEN.nouns[5:] == ["animal", "flyer", "mammal", "pet"]


def test_places_do_not_depend_on_the_order_in_which_nouns_were_kept():
    kept = {wnid: {"hypernyms": HYPERNYMS[wnid]} for wnid in reversed(HYPERNYMS)}

    assert Frozen.of({"classes": CLASSES, "nouns": kept}).nouns == FROZEN.nouns


def test_classes_meet_at_the_lower_of_two_hypernyms():
    # Heights: pet and flyer 1, mammal 2, animal 3. A bat meets an emu in flyer, though animal is above both as well.
    assert heights("bat") == {"emu": 1, "dog": 2, "cat": 2, "bat": 0, "wing": 4}
    assert heights("cat") == {"emu": 3, "dog": 1, "cat": 0, "bat": 2, "wing": 4}


def test_an_inner_noun_meets_what_is_below_it_in_itself():
    assert heights("mammal") == {"emu": 3, "dog": 2, "cat": 2, "bat": 2, "wing": 4}
    assert heights("animal") == {"emu": 3, "dog": 3, "cat": 3, "bat": 3, "wing": 4}


def test_classes_are_below_every_noun_above_them():
    assert below("flyer") == {"emu", "bat"}
    assert below("mammal") == {"dog", "cat", "bat"}
    assert below("animal") == {"emu", "dog", "cat", "bat"}
    assert below("wing") == {"wing"}


def test_a_class_above_another_is_no_guess_of_it():
    nouns = {"dog": [], "husky": ["dog"], "corgi": ["dog"]}
    frozen = Frozen.of(
        {"classes": ["dog", "husky"], "nouns": {w: {"hypernyms": t} for w, t in nouns.items()}}
    )

    assert heights("dog", frozen) == {"dog": 0, "husky": 1}
    assert heights("husky", frozen) == {"dog": 1, "husky": 0}
    assert frozen.below[frozen.place["dog"]].tolist() == [True, True]


def test_arrays_are_small():
    assert FROZEN.lch_height.dtype == np.int16
    assert FROZEN.below.dtype == np.bool_
    assert FROZEN.lch_height.shape == FROZEN.below.shape == (9, 5)


def test_a_snapshot_of_one_class_has_one_noun():
    frozen = Frozen.of({"classes": ["cat"], "nouns": {"cat": {"hypernyms": []}}})

    assert (frozen.nouns, frozen.lch_height.tolist(), frozen.below.tolist()) == (["cat"], [[0]], [[True]])


@pytest.mark.django_db
def test_classes_meet_where_the_snapshots_own_taxonomy_says():
    animal = make_synset("animal")
    pet = make_synset("pet", animal)
    cat, dog, emu = make_synset("cat", pet), make_synset("dog", pet), make_synset("emu", animal)
    collection = make_settled_collection(10)
    collection.collectionclass_set.all().delete()
    collection.set_classes([cat, dog, emu])
    collection.questions.update(label=cat)
    snapshot = freeze_all(collection)
    make_synset("puppy", dog)  # afterwards: the snapshot knows nothing of it

    # cat and dog meet in pet, of height 1; emu meets them in animal, of height 2.
    heights = Frozen.of(snapshot.taxonomy).lch_height[:3]
    np.testing.assert_array_equal(heights, [[0, 1, 2], [1, 0, 2], [2, 2, 0]])
