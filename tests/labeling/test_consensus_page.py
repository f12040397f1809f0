"""The examples of docs/consensus.md run as they stand, one after the other."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs/consensus.md"


def test_the_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    assert len(blocks) == 2
    printed = capsys.readouterr().out
    assert printed.startswith("[0 1 2 ")
