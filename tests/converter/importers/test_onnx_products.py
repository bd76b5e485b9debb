"""Products of two tensors in ONNX models: equal to the reference, or refused if there are many."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import microlut
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.batch import Batch
from microlut.importers import import_model
from microlut.integer import to_bytes
from microlut.integer.evaluate import outputs as integer_outputs
from microlut.integer.values import quantized_inputs
from microlut.verification.runtimes import run_tflite_micro
from onnx_models import computed, float_error, model_of, node, save

RNG = np.random.default_rng(0)
SHAPES = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (2, 3, 4, 5)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)),
    ((1, 1), (1, 6)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products(tmp_path, left, right):
    """Both are made of one input, so that the batch stays apart."""
    nodes = [
        node("MatMul", ["x", RNG.normal(size=(6, size)).astype(np.float32)], f"{name}0")
        for name, size in (("a", np.prod(left)), ("b", np.prod(right)))
    ]
    nodes += [
        node("Reshape", ["a0", np.array(left)], "a"),
        node("Reshape", ["b0", np.array(right)], "b"),
        node("MatMul", ["a", "b"], "y0"),
        node("Reshape", ["y0", np.array([1, -1])], "y"),
    ]
    assert float_error(save(model_of(nodes, {"x": [1, 6]}), tmp_path)) < 1e-5


GEMMS = {
    "plain": ([3, 4], [4, 5], {}),
    "scaled": ([3, 4], [4, 5], {"alpha": 0.5, "beta": 2.0}),
    "turned": ([4, 3], [5, 4], {"transA": 1, "transB": 1}),
    "right": ([3, 4], [5, 4], {"transB": 1}),
}


@pytest.mark.parametrize("case", GEMMS)
def test_gemm_of_three_inputs(tmp_path, case):
    """All of a fixed size: no dimension is a batch."""
    left, right, options = GEMMS[case]
    nodes = [node("Gemm", ["a", "b", "c"], "y", **options)]
    path = save(model_of(nodes, {"a": left, "b": right, "c": [3, 5]}), tmp_path)
    x = {
        name: RNG.normal(size=(1, *shape)).astype(np.float32)
        for name, shape in {"a": left, "b": right, "c": [3, 5]}.items()
    }
    found = computed(import_model(path), x)["y"][0]
    a, b, c = (values[0] for values in x.values())
    left = a.T if options.get("transA") else a
    right = b.T if options.get("transB") else b
    wanted = options.get("alpha", 1.0) * left @ right + options.get("beta", 1.0) * c
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def attention(steps, size):
    """Return one head of attention over steps [1, steps, size], and what follows."""
    parts = [
        node("MatMul", ["x", RNG.normal(size=(size, size)).astype(np.float32)], name)
        for name in ("q", "k", "v")
    ]
    return [
        *parts,
        node("Transpose", ["k"], "t", perm=[0, 2, 1]),
        node("MatMul", ["q", "t"], "s0"),
        node("Div", ["s0", np.float32(sqrt(size))], "s"),
        node("Softmax", ["s"], "p", axis=-1),
        node("MatMul", ["p", "v"], "o"),
        node("Add", ["o", "x"], "y"),
    ]


def test_attention_at_8_bits(tmp_path):
    path = save(model_of(attention(6, 8), {"x": ["n", 6, 8]}), tmp_path)
    assert (
        float_error(save(model_of(attention(6, 8), {"x": [1, 6, 8]}), tmp_path, "one.onnx")) < 1e-5
    )
    x = RNG.normal(size=(64, 6, 8)).astype(np.float32) / 4
    made = microlut.convert(path, x, bits=8, distill=False)
    q = quantized_inputs(made.quantized, Batch({"x": x[:4]}))
    found = to_bytes(integer_outputs(made.quantized, q))
    assert made.tflite is not None
    np.testing.assert_array_equal(run_tflite_micro(made.tflite, q), found)


def test_many_products_are_refused(tmp_path):
    path = save(model_of(attention(100, 16), {"x": [1, 100, 16]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="of 160000 products; supported are 65536"):
        import_model(path)


def test_shapes_that_do_not_fit(tmp_path):
    nodes = [node("Transpose", ["x"], "t", perm=[0, 2, 1]), node("MatMul", ["x", "x"], "y")]
    with pytest.raises(InvalidInput, match="multiplies"):
        import_model(save(model_of(nodes, {"x": [1, 3, 4]}), tmp_path))
