"""Functions that exporters write as several operators become one."""

import numpy as np
import pytest

from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.gates import Gelu, HardSilu, Mish, Silu
from microlut.ops.tile import Tile
from microlut.ops.transpose import Transpose
from onnx_models import float_error, model_of, node, save


def number(value):
    return np.float32(value)


def hard_swish(factor_last):
    three = [node("Add", ["x", number(3)], "a"), node("Clip", ["a", number(0), number(6)], "b")]
    if factor_last:
        return [*three, node("Mul", ["x", "b"], "c"), node("Div", ["c", number(6)], "y")]
    return [*three, node("Div", ["b", number(6)], "c"), node("Mul", ["c", "x"], "y")]


def gelu(half_first):
    root = number(np.sqrt(2))
    inner = [
        node("Div", ["x", root], "a"),
        node("Erf", ["a"], "b"),
        node("Add", ["b", number(1)], "c"),
    ]
    if half_first:
        return [*inner, node("Mul", ["x", number(0.5)], "h"), node("Mul", ["h", "c"], "y")]
    return [*inner, node("Mul", ["x", "c"], "d"), node("Mul", ["d", number(0.5)], "y")]


CASES = {
    "silu": ([node("Sigmoid", ["x"], "s"), node("Mul", ["x", "s"], "y")], Silu()),
    "silu_reversed": ([node("Sigmoid", ["x"], "s"), node("Mul", ["s", "x"], "y")], Silu()),
    "hard_swish": (hard_swish(True), HardSilu()),
    "hard_swish_gate": (hard_swish(False), HardSilu()),
    "hard_swish_of_one_operator": (
        [node("HardSigmoid", ["x"], "s", alpha=1 / 6), node("Mul", ["x", "s"], "y")],
        HardSilu(),
    ),
    "mish": (
        [node("Softplus", ["x"], "s"), node("Tanh", ["s"], "t"), node("Mul", ["x", "t"], "y")],
        Mish(),
    ),
    "gelu": (gelu(False), Gelu()),
    "gelu_half_first": (gelu(True), Gelu()),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [[1, 3, 4, 5], [1, 7]], ids=["picture", "vector"])
def test_one_operator_is_left(case, shape, tmp_path):
    nodes, wanted = CASES[case]
    path = save(model_of(nodes, {"x": shape}), tmp_path)
    assert [each.op for each in run_passes(import_model(path)).nodes] == [wanted]
    assert float_error(path) < 1e-5


def test_other_numbers_are_other_functions(tmp_path):
    nodes = [node("HardSigmoid", ["x"], "s", alpha=0.2), node("Mul", ["x", "s"], "y")]
    path = save(model_of(nodes, {"x": [1, 7]}), tmp_path)
    assert len(run_passes(import_model(path)).nodes) == 2
    assert float_error(path) < 1e-5


@pytest.mark.parametrize("first", [False, True])
def test_squeeze_and_excitation_with_expand_needs_no_copy(tmp_path, first):
    """PyTorch's expand_as before a product: as in the first implementations."""
    rng = np.random.default_rng(0)
    dense = [rng.normal(size=shape).astype(np.float32) for shape in ((8, 2), (2, 8))]
    gate = ["wide", "c"] if first else ["c", "wide"]
    nodes = [
        node("Conv", ["x", rng.normal(size=(8, 3, 3, 3)).astype(np.float32)], "c"),
        node("GlobalAveragePool", ["c"], "mean"),
        node("Flatten", ["mean"], "flat"),
        node("Gemm", ["flat", dense[0]], "few"),
        node("Gemm", ["few", dense[1]], "many"),
        node("Sigmoid", ["many"], "gate"),
        node("Reshape", ["gate", np.array([-1, 8, 1, 1])], "picture"),
        node("Expand", ["picture", np.array([1, 8, 6, 6])], "wide"),
        node("Mul", gate, "scaled"),
        node("Conv", ["scaled", rng.normal(size=(4, 8, 1, 1)).astype(np.float32)], "y"),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 8, 8]}), tmp_path)
    assert float_error(path) < 1e-5
    left = run_passes(import_model(path)).nodes
    assert not [each.name for each in left if isinstance(each.op, Tile | Transpose)]


def test_a_repetition_for_other_operators_stays(tmp_path):
    """Values that are repeated, and what another operator reads."""
    nodes = [
        node("ReduceMean", ["x", np.array([2])], "mean"),
        node("Tile", ["mean", np.array([1, 2, 5])], "wide"),
        node("Concat", ["x", "x"], "two", axis=1),
        node("Mul", ["two", "wide"], "y"),
    ]
    assert float_error(save(model_of(nodes, {"x": [1, 3, 5]}), tmp_path)) < 1e-5
