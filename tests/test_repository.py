"""Consistency of the repository: facts stated in several places agree, and links resolve."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from microlut.board.board import Core, list_boards, load_board
from microlut.cli import VERBS
from microlut.codegen.render import ABI
from microlut.exporters import ExportFormat
from microlut.graph import ir
from microlut.ops.base import IntegerOp
from microlut.ops.linear import QLinear
from microlut.plan.arena import ALIGNMENT
from microlut.support import resources

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "converter" / "microlut"
HEADERS = CHECKOUT / "firmware/include/microlut"

KINDS = {op: op.__dataclass_fields__["kind"].default for op in get_args(IntegerOp)}
# Passes replace these, so that no later stage sees them.
FOLDED = {"BatchNorm", "Identity"}


def text_of(*names: str) -> str:
    return "\n".join((PACKAGE / name).read_text(encoding="utf-8") for name in names)


def names_in(*modules: str) -> set[str]:
    """Return the names that the code of modules uses, imports left out."""
    nodes = ast.walk(ast.parse(text_of(*modules)))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def test_there_are_operators_to_check():
    assert len(get_args(ir.Op)) >= 12
    assert len(KINDS) >= 9
    assert set(get_args(QLinear)) < set(KINDS)


@pytest.mark.parametrize("op", get_args(ir.Op), ids=lambda op: op.__name__)
def test_float_operator_is_executed(op):
    assert op.__name__ in names_in("graph/evaluate.py")


@pytest.mark.parametrize("op", get_args(ir.Op), ids=lambda op: op.__name__)
def test_float_operator_is_quantized_or_folded(op):
    quantized = names_in("quantize/operators.py")
    assert (op.__name__ in quantized) is (op.__name__ not in FOLDED)


@pytest.mark.parametrize("name", sorted(FOLDED))
def test_folded_operator_is_folded_by_a_pass(name):
    passes = [f"graph/passes/{path.name}" for path in (PACKAGE / "graph" / "passes").glob("*.py")]
    assert name in names_in(*passes)


@pytest.mark.parametrize("module", ["integer/evaluate.py", "codegen/tflite.py"])
@pytest.mark.parametrize("op", KINDS, ids=lambda op: op.__name__)
def test_integer_operator_is_known_to(module, op):
    assert op.__name__ in names_in(module)


@pytest.mark.parametrize("kind", KINDS.values())
def test_integer_operator_has_a_template(kind):
    template = (CHECKOUT / "templates" / "ops" / f"{kind}.c.j2").read_text(encoding="utf-8")
    assert "{% macro definition(l) %}" in template
    assert "{% macro call(l) %}" in template


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind != "reshape"])
def test_integer_operator_has_a_kernel(kind):
    assert f"mlut_{kind}_t" in (HEADERS / f"{kind}.h").read_text(encoding="utf-8")
    assert (CHECKOUT / "firmware" / "src" / "kernels" / f"{kind}.c").is_file()


def defined(macro: str) -> int:
    text = (HEADERS / "microlut.h").read_text(encoding="utf-8")
    found = re.search(rf"^#define {macro} (\d+)u?$", text, re.MULTILINE)
    assert found is not None, macro
    return int(found[1])


def test_abi_number_is_the_engines():
    assert defined("MLUT_ABI") == ABI


def test_alignment_is_the_engines():
    assert defined("MLUT_ALIGNMENT") == ALIGNMENT


def test_every_board_has_its_port():
    for name in list_boards():
        assert (CHECKOUT / "firmware" / "port" / load_board(name).port).is_dir()


def test_every_core_but_the_host_has_a_board():
    assert {load_board(name).core for name in list_boards()} == set(Core)


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


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_named_paths_exist(page):
    if page.name == "CHANGELOG.md":
        return  # tells of files that are gone
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


def test_wheel_carries_every_data_folder():
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("boards", "firmware", "templates"):
        assert f'{name} = "microlut/_data/{name}"' in text
        assert resources.data_folder(name) == CHECKOUT / name
    assert 'LICENSE = "microlut/_data/LICENSE"' in text
    assert resources.license_file() == CHECKOUT / "LICENSE"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_module_has_at_most_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_only_the_command_line_prints_or_exits():
    # separate_process is a program of its own: the child that reads HDF5
    allowed = {"cli/terminal.py", "separate_process.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name not in allowed and path.parent.name != "cli":
            code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            assert not re.search(r"\bprint\(|\bsys\.exit\(", code), path
