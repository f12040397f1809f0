"""The code that goes into starter kits: modules of this project as they are, with all of its modules they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
SCORER = "competition/kit_score.py"  # becomes score.py
CLIENT = "competition/client.py"


@cache
def code() -> dict[str, str]:
    """Return the text of each file by where it lies in a kit. None of them imports more than NumPy and requests.

    Packages are empty there: what ours offer at their top needs the site.
    """
    found: dict[str, str] = {}
    waiting = [ROOT / SCORER, ROOT / CLIENT]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(ROOT).as_posix()
        if name not in found:
            found[name] = path.read_text(encoding="utf-8")
            waiting += _imported(found[name])
    packages = {f"{PurePosixPath(name).parent}/__init__.py": "" for name in found}
    found["score.py"] = found.pop(SCORER)
    return dict(sorted({**packages, **found}.items()))


def _imported(source: str) -> Iterator[Path]:
    """Yield the modules of this project that one of them imports."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        places = (ROOT / f"{name.replace('.', '/')}.py" for name in names)
        yield from (place for place in places if place.is_file())
