"""Every operator has one kernel, with a module and a template of its name."""

import pytest

from kernel_calls import call
from microlut.ops import FLOAT_OPERATORS, INTEGER_OPERATORS, kind_of
from microlut.ops.base import FloatOnly
from microlut.ops.relu import QRelu
from microlut.plan.kernels import KERNELS, Tile, kernel_of
from microlut.plan.kernels.base import Kernel
from microlut.support.resources import data_folder
from planned_nets import QJoin


class QUnheardOf(QJoin):
    kind = "unheard_of"


@pytest.mark.parametrize("op", INTEGER_OPERATORS, ids=lambda op: op.__name__)
def test_integer_operator_has_a_kernel_in_a_module_of_its_name(op: type):
    kind = kind_of(op)
    assert [type(k).__module__ for k in KERNELS].count(f"microlut.plan.kernels.{kind}") == 1
    assert (data_folder("templates") / "ops" / f"{kind}.c.j2").is_file()


@pytest.mark.parametrize(
    "op",
    [op for op in FLOAT_OPERATORS if not issubclass(op, FloatOnly)],
    ids=lambda op: op.__name__,
)
def test_sizes_of_a_float_operator_can_be_checked(op: type):
    assert kernel_of(object.__new__(op)) in KERNELS


def test_operator_without_a_kernel_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="operator QUnheardOf has no kernel"):
        kernel_of(object.__new__(QUnheardOf))


@pytest.mark.parametrize("method", sorted(Kernel.__abstractmethods__))
def test_kernel_that_lacks_a_method_cannot_be_made(method: str):
    names = Kernel.__abstractmethods__ - {method}
    partial = type("Partial", (Kernel,), {name: lambda *_: None for name in names})
    with pytest.raises(TypeError, match=f"abstract method '?{method}"):
        partial()


def test_operator_without_weights_needs_no_scratch():
    one = call(QRelu(0, 127), (4,), (4,))
    assert list(kernel_of(one.op).tiles(one)) == [Tile(0, 0)]
