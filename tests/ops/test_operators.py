"""The tuple of operators: what follows from it, and what is refused."""

import sys
from pathlib import Path

import pytest

from microlut import ops
from microlut.ops.base import FloatOp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


def test_page_of_operators_is_up_to_date():
    from list_operators import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_operators.py"


def test_every_file_of_an_operator_is_listed():
    shared = {
        *("__init__", "activation", "arrays", "base", "broadcast", "builtin", "fixed_point"),
        *("elementwise", "json_arrays", "linear", "movement", "movement_builtins", "overlap"),
        *("tensor", "weighted", "weights", "windows"),
        *("cells", "integer_cells", "recurrent_export", "recurrent_gates"),
    }
    files = {path.stem for path in (ROOT / "converter/microlut/ops").glob("*.py")}
    assert files - shared == set(ops.OPERATORS)


def test_every_operator_has_tests_of_all_its_forms():
    files = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    # Tables and functions of two operands have the tests of the operators that become one.
    assert {*ops.OPERATORS} - files == {"binary", "table"}


def test_operator_that_lacks_a_method_is_refused_by_name():
    class Half(FloatOp):
        becomes = "half"

    with pytest.raises(TypeError, match="Half"):
        Half()
