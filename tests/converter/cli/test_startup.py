"""What is imported before it is needed: nothing that is heavy."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import microlut

PACKAGE = Path(microlut.__file__).resolve().parent
HEAVY = {
    *("ai_edge_litert", "elftools", "h5py", "jinja2", "joblib", "matplotlib", "numpy"),
    *("pydantic", "rich", "scipy", "tensorflow", "tflite_micro", "microlut.conversion.pipeline"),
}


def python(program: str) -> str:
    """Run a program in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    return done.stdout


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that a call of the command line imports."""
    program = (
        "import contextlib, io, sys\n"
        f"sys.argv = {['microlut', *arguments]!r}\n"
        "from microlut.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as stop:\n"
        "        assert not stop.code\n"
        "assert out.getvalue()\n"
        "print(*sys.modules)\n"
    )
    return set(python(program).split())


def test_heavy_modules_are_those_of_a_conversion():
    assert {"numpy", "jinja2", "pydantic", "microlut.conversion.pipeline"} <= imported_by(
        "convert", "--help"
    )


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ()], ids=" ".join)
def test_command_without_a_verb_imports_nothing_heavy(arguments):
    assert HEAVY & imported_by(*arguments) == set()


@pytest.mark.parametrize("arguments", [("boards",), ("boards", "--json")], ids=" ".join)
def test_boards_imports_only_what_reads_them(arguments):
    assert HEAVY & imported_by(*arguments) == {"pydantic"}


def test_no_validator_is_built_before_a_board_is_read():
    program = (
        "from microlut.support.toml_file import Table; import microlut.board.board as b\n"
        "print([table.__pydantic_complete__ for table in (Table, b.Board, b.Memory)])\n"
        "b.load_board('host'); print(b.Board.__pydantic_complete__, b.Memory.__pydantic_complete__)"
    )
    assert python(program) == "[False, False, False]\nTrue False\n"


def test_package_imports_nothing_but_itself():
    found = python("import sys; before = {*sys.modules}; import microlut; print(*sys.modules)")
    assert HEAVY & set(found.split()) == set()
    own = {name for name in found.split() if name.startswith("microlut")}
    assert own == {"microlut"}


# --- the names of the package, which are imported on their first use


def test_every_name_is_known_to_type_checkers_and_at_run_time():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    typed = {"__version__": "version:VERSION"}
    for statement in block.body:
        if isinstance(statement, ast.ImportFrom):
            module = statement.module.removeprefix("microlut.")
            for alias in statement.names:
                place = module if alias.asname is None else f"{module}:{alias.name}"
                typed[alias.asname or alias.name] = place
    assert typed == microlut._PLACES
    assert sorted(typed) == sorted(microlut.__all__)


def test_no_name_is_a_modules():
    # else importing the module would replace the function of its name
    modules = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])}
    assert modules & set(microlut.__all__) == set()


def test_package_lists_its_names_before_they_are_imported():
    program = "import microlut; print({*microlut.__all__} <= {*dir(microlut)})"
    assert python(program) == "True\n"


def test_a_name_is_the_one_of_its_module():
    program = (
        "import microlut, microlut.project as p; from microlut import load_board as b\n"
        "import microlut.board.board as boards\n"
        "print(microlut.write is p.write_project, b is boards.load_board)"
    )
    assert python(program) == "True True\n"


def test_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'microlut' has no attribute 'konvert'"):
        _ = microlut.konvert


def test_analysis_imports_neither_tensorflow_nor_scipy():
    model = str(PACKAGE.parents[1] / "examples" / "digits" / "digits.keras")
    found = imported_by("analyze", model)
    assert {"tensorflow", "scipy", "keras"} & found == set()
