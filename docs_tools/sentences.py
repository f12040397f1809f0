"""Find the sentences of code that knows no reader, and write them as patterns into config/sentences.py.

    python -m docs_tools.sentences

Pure modules, workers and the ledger of the taxonomy speak plain English, with f-strings. config/retelling.py finds
again which of these sentences a text is, and says it in the reader's language. `make messages` runs this first.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ROOT / "config" / "sentences.py"
# Where pages show what such code says: modules and folders, and of some only these functions, with all they say.
SOURCES: dict[str, tuple[str, ...]] = {
    "taxonomy/ledger.py": ("summarize", "_summarize_mark"),
    "taxonomy/importing.py": ("import_synsets",),
    "labeling/archives.py": (),
    "labeling/foretelling.py": (),
    "labeling/metadata.py": (),
    "labeling/pictures.py": (),
    "labeling/prediction_files.py": (),
    "datasets/manifest.py": (),
    "datasets/public.py": (),
    "datasets/formats/__init__.py": (),
    "datasets/formats/rows.py": (),
    "datasets/formats/virtual.py": (),
    "training/asking.py": (),
    "training/attribution.py": (),
    "training/checkpointing.py": (),
    "training/config.py": (),
    "training/dataset.py": (),
    "training/explained.py": (),
    "training/explaining.py": (),
    "training/failures.py": (),
    "training/loop.py": (),
    "training/models/explanations.py": (),
    "training/models/runs.py": (),
    "training/novelty.py": (),
    "training/packing.py": (),
    "training/predicting.py": (),
    "training/running.py": (),
    "training/targets.py": (),
    "competition/asking.py": (),
    "competition/models/queue.py": (),
    "competition/models/standings.py": (),
    "competition/numpy_files.py": (),
    "competition/predictions.py": (),
    "competition/rescoring.py": (),
    "competition/sandbox": (),
    "competition/scoring.py": (),
    "competition/sheet.py": (),
    "operations/checks": (),
}
# Where in a file something is wrong, as it stands in front of a colon.
PLACES = ("Line {number}", "Row {number}", "{file} line {number}", "{file} row {number}")
# What takes the half of a sentence: these helpers, and names that are put into one.
TAKE_HALVES = {"_expect", "_error"}
HALVES = {"expected", "wanted", "advice", "strangers", "killed"}
TRANSLATED = re.compile(r"_|\w*gettext\w*")
A_SENTENCE = re.compile(r"(?:^|[:.] )[Ee]xpected .|^[A-Z{\d].*(?:\.|[.:] \{\w+\})$", re.DOTALL)
HEAD = """# fmt: off
# Sentences of code that knows no reader, as patterns. Written by docs_tools/sentences.py.
from django.utils.translation import gettext_noop as _

SENTENCES = (
"""


def main() -> None:
    WRITTEN.write_text(written())


def written() -> str:
    """Return what config/sentences.py should hold."""
    lines = (f"    _({json.dumps(each, ensure_ascii=False)}),\n" for each in sentences())
    return HEAD + "".join(lines) + ")\n"


def sentences() -> list[str]:
    """Return each of them once, in the order of files and lines; what changes stands in braces, under a name."""
    found: dict[str, None] = {}
    for source, functions in SOURCES.items():
        path = ROOT / source
        for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            tree = ast.parse(module.read_text())
            for part in _parts(tree, functions):
                found |= dict.fromkeys(_said(part, is_all=bool(functions)))
    return [*found, *PLACES]


def _parts(tree: ast.Module, functions: tuple[str, ...]) -> Iterator[ast.AST]:
    if not functions:
        yield tree
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef) and each.name in functions:
            yield each


def _said(node: ast.AST, is_all: bool) -> Iterator[str]:
    """Yield the sentences below a node, but for what is documentation or is translated where it stands."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        text = _pattern(node)
        if re.search(r"[\w}] ", text) and (is_all or A_SENTENCE.search(text)):
            yield text
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    called = _name(node.func) if isinstance(node, ast.Call) else ""
    if called and TRANSLATED.fullmatch(called):
        return
    is_half = called in TAKE_HALVES or (
        isinstance(node, ast.Assign) and not HALVES.isdisjoint(map(_plain_name, node.targets))
    )
    for child in ast.iter_child_nodes(node):
        yield from _said(child, is_all or is_half)


def _pattern(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    pieces: list[str] = []
    names: list[str] = []
    for piece in node.values:
        if isinstance(piece, ast.Constant):
            pieces.append(str(piece.value))
        elif isinstance(piece, ast.FormattedValue):
            name = _plain_name(piece.value) or "value"
            names.append(name)
            pieces.append(f"{{{name}{names.count(name) if names.count(name) > 1 else ''}}}")
    return "".join(pieces)


def _plain_name(node: ast.AST) -> str:
    return _name(node).strip("_").lower()


def _name(node: ast.AST) -> str:
    """Return the word by which code calls a value, for whoever translates."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Name(id="len"), args=[about]):
            return f"n_{_name(about)}"
        case ast.Call(args=[about, *_]) | ast.Subscript(value=about) | ast.BinOp(left=about):
            return _name(about)
        case ast.Call(func=about) | ast.BoolOp(values=[about, *_]) | ast.IfExp(body=about):
            return _name(about)
        case _:
            return ""


if __name__ == "__main__":
    main()
