"""Operators between int16 tensors that TensorFlow Lite has not on devices: the definitions.

docs/reference/format.md has them; plain programs repeat them here.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness import HOST, M4, Case, check_c

from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph, load, save
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.base import FloatOp, OwnOp
from microlut.ops.gates import Gelu, HardSilu, Mish, Silu
from microlut.ops.rectifiers import BoundedRelu, Elu, LeakyRelu, Selu
from microlut.ops.resize_bilinear import Alignment, ResizeBilinear, position
from microlut.ops.saturating import HardSigmoid, Softplus, Softsign
from microlut.ops.table_16 import QTable16
from microlut.ops.tensor import Quantization, Tensor, dequantize_array
from microlut.ops.unary import Exp, Log, Reciprocal, Sin, Sqrt, Square


def case(name: str, op: FloatOp, shape: tuple[int, ...], spread: float = 1.0) -> Case:
    return Case(name, op, (shape,), spreads=(spread,), dtype="int16")


TABLES = (
    case("elu", Elu(), (300,), 3.0),
    case("elu_alpha", Elu(0.5), (4, 5)),
    case("selu", Selu(), (300,)),
    case("gelu", Gelu(), (300,), 2.0),
    case("silu", Silu(), (6, 5, 3), 4.0),
    case("hard_silu", HardSilu(), (300,), 2.0),
    case("mish", Mish(), (40,)),
    case("hard_sigmoid", HardSigmoid(), (40,)),
    case("softplus", Softplus(), (40,), 9.0),
    case("softsign", Softsign(), (40,)),
    case("relu_max", BoundedRelu(maximum=1.5, slope=0.1), (40,)),
    case("leaky_backwards", LeakyRelu(-0.5), (40,)),
    case("exp", Exp(), (40,)),
    case("sin", Sin(), (40,), 3.0),
    case("square", Square(), (40,)),
)
RESIZED = (
    case("larger", ResizeBilinear(9, 7), (4, 5, 3)),
    case("smaller", ResizeBilinear(3, 2), (5, 7, 2)),
    case("corners", ResizeBilinear(8, 5, "corners"), (3, 5, 1)),
    case("origin", ResizeBilinear(6, 10, "origin"), (3, 5, 4), 30.0),
)
CASES = (*TABLES, *RESIZED)


def test_c_equals_integer_on_this_computer(tmp_path: Path):
    check_c(CASES, tmp_path, HOST)


@pytest.mark.sweep  # where only the usual tests run, test_operators.py has some cases
@pytest.mark.qemu
def test_c_equals_integer_on_cortex_m4(tmp_path: Path):
    check_c(CASES, tmp_path, M4)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_it_is_an_operator_that_tensorflow_lite_lacks(one: Case):
    (node,) = one.quantized.nodes
    assert isinstance(node.op, OwnOp)
    assert node.name in one.quantized.tflite_lacks()


@pytest.mark.parametrize("one", CASES[::4], ids=lambda one: one.name)
def test_it_is_the_same_when_it_is_loaded(one: Case, tmp_path: Path):
    save(one.quantized, tmp_path / "model.json")
    again = load(tmp_path / "model.json")
    check_graph(again)
    save(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "model.json").read_bytes()


def halves_away(x: float) -> int:
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def entries(function: Callable[[float], float], scale: float, step: float) -> list[int]:
    """Return the entries of a table for input and output scales."""

    def result(x: int) -> float:
        return min(max(function(scale * x) / step, -32768.0), 32767.0)

    found = []
    for x in range(-32768, 32768, 128):
        here = halves_away(result(x))
        straight = halves_away((here + result(x + 128)) / 2)
        error = straight - halves_away(result(x + 64))
        found.append(here - halves_away(error / 2))
    found.append(halves_away(result(32768)))
    return [min(max(y, -32768), 32767) for y in found]


@pytest.mark.parametrize(
    ("one", "function"),
    [
        (TABLES[0], lambda x: x if x > 0 else math.expm1(x)),
        (TABLES[5], lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0)),
        (TABLES[-1], lambda x: x * x),
    ],
    ids=["elu", "hard_silu", "square"],
)
def test_table_is_the_documented_one(one: Case, function: Callable[[float], float]):
    (node,), (x,) = one.quantized.nodes, one.quantized.inputs
    assert isinstance(node.op, QTable16)
    table = entries(function, x.scale, node.outputs[0].scale)
    assert node.op.values.tolist() == table
    given = np.arange(-32768, 32768, dtype=np.int16).reshape(-1, 1)
    wanted = []
    for value in given[:, 0].tolist():
        at, part = divmod(value + 32768, 128)
        wanted.append(table[at] + ((table[at + 1] - table[at]) * part + 64) // 128)
    (found,) = node.op.evaluate([given], [x], node.outputs)
    assert found[:, 0].tolist() == wanted


def all_values(graph: QuantizedGraph) -> tuple[np.ndarray, np.ndarray]:
    """Return all real inputs of an operator on one vector, and the real results of its table."""
    (node,), (x,) = graph.nodes, graph.inputs
    given = np.arange(-32768, 32768, dtype=np.int16).reshape(1, -1)
    (found,) = node.op.evaluate([given], [x], node.outputs)
    return dequantize_array(given, x.quantized), dequantize_array(found, node.outputs[0].quantized)


@pytest.mark.parametrize("one", TABLES[:10], ids=lambda one: one.name)
def test_interpolation_is_nearer_than_int8(one: Case):
    x, found = all_values(one.quantized)
    (wanted,) = one.op.evaluate([x])
    scale = one.quantized.nodes[0].outputs[0].scale
    inside = np.abs(wanted) < 32000 * scale
    error = np.abs(found - wanted)[inside]
    assert error.max() < 257 * scale / 4  # a step of int8 is 257 of these
    assert np.sqrt(np.square(error).mean()) < 5 * scale


@pytest.mark.parametrize("op", [Log(), Sqrt(), Reciprocal()], ids=["log", "sqrt", "reciprocal"])
def test_table_is_finite_where_a_function_is_not(op: FloatOp):
    x = Tensor("x", (4,), "int16", Quantization(1e-3, 0))
    y = Tensor("y", (4,), "int16", Quantization(1e-3, 0))
    made = op.quantize([x], [y])
    given = np.arange(-32768, 32768, dtype=np.int16)
    (found,) = made.evaluate([given], [x], [y])
    made.check([x], [y])
    right = np.abs(
        dequantize_array(found, y.quantized) - op.evaluate([np.float32(1e-3) * given])[0]
    )
    assert right[-20000:].max() < 0.01


def test_results_beyond_double_precision_are_limited():
    x = Tensor("x", (4,), "int16", Quantization(0.02, 0))
    y = Tensor("y", (4,), "int16", Quantization(1e-30, 0))
    with np.errstate(all="raise"):
        made = Exp().quantize([x], [y])
    assert made.values.tolist()[-1] == 32767


def test_function_that_is_undefined_is_refused():
    class Undefined(Sqrt):
        domain = (-math.inf, math.inf)

    x = Tensor("x", (4,), "int16", Quantization(1e-3, 0))
    with pytest.raises(UnsupportedModel, match=r"not defined for -32.768"):
        Undefined().quantize([x], [x])


def along(places: int, size: int, alignment: Alignment) -> list[tuple[int, int, int]]:
    step, start = position(size, places, alignment)
    found = []
    for i in range(places):
        low, part = divmod(max(start + step * i, 0), 1024)
        found.append((low, low + 1, part) if low < size - 1 else (size - 1, size - 1, 0))
    return found


@pytest.mark.parametrize("one", RESIZED, ids=lambda one: one.name)
def test_bilinear_resizing_is_the_documented_one(one: Case):
    assert isinstance(one.op, ResizeBilinear)
    (source,), (target,) = one.quantized.inputs, one.quantized.nodes[0].outputs
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-32768, 32767, 5, -77], np.int16), (1, *source.shape))
    found = integers.outputs(one.quantized, Batch({source.name: x})).arrays[target.name]
    rows = along(one.op.height, source.shape[0], one.op.alignment)
    columns = along(one.op.width, source.shape[1], one.op.alignment)
    for y, (top, bottom, down) in enumerate(rows):
        for z, (left, right, across) in enumerate(columns):
            for c in range(source.shape[2]):
                corners = [int(x[0, i, j, c]) for i in (top, bottom) for j in (left, right)]
                shares = [a * b for a in (1024 - down, down) for b in (1024 - across, across)]
                total = sum(a * b for a, b in zip(corners, shares, strict=True))
                assert found[0, y, z, c] == halves_away(total / 2**20)
