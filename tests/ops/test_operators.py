"""The tuple of operators: what follows from it, and what is refused."""

import sys
from pathlib import Path

import pytest

from microlut import ops
from microlut.ops.base import FloatOp, IntegerOp
from microlut.plan.kernels import kernel_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


def test_page_of_operators_is_up_to_date():
    from list_operators import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_operators.py"


def test_every_file_of_an_operator_is_listed():
    shared = {
        *("__init__", "activation", "arrays", "base", "broadcast", "builtin", "fixed_point"),
        *("json_arrays", "linear", "overlap", "tensor", "weights", "windows"),
    }
    files = {path.stem for path in (ROOT / "converter/microlut/ops").glob("*.py")}
    assert files - shared == set(ops.OPERATORS)


def test_every_operator_has_tests_of_all_its_forms():
    files = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    # A table has the tests of the operators that become one.
    assert {*ops.OPERATORS} - files == {"table"}


@pytest.mark.parametrize("kind", sorted(map(ops.kind_of, ops.INTEGER_OPERATORS)))
def test_integer_operator_has_a_kernel_and_a_template(kind):
    assert (ROOT / f"templates/ops/{kind}.c.j2").is_file()
    assert (ROOT / f"converter/microlut/plan/kernels/{kind}.py").is_file()
    if kind != "reshape":
        assert (ROOT / f"firmware/src/kernels/{kind}.c").is_file()
        assert (ROOT / f"firmware/include/microlut/{kind}.h").is_file()


def test_operator_that_lacks_a_method_is_refused_by_name():
    class Half(FloatOp):
        becomes = "half"

    with pytest.raises(TypeError, match="Half"):
        Half()


def test_operator_without_a_kernel_is_refused_by_name():
    class Unknown(IntegerOp):
        kind = "unknown"

        def shapes(self, inputs):
            return inputs

        def evaluate(self, arrays, inputs, outputs):
            return arrays

        def tflite(self, inputs, outputs):
            return ()

        def check(self, inputs, outputs):
            pass

    with pytest.raises(NotImplementedError, match="Unknown has no kernel"):
        kernel_of(Unknown())
