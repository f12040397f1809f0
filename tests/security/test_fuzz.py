"""The API keeps to its own description, whatever it is sent; tests/security/fuzz.py says how."""

import os

import pytest

from tests.security.fuzz import N_EXAMPLES, SEED, fuzz

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("who", ["nobody", "owner"])
def test_every_answer_is_what_the_description_of_the_api_says(who, stage):
    n_examples = int(os.environ.get("FUZZ_EXAMPLES", N_EXAMPLES))
    seeded = int(os.environ.get("FUZZ_SEED", SEED))

    wrong = list(fuzz(stage, stage.world.tokens.get(who), n_examples, seeded))

    assert not wrong, "\n\n".join(wrong)
