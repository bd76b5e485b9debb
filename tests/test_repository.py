"""Consistency of the repository: facts stated in several places agree, and links resolve."""

from __future__ import annotations

import ast
import re
from dataclasses import is_dataclass
from importlib import import_module
from inspect import isabstract
from pathlib import Path

import pytest
import yaml

from microlut.board.board import Core, list_boards, load_board
from microlut.codegen.render import ABI
from microlut.ops import FLOAT_OPERATORS, INTEGER_OPERATORS, OPERATORS, kind_of
from microlut.ops.base import FloatOnly, FloatOp, IntegerOp
from microlut.ops.linear import QLinear
from microlut.plan.buffers import ALIGNMENT
from microlut.support import resources

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "converter" / "microlut"
HEADERS = CHECKOUT / "firmware/include/microlut"

KINDS = {op: kind_of(op) for op in INTEGER_OPERATORS}
# Passes replace these, so that no later stage sees them.
FOLDED = {"BatchNorm", "Identity"}


def text_of(*names: str) -> str:
    return "\n".join((PACKAGE / name).read_text(encoding="utf-8") for name in names)


def names_in(*modules: str) -> set[str]:
    """Return the names that the code of modules uses, imports left out."""
    nodes = ast.walk(ast.parse(text_of(*modules)))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def test_there_are_operators_to_check():
    assert len(FLOAT_OPERATORS) >= 12
    assert len(KINDS) >= 9
    assert {op for op in INTEGER_OPERATORS if issubclass(op, QLinear)} < set(KINDS)


def test_every_module_of_operators_is_in_the_list():
    listed = {op.__module__ for op in (*FLOAT_OPERATORS, *INTEGER_OPERATORS)}
    assert listed == {f"microlut.ops.{name}" for name in OPERATORS}
    modules = (import_module(f"microlut.ops.{p.stem}") for p in (PACKAGE / "ops").glob("[a-z]*.py"))
    defining = {
        value.__module__
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, FloatOp | IntegerOp)
        and is_dataclass(value)
    }
    assert defining == listed


@pytest.mark.parametrize("op", (*FLOAT_OPERATORS, *INTEGER_OPERATORS), ids=lambda op: op.__name__)
def test_operator_lacks_no_method(op):
    assert not isabstract(op)


def test_kinds_are_told_apart():
    assert len(set(KINDS.values())) == len(KINDS)


@pytest.mark.parametrize("op", FLOAT_OPERATORS, ids=lambda op: op.__name__)
def test_float_operator_is_quantized_or_folded(op):
    assert issubclass(op, FloatOnly) is (op.__name__ in FOLDED)


@pytest.mark.parametrize("name", sorted(FOLDED))
def test_folded_operator_is_folded_by_a_pass(name):
    passes = [f"graph/passes/{path.name}" for path in (PACKAGE / "graph" / "passes").glob("*.py")]
    assert name in names_in(*passes)


@pytest.mark.parametrize("kind", KINDS.values())
def test_integer_operator_has_a_template(kind):
    template = (CHECKOUT / "templates" / "ops" / f"{kind}.c.j2").read_text(encoding="utf-8")
    assert "{% macro definition(l) %}" in template
    assert "{% macro call(l) %}" in template


@pytest.mark.parametrize("kind", [k for k in KINDS.values() if k not in ("reshape", "scale")])
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


def test_every_module_of_tests_has_a_name_of_its_own():
    # pytest imports them by that name, from whatever folder
    names = [p.name for p in (CHECKOUT / "tests").rglob("*.py") if p.name != "conftest.py"]
    assert [name for name in names if names.count(name) > 1] == []


def test_only_the_command_line_prints_or_exits():
    # separate_process is a program of its own: the child that reads HDF5
    allowed = {"cli/terminal.py", "separate_process.py"}
    for path in PACKAGE.rglob("*.py"):
        if path.name not in allowed and path.parent.name != "cli":
            code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            assert not re.search(r"\bprint\(|\bsys\.exit\(", code), path


@pytest.mark.parametrize("name", ["ci", "nightly", "release"])
def test_workflows_call_what_there_is(name):
    text = (CHECKOUT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"].values()
    matrix = [
        word
        for job in jobs
        for word in job.get("strategy", {}).get("matrix", {}).get("command", ())
    ]
    steps = [step.get("run", "") for job in jobs for step in job["steps"]]
    called = set(re.findall(r"\bmake ([\w-]+)", "\n".join((*matrix, *steps))))
    called -= {"python3"}  # `apt-get install make python3`
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert called <= set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert called or ".ci/run" in text


def test_hooks_call_what_make_check_calls():
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    for hook in hooks["repos"][0]["hooks"]:
        program = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f"$(BIN)/{program}" in makefile
