"""The examples of docs/training.md run as they stand, one after the other, beside a run's files."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import make_run, make_snapshot
from training.models import Run
from training.running import execute

PAGE = Path(__file__).resolve().parents[2] / "docs/training.md"


@pytest.mark.django_db
def test_the_examples_run(tmp_path, monkeypatch, capsys):
    run = make_run(make_snapshot(n_questions=20), config={**make_recipe(), "epochs": 2})
    execute(Run.objects.claim_next())
    run.refresh_from_db()
    for name, file in (("network.onnx", run.onnx), ("weights.safetensors", run.weights)):
        with file.open("rb") as kept:
            (tmp_path / name).write_bytes(kept.read())
    Image.new("RGB", (40, 30), "orange").save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)

    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)

    said = capsys.readouterr().out
    assert len(examples) == 3
    assert all(wnid in said for wnid in run.snapshot.classes)
    assert said.strip().endswith("1.0 right")


def make_recipe():
    return {"network": "perceptron", "size_px": 8, "batch_size": 8, "learning_rate": 0.01}
