"""The tuple of operators: what follows from it, and what is refused."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from engine_batch import M4
from harness import check_c

from microlut import ops
from microlut.ops.base import FloatOp

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


def test_page_of_operators_is_up_to_date():
    from list_operators import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_operators.py"


def test_page_of_layers_is_up_to_date():
    from list_layers import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_layers.py"


def test_page_of_tflite_operators_is_up_to_date():
    from list_tflite_operators import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_tflite_operators.py"


def test_every_file_of_an_operator_is_listed():
    shared = {
        *("__init__", "activation", "arrays", "base", "broadcast", "builtin", "fixed_point"),
        *("elementwise", "json_arrays", "linear", "movement", "movement_builtins", "overlap"),
        *("tensor", "weighted", "weights", "windows"),
        *("cells", "integer_cells", "recurrent_export", "recurrent_gates"),
    }
    files = {path.stem for path in (ROOT / "converter/microlut/ops").glob("*.py")}
    assert files - shared == set(ops.OPERATORS)
    assert len(ops.OPERATORS) == len(set(ops.OPERATORS))


def test_every_operator_has_tests_of_all_its_forms():
    files = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    # Tables and functions of two operands have the tests of the operators that become one, as the
    # integer form of recurrent layers has.
    # In test_int16.py, or in test_own_int16.py.
    of_16_bits = {"rectify_16", "requantize", "sigmoid_16", "softmax_16", "table_16"}
    assert {*ops.OPERATORS} - files == {"binary", "recurrent_integer", "table", *of_16_bits}


@pytest.mark.qemu
def test_some_cases_of_every_operator_equal_integer_on_cortex_m4(tmp_path: Path):
    modules = (import_module(path.stem) for path in sorted(Path(__file__).parent.glob("test_*.py")))
    tested = [module for module in modules if "test_c_equals_integer_on_cortex_m4" in vars(module)]
    assert len(tested) > 30
    cases = [
        replace(case, name=f"{module.__name__}_{case.name}")
        for module in tested
        for case in module.CASES[:: max(1, len(module.CASES) - 1)]  # the first and the last one
    ]
    check_c(cases, tmp_path, M4)


def test_operator_that_lacks_a_method_is_refused_by_name():
    class Half(FloatOp):
        becomes = "half"

    with pytest.raises(TypeError, match="Half"):
        Half()
