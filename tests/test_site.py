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
EXAMPLES = CHECKOUT / "examples"


def listed(entry: object) -> list[str]:
    """Return the pages of an entry of the navigation."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in listed(part)]


def test_navigation_has_every_page_once():
    settings = yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    examples = [f"examples/{path.parent.name}.md" for path in EXAMPLES.glob("*/README.md")]
    assert sorted(listed(settings["nav"])) == sorted(pages + examples)


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


def test_examples_have_pages_with_their_programs(site: Path):
    text = (site / "examples" / "freertos" / "index.html").read_text(encoding="utf-8")
    assert 'id="mainc"' in text
    assert "xQueueReceive" in text
    assert 'href="../../reference/c-interface/#one-step-at-a-time"' in text
    linking = (site / "reference" / "front-ends" / "index.html").read_text(encoding="utf-8")
    assert 'href="../../examples/sounds/"' in linking


def test_notebook_of_the_method_has_its_results(site: Path):
    text = (site / "examples" / "method" / "index.html").read_text(encoding="utf-8")
    assert "Laplace weights, bits" in text
    assert "2<sup>b</sup> levels" in text
    assert "\\pm" not in text
    pictures = re.findall(r'<img [^>]*src="([^"]+)"', text)
    drawn = [name for name in pictures if "method-" in name]
    assert drawn
    folder = site / "examples" / "method"
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in drawn)


def test_pages_ask_no_other_machine(site: Path):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        sources = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', text)
        assert [each for each in sources if each.startswith(("http:", "https:", "//"))] == []
