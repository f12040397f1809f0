from dataclasses import fields

import pytest
from django.utils import translation

from training import wording
from training.config import DEPTHS, NETWORKS, ONLY_OF, TOWERS, WORDS, Config
from training.describing import KINDS

USUAL = {network: Config.default(network, 32, 1000) for network in NETWORKS}


def test_every_option_has_a_name_and_says_what_it_does():
    assert set(wording.OPTIONS) | {"network"} == {field.name for field in fields(Config)}
    assert all(str(option.name) and str(option.says).endswith(".") for option in wording.OPTIONS.values())
    assert {option.group for option in wording.OPTIONS.values()} == set(wording.GROUPS)


def test_every_network_and_every_word_of_an_option_has_words():
    assert {name: str(says).replace("’", "'") for name, says in wording.NETWORKS.items()} == NETWORKS
    for name, values in {**WORDS, "depth": DEPTHS, "towers": TOWERS}.items():
        assert set(wording.VALUES[name]) == set(values)


def test_every_kind_of_layer_has_words():
    assert set(wording.KINDS) >= set(KINDS.values())


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_network_has_the_options_that_are_about_it(network):
    names = set(wording.names_of(network))

    assert {name for name, networks in ONLY_OF.items() if network in networks} <= names
    assert names.isdisjoint(name for name, networks in ONLY_OF.items() if network not in networks)
    assert {"size_px", "learning_rate", "epochs", "seed"} <= names


def test_a_recipe_is_told_in_words():
    told = dict(wording.recipe(USUAL["mlp"]))

    assert told["Hidden layers"] == "256, 128"
    assert (told["Mirror at random"], told["Momentum"], told["Blend pictures"]) == ("no", "0.9", "0")
    assert "Towers" not in told


def test_recipes_differ_where_one_says_something_else_or_has_no_such_option():
    differing = dict(wording.differing([USUAL["mlp"], USUAL["perceptron"]]))

    assert differing["Hidden layers"] == ["256, 128", "–"]
    assert differing["Learning rate"] == ["0.3", "0.005"]
    assert "Momentum" not in differing
    assert wording.differing([USUAL["mlp"], USUAL["mlp"]]) == []


def test_a_machine_is_told_in_words_as_far_as_there_are_some():
    told = wording.machine(
        {"device": "cpu", "n_threads": 2, "compiled": False, "new_thing": "x", "gone": None}
    )

    assert told == [("Device", "cpu"), ("Threads", "2"), ("Compiled", "no"), ("new thing", "x")]


@pytest.mark.parametrize(
    ("language", "shown"),
    [("en", ["0.1", "1e-05", "2", "1.5e-07"]), ("de", ["0,1", "1e-05", "2", "1,5e-07"])],
)
def test_numbers_are_written_as_in_the_readers_language(language, shown):
    with translation.override(language):
        assert [wording.value_of("learning_rate", value) for value in (0.1, 1e-5, 2.0, 1.5e-7)] == shown
