"""The site of the documentation: it is built without warnings, is complete, and asks nobody."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import microlut

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"


def listed(entry: object) -> list[str]:
    """Return the pages of an entry of the navigation."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in listed(part)]


def test_navigation_has_every_page_once():
    settings = yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(listed(settings["nav"])) == pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # about a later version of the theme
    built = subprocess.run(
        command, cwd=CHECKOUT, env=quiet, capture_output=True, text=True, check=False
    )
    assert "WARNING" not in built.stderr
    assert built.returncode == 0, built.stderr
    return folder


def test_reference_has_every_public_name(site: Path):
    text = (site / "reference" / "api" / "index.html").read_text(encoding="utf-8")
    names = set(re.findall(r'id="microlut\.(\w+)"', text))
    assert set(microlut.__all__) - {"__version__"} <= names


def test_pages_ask_no_other_machine(site: Path):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        sources = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', text)
        assert [each for each in sources if each.startswith(("http:", "https:", "//"))] == []
