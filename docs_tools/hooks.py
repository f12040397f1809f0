"""What MkDocs is told of this repository: its decisions belong to the navigation, and it lies around docs/."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

LINK_UP = re.compile(r"(!?)\[([^\]]*)\]\((\.\./[^)\s]*)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List every decision, in the order of their numbers."""
    docs = Path(config.docs_dir)
    decisions = [path.relative_to(docs).as_posix() for path in sorted(docs.glob("decisions/*.md"))]
    assert config.nav is not None  # noqa: S101
    config.nav.append({"Decisions": decisions})
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Name a file of the repository that is linked to, which a site of docs/ alone does not have."""
    return LINK_UP.sub(lambda link: _named(link, page.file.src_uri), markdown)


def _named(link: re.Match[str], page: str) -> str:
    target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link[3]))
    if target.startswith("docs/"):
        return link[0]
    return link[2] if link[2].strip("`") == target else f"{link[2]} (`{target}`)"
