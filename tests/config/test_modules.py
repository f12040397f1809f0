"""Scripts that import others: pages ask for all of them at once, so that none waits until another has come."""

import re

import pytest
from django.conf import settings

STATIC, TEMPLATES = settings.BASE_DIR / "static", settings.BASE_DIR / "templates"
MODULE = re.compile(r'<script type="module" src="\{% static "(.+?)" %\}">')
PRELOAD = re.compile(r'<link rel="modulepreload" href="\{% static "(.+?)" %\}">')
IMPORT = re.compile(r'from "\./(.+?)";')
PAGES = [path for path in sorted(TEMPLATES.rglob("*.html")) if MODULE.search(path.read_text())]


def imports(name: str) -> set[str]:
    """Return what a script imports, and what that imports."""
    direct = set(IMPORT.findall((STATIC / name).read_text()))
    return direct.union(*map(imports, direct))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_page_asks_at_once_for_all_that_its_scripts_import(path):
    page = path.read_text()
    scripts = set(MODULE.findall(page))

    assert sorted(PRELOAD.findall(page)) == sorted(set().union(*map(imports, scripts)) - scripts)
