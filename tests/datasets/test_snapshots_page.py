"""The examples of docs/snapshots.md run as they stand, one after the other, against a site of its own."""

import re
import zipfile
from pathlib import Path

import pytest

from labeling.models import Image
from tests.factories import freeze_all, make_settled_collection

PAGE = Path(__file__).resolve().parents[2] / "docs/snapshots.md"


@pytest.mark.django_db(transaction=True)
def test_the_examples_run(live_server, capsys, tmp_path, monkeypatch):
    snapshot = freeze_all(make_settled_collection(20))
    Image.objects.filter(split="val").first().withdraw()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {
        "SITE": live_server.url,
        "SNAPSHOT": live_server.url + snapshot.get_absolute_url(),
    }

    # What is marked `py` needs the package datasets, which in this process would be ours.
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    assert len(blocks) == 4
    printed = capsys.readouterr().out.splitlines()
    n_train = snapshot.card["by_split"]["train"]
    assert printed[0] == f"{n_train} pictures to train on, 2 classes"
    assert any(line.startswith("folders.zip ") for line in printed)
    assert printed[-2:] == [f"digest {snapshot.digest}", "rows as frozen: True"]
    assert zipfile.ZipFile("folders.zip").testzip() is None
