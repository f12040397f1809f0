import json
import subprocess
import sys
from dataclasses import replace

import pytest

from training.config import NETWORKS, Config, ConfigError

MLP = Config(
    "mlp", size_px=16, epochs=3, batch_size=8, learning_rate=0.1, hidden=(32, 16), activation="sigmoid"
)


def test_a_config_survives_json():
    assert Config.from_json(json.loads(json.dumps(MLP.to_json()))) == MLP


def test_an_option_left_out_of_json_takes_its_default():
    needed = {"network": "perceptron", "size_px": 8, "epochs": 1, "batch_size": 1, "learning_rate": 1}

    assert Config.from_json(needed).momentum == 0.9


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"found 'learning_rat'\."):
        Config.from_json({**MLP.to_json(), "learning_rat": 0.1})


def test_a_missing_option_is_refused_by_name():
    data = MLP.to_json()
    del data["epochs"]

    with pytest.raises(ConfigError, match="expected the option 'epochs'"):
        Config.from_json(data)


def test_json_that_is_no_object_is_refused():
    with pytest.raises(ConfigError, match=r"found \[1\]"):
        Config.from_json([1])


@pytest.mark.parametrize(
    ("option", "bad", "good"),
    [
        ("optimizer", "adam", "adamw"),
        ("optimizer", "muon", "sgd"),
        ("schedule", "linear", "step"),
        ("colour", "sepia", "pca"),
        ("precision", "float16", "bfloat16"),
        ("mixup", -0.1, 0.2),
        ("erase", 1, 0.5),
        ("ema", 1.0, 0.999),
        ("early_stop", -1, 3),
        ("targets", "votes", "shares"),
        ("mirror", None, True),
        ("shifts", 1, True),
        ("changes", "yes", True),
        ("compiled", "yes", True),
        ("activation", "tanh", "relu"),
        ("size_px", 7, 8),
        ("size_px", 16.0, 16),
        ("epochs", 0, 1),
        ("epochs", True, 1),
        ("batch_size", 0, 1),
        ("seed", -1, 0),
        ("learning_rate", 0.0, 0.1),
        ("learning_rate", float("nan"), 0.1),
        ("learning_rate", "0.1", 0.1),
        ("momentum", 1.0, 0.0),
        ("weight_decay", -0.1, 0.0),
        ("label_smoothing", 1.0, 0.9),
        ("crop", 1, True),
        ("flip", "no", False),
        ("hidden", (), (1,)),
        ("hidden", (0,), (8192,)),
        ("hidden", (4,) * 9, (4,) * 8),
        ("hidden", [4], (4,)),
    ],
)
def test_a_value_out_of_its_range_is_refused_and_its_neighbour_is_not(option, bad, good):
    replace(MLP, **{option: good})

    with pytest.raises(ConfigError, match=rf"^Config, {option}: expected .+; found .+\.$"):
        replace(MLP, **{option: bad})


def test_an_unknown_network_is_refused():
    with pytest.raises(ConfigError, match=r"^Config, network: expected one of .+; found 'resnext'\.$"):
        replace(MLP, network="resnext")


@pytest.mark.parametrize(
    ("network", "option", "value"),
    [
        ("mlp", "hidden", (4,)),
        ("mlp", "activation", "sigmoid"),
        ("perceptron", "grayscale", True),
        ("resnet", "depth", 18),
        ("resnet", "width", 16),
        ("resnet", "progressive", 0.5),
        ("alexnet", "towers", 1),
    ],
)
def test_an_option_of_one_network_is_refused_for_another(network, option, value):
    other = "alexnet" if network != "alexnet" else "resnet"
    hidden = {"hidden": (8,)} if network == "mlp" and option != "hidden" else {}

    config = Config(network, 16, 1, 8, 0.1, **{**hidden, option: value})

    assert getattr(config, option) == value
    with pytest.raises(ConfigError, match=rf"^Config, {option}: expected nothing .+ for network '{other}'"):
        Config(other, 16, 1, 8, 0.1, **{option: value})


def test_equal_options_have_equal_digests_whatever_the_seed():
    assert replace(MLP, seed=7, learning_rate=1).digest == replace(MLP, seed=8, learning_rate=1.0).digest
    assert MLP.digest != replace(MLP, hidden=(16, 32)).digest
    assert MLP.digest != replace(MLP, flip=True).digest


def test_a_digest_does_not_change_with_the_version():
    """Or the same training would be queued again after an update."""
    assert MLP.digest == "40d5f0e46408da4056b7126c3cf07d2fdcdeb1a47314d1ecebcedca2aa27e17f"


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size_px", [8, 16, 224])
@pytest.mark.parametrize("n_images", [1, 1258, 1_000_000])
def test_every_network_has_a_default_recipe(network, size_px, n_images):
    config = Config.default(network, size_px, n_images)

    assert (config.network, config.size_px, config.flip) == (network, size_px, False)


def test_muon_is_usual_where_nine_layers_have_enough_to_learn_from():
    usual = {
        (size_px, n): Config.default("resnet", size_px, n).optimizer
        for size_px in (32, 224)
        for n in (4_999, 5_000, 1_000_000)
    }

    assert {told for told, optimizer in usual.items() if optimizer == "muon"} == {
        (32, 5_000),
        (32, 1_000_000),
    }


def test_few_pictures_are_shown_more_often():
    # 600 steps of 64 pictures: 128 pictures fill 2 steps, so 300 epochs; 1,280 fill 20, so 30.
    assert Config.default("mlp", 16, 128).epochs == 300
    assert Config.default("mlp", 16, 1280).epochs == 30


def test_an_unknown_network_has_no_default_recipe():
    with pytest.raises(ConfigError, match=r"network: expected one of perceptron, mlp, .+; found 'vgg'"):
        Config.default("vgg", 16, 100)


def test_the_web_process_reads_configs_without_torch():
    program = "import sys, training.config; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
