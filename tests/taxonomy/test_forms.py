"""What curators type -> the arguments of a change."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxonomy.forms import FORMS, AddForm, EditForm, MoveForm, SplitForm, one_noun, picked
from taxonomy.importing import import_synsets
from taxonomy.models.ledger import Kind
from tests.factories import make_record, make_synset

pytestmark = pytest.mark.django_db


def make_senses(*names_and_senses):
    records = [
        make_record(f"t{i:08}", name, sense=sense)
        for i, (name, sense) in enumerate(names_and_senses, 90_000_000)
    ]
    import_synsets(records, reason="a test")
    return [record.wnid for record in records]


@pytest.mark.parametrize("typed", ["hot dog", "hot_dog.n.01", "Hot  Dog", "hot dog.n.1"])
def test_a_noun_with_one_sense_is_known_by_its_word(typed):
    noun = make_synset("hot dog")

    assert one_noun(typed) == noun
    assert one_noun(noun.wnid) == noun
    assert one_noun(picked(noun)) == noun


def test_a_word_with_several_senses_is_refused_with_those():
    first, second = make_senses(("head", 1), ("head", 2))

    with pytest.raises(ValidationError) as refusal:
        one_noun("head")

    assert refusal.value.messages == [
        f"Expected one noun; found 2 called “head”. Choose one by its wnid: head ({first}): what head means; "
        f"head ({second}): what head means."
    ]


def test_one_of_several_senses_is_known_by_its_number_or_wnid():
    first, second = make_senses(("head", 1), ("head", 2))

    assert one_noun("head.n.02").wnid == second
    assert one_noun(f"head ({first})").wnid == first


@pytest.mark.parametrize("typed", ["unicorn", "dog.n.07", "n00000000", "dog (n00000000)", "(", "%", "💥"])
def test_an_unknown_noun_is_refused(typed):
    make_synset("dog")

    with pytest.raises(ValidationError, match="Expected the wnid, sense name or lemma of a noun"):
        one_noun(typed)


def refusal_of(typed):
    try:
        one_noun(typed)
    except ValidationError as error:
        return error.messages[0]
    return ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(typed=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_whatever_else_is_typed_is_answered_with_a_sentence(typed):
    assert refusal_of(typed).startswith("Expected")


def test_every_kind_that_people_propose_has_a_form():
    assert set(FORMS) == set(Kind.values) - {Kind.IMPORT, Kind.UNDO}


def test_words_come_one_a_line_without_repetition():
    noun = make_synset("dog")
    data = {"lemmas": " dog \n\ndomestic   dog\r\ndog", "gloss": "barks", "reason": "more words"}

    form = EditForm(data, synset=noun)

    assert form.is_valid()
    assert form.arguments() == {"synset": noun.wnid, "lemmas": ["dog", "domestic dog"], "gloss": "barks"}


def test_a_new_noun_needs_a_name_and_a_gloss():
    form = AddForm({"name": "", "gloss": "", "reason": "missing"})

    assert set(form.errors) == {"name", "gloss"}


def test_a_noun_with_one_hypernym_is_moved_away_from_that_without_asking():
    animal = make_synset("animal")
    dog = make_synset("dog", animal)
    plant = make_synset("plant")

    form = MoveForm({"target": "plant", "reason": "it grows"}, synset=dog)

    assert "source" not in form.fields
    assert form.is_valid()
    assert form.arguments() == {"synset": dog.wnid, "source": None, "target": plant.wnid}


def test_a_noun_with_two_hypernyms_is_asked_which_to_leave():
    tops = make_synset("canine"), make_synset("pet")
    dog = make_synset("dog", *tops)
    plant = make_synset("plant")

    unsaid = MoveForm({"target": "plant", "reason": "it grows"}, synset=dog)
    said = MoveForm({"target": "plant", "source": tops[1].wnid, "reason": "it grows"}, synset=dog)

    assert set(unsaid.errors) == {"source"}
    assert said.is_valid()
    assert said.arguments() == {"synset": dog.wnid, "source": tops[1].wnid, "target": plant.wnid}


def test_a_move_goes_under_a_noun_or_becomes_a_root_and_not_both():
    dog = make_synset("dog", make_synset("animal"))
    both = {"target": "animal", "is_root": "on", "reason": "because"}

    assert set(MoveForm(both, synset=dog).errors) == {"target"}
    assert MoveForm({**both, "target": ""}, synset=dog).is_valid()


@pytest.mark.parametrize(
    ("part", "is_right"),
    [
        ({"existing": "cat"}, True),
        ({"name": "lion", "gloss": "roars"}, True),
        ({"name": "lion"}, False),
        ({"gloss": "roars"}, False),
        ({"existing": "cat", "name": "lion", "gloss": "roars"}, False),
        ({"existing": "unicorn"}, False),
    ],
)
def test_a_part_is_there_already_or_new_with_a_gloss(part, is_right):
    make_synset("cat")
    dog = make_synset("dog")
    data = {"reason": "two", "is_kept": "yes", "part-TOTAL_FORMS": 3, "part-INITIAL_FORMS": 0}
    data |= {"part-0-name": "hound", "part-0-gloss": "hunts"}
    data |= {f"part-2-{key}": value for key, value in part.items()}

    form = SplitForm(data, synset=dog)

    assert form.is_valid() is is_right


@pytest.mark.parametrize("count", ["", "-1", "many", "1e9", "999999999999999999999"])
def test_a_count_of_parts_that_is_none_is_refused(count):
    data = {"reason": "two", "is_kept": "yes", "part-TOTAL_FORMS": count, "part-INITIAL_FORMS": "0"}

    assert not SplitForm(data, synset=make_synset("dog")).is_valid()
