import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.patch import Edge, Edit, Nouns, Patch, compose

WNIDS = st.sampled_from(["n1", "n2", "n3"])
EDGES = st.builds(Edge, WNIDS, WNIDS, st.booleans())
FIELDS = {
    "lemmas": [["dog", 1, ""]],
    "gloss": "barks",
    "is_imageable": True,
    "sensitive_reason": "",
    "becomes": None,
}


def nouns(*edges, retired=()):
    """Three nouns, n1 to n3, alike but for which are retired."""
    values = {wnid: {**FIELDS, "is_retired": wnid in retired} for wnid in ("n1", "n2", "n3")}
    return Nouns(values, frozenset(edges))


@st.composite
def histories(draw):
    """Draw what a few patches did, one after another, to a tree that keeps nothing but edges and one field."""
    edges, gloss, patches = set(draw(st.sets(EDGES))), "0", []
    for number in range(draw(st.integers(0, 5))):
        change = draw(st.sets(EDGES))
        edits = (Edit("n1", "gloss", gloss, str(number)),) if draw(st.booleans()) else ()
        gloss = edits[0].after if edits else gloss
        patches.append(
            Patch(linked=tuple(sorted(change - edges)), unlinked=tuple(sorted(change & edges)), edited=edits)
        )
        edges ^= change
    return patches


def test_the_inverse_turns_every_fact_round():
    patch = Patch(
        added=("n1",),
        removed=("n2",),
        linked=(Edge("n1", "n3"),),
        unlinked=(Edge("n2", "n3"),),
        edited=(Edit("n3", "gloss", "old", "new"),),
    )

    assert patch.inverse() == Patch(
        added=("n2",),
        removed=("n1",),
        linked=(Edge("n2", "n3"),),
        unlinked=(Edge("n1", "n3"),),
        edited=(Edit("n3", "gloss", "new", "old"),),
    )


@given(histories())
def test_patches_and_their_inverses_compose_to_nothing(patches):
    back = [patch.inverse() for patch in reversed(patches)]

    assert compose([*patches, *back]) == Patch()


@given(histories())
def test_what_is_composed_does_what_its_parts_did(patches):
    whole = compose(patches)

    assert compose([whole.inverse(), *patches]) == Patch()


@given(histories())
def test_a_patch_survives_its_way_through_json(patches):
    for patch in patches:
        assert Patch.from_json(json.loads(json.dumps(patch.to_json()))) == patch


def test_an_empty_patch_is_nothing():
    assert not Patch()
    assert Patch(added=("n1",))


def test_an_edge_touches_its_lower_end_and_names_both():
    patch = Patch(linked=(Edge("n1", "n2"),))

    assert (patch.wnids, patch.ends) == ({"n1"}, {"n1", "n2"})


@pytest.mark.parametrize(
    ("patch", "standing", "key"),
    [
        (Patch(added=("n1",)), nouns(), ("noun", "n1")),
        (Patch(removed=("n1",)), nouns(retired=["n1"]), ("noun", "n1")),
        (Patch(linked=(Edge("n1", "n2"),)), nouns(retired=["n2"]), ("noun", "n2")),
        (Patch(linked=(Edge("n1", "n2"),)), nouns(Edge("n1", "n2")), ("edge", "n1", "n2")),
        (Patch(linked=(Edge("n1", "n2", True),)), nouns(Edge("n1", "n2")), ("edge", "n1", "n2")),
        (Patch(unlinked=(Edge("n1", "n2"),)), nouns(), ("edge", "n1", "n2")),
        (Patch(removed=("n1",)), nouns(Edge("n2", "n1")), ("edge", "n2", "n1")),
        (Patch(edited=(Edit("n1", "gloss", "purrs", "miaows"),)), nouns(), ("gloss", "n1")),
    ],
)
def test_a_patch_names_what_stands_otherwise_than_it_expects(patch, standing, key):
    assert patch.conflicts(standing) == [key]


@pytest.mark.parametrize(
    ("patch", "standing"),
    [
        (Patch(added=("n1",)), nouns(retired=["n1"])),
        (Patch(removed=("n1",)), nouns()),
        (Patch(linked=(Edge("n1", "n2"),)), nouns()),
        (Patch(linked=(Edge("n1", "n2"),), added=("n2",)), nouns(retired=["n2"])),
        (Patch(linked=(Edge("n1", "n2", True),), unlinked=(Edge("n1", "n2"),)), nouns(Edge("n1", "n2"))),
        (Patch(unlinked=(Edge("n1", "n2"),)), nouns(Edge("n1", "n2"))),
        (Patch(removed=("n1",), unlinked=(Edge("n2", "n1"),)), nouns(Edge("n2", "n1"))),
        (Patch(edited=(Edit("n1", "gloss", "barks", "miaows"),)), nouns()),
    ],
)
def test_a_patch_that_finds_what_it_expects_has_no_conflict(patch, standing):
    assert patch.conflicts(standing) == []
