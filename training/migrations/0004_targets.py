"""The option "soft_targets" becomes one of three "targets", and the digest of a run's options follows.

One pass over the runs that have it, of which there are few; safe to repeat. Reversing gives back the old option; a run
that learns shares keeps its digest then and is said to learn posteriors.
"""

import hashlib
import json

from django.db import migrations

# As training.config has them at this step, what is no default at all left out.
DEFAULTS = {
    "optimizer": "sgd", "momentum": 0.9, "schedule": "cosine", "weight_decay": 0.0, "label_smoothing": 0.0,
    "soft_targets": False, "targets": "labels", "mixup": 0.0, "crop": False, "flip": False, "colour": "none",
    "erase": 0.0, "progressive": 0.0, "mirror": False, "ema": 0.0, "early_stop": 0, "precision": "auto",
    "compiled": False, "hidden": [], "activation": "relu", "grayscale": False, "centred": True, "depth": 0, "width": 0,
    "towers": 2,
}
NUMBERS = (
    "learning_rate", "momentum", "weight_decay", "label_smoothing", "mixup", "erase", "ema", "progressive"
)


def digest(options):
    told = {
        name: float(value) if name in NUMBERS else value
        for name, value in options.items()
        if name != "seed" and value != DEFAULTS.get(name)
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def name_targets(apps, schema_editor):
    for run in apps.get_model("training", "Run").objects.filter(config__has_key="soft_targets").iterator():
        run.config["targets"] = "posteriors" if run.config.pop("soft_targets") else "labels"
        run.config_digest = digest(run.config)
        run.save(update_fields=["config", "config_digest"])


def name_back(apps, schema_editor):
    for run in apps.get_model("training", "Run").objects.filter(config__has_key="targets").iterator():
        run.config["soft_targets"] = run.config.pop("targets") != "labels"
        run.config_digest = digest(run.config)
        run.save(update_fields=["config", "config_digest"])


class Migration(migrations.Migration):
    dependencies = [("training", "0003_explanations")]
    operations = [migrations.RunPython(name_targets, name_back)]
