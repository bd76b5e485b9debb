"""The documents: links, paths, boards, verbs and formats that they name exist, and are complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from microlut.board.board import list_boards
from microlut.cli import VERBS
from microlut.exporters import ExportFormat
from microlut.version import VERSION

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "converter" / "microlut"


def make_targets() -> set[str]:
    text = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_commands_of_the_documents_exist(name):
    # in code: alone on a line, or between backquotes
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE))
    assert {"test"} <= named <= make_targets()


def test_readme_has_the_two_commands():
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert re.search(rf"^make {target}\b", text, re.MULTILINE)


def test_documentation_has_a_row_for_every_board():
    text = (CHECKOUT / "docs/measurements/boards.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ", text, re.MULTILINE)
    assert rows == [name for name in list_boards() if name != "host"]


def test_readme_names_every_verb():
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in VERBS if f"`{name}" not in text]
    assert missing == []


def test_every_export_format_is_explained():
    text = (CHECKOUT / "docs" / "guide" / "exports.md").read_text(encoding="utf-8")
    assert re.findall(r"^## ([a-z][\w-]*)$", text, re.MULTILINE) == list(ExportFormat)


PAGES = [*CHECKOUT.glob("*.md"), *sorted(CHECKOUT.glob("docs/**/*.md"))]
# Paths in code: from the checkout, from the package, or from the firmware.
PLACES = (CHECKOUT, PACKAGE, CHECKOUT / "firmware")
NAMED_PATH = re.compile(r"`((?!DIR/)(?:[\w.-]+/)+[\w.-]+\.(?:py|c|h|ld|j2|json|toml|md|repl|sh))`")
NAMED_PAGE = re.compile(r"\bdocs/[\w./-]+\.md\b")
SOURCES = {".py", ".c", ".h", ".j2", ".toml", ".sh", ".repl", ".ld"}


def anchors(page: Path) -> set[str]:
    """Return what links can name in a page, as GitHub makes it of the headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def is_broken(page: Path, link: str, anchor: str) -> bool:
    target = page.parent / link if link else page
    return not target.exists() or (bool(anchor) and anchor not in anchors(target))


def test_there_are_pages_to_check():
    assert len(PAGES) >= 20
    assert len({page.parent for page in PAGES}) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if is_broken(page, *link)] == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CHANGELOG.md"],  # which tells of files that are gone
    ids=lambda path: str(path.relative_to(CHECKOUT)),
)
def test_named_paths_exist(page):
    named = NAMED_PATH.findall(page.read_text(encoding="utf-8"))
    places = (*PLACES, page.parent)
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_every_page_is_in_the_index():
    index = (CHECKOUT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {p.relative_to(CHECKOUT / "docs").as_posix() for p in CHECKOUT.glob("docs/**/*.md")}
    assert pages - set(re.findall(r"\]\(([^)#]+)\)", index)) == {"README.md"}


def test_pages_that_code_names_exist():
    folders = "benchmarks boards converter examples firmware scripts templates tests"
    files = [
        p for name in folders.split() for p in (CHECKOUT / name).rglob("*") if p.suffix in SOURCES
    ]
    assert len(files) >= 300
    named = [(p, page) for p in files for page in NAMED_PAGE.findall(p.read_text(encoding="utf-8"))]
    assert len(named) >= 10
    assert [(path, page) for path, page in named if not (CHECKOUT / page).is_file()] == []


def test_design_lists_the_wings_of_the_import_contract():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    layers = [set(re.findall(r"microlut\.(\w+)", layer)) for layer in contract["layers"]]
    text = (CHECKOUT / "docs" / "internals" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text.split("## The wings")[1], re.MULTILINE)
    listed = [{name.removesuffix(".py") for name in re.findall(r"`(.*?)`", row)} for row in rows]
    assert listed == layers


def test_changelog_has_a_section_for_every_release():
    text = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\S+)", text, re.MULTILINE)
    releases = {path.name for path in (CHECKOUT / "tests" / "fixtures").iterdir() if path.is_dir()}
    assert sections[0] in ("Unreleased:", VERSION)
    assert releases <= set(sections)
