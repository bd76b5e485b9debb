"""Tables that are exported as operators of TensorFlow Lite, at scales that differ by any factor."""

import numpy as np
import pytest

from microlut.codegen.tflite import to_tflite
from microlut.integer import QNode, QuantizedGraph, from_bytes, to_bytes
from microlut.integer import evaluate as integers
from microlut.ops.gates import Gelu, HardSilu
from microlut.ops.prelu import Prelu
from microlut.ops.rectifiers import BoundedRelu, Elu, LeakyRelu
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tanh import Tanh
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.unary import Abs, Exp, Log, Sqrt
from microlut.verification.runtimes import run_tflite_micro

BYTES = np.arange(-128, 128, dtype=np.int8)


def single(value):
    return float(np.float32(value))


def network(op, source, target):
    x, y = Tensor("x", (256,), "int8", source), Tensor("y", (256,), "int8", target)
    made = op.quantize([x], [y])
    made.check([x], [y])
    return QuantizedGraph("g", (x,), (QNode("y", made, ("x",), (y,)),), ("y",))


def results(graph):
    given = from_bytes({"x": graph.inputs[0]}, BYTES[None])
    return given, to_bytes(integers.outputs(graph, given))


@pytest.mark.parametrize("seed", range(8))
def test_tables_equal_tflite_micro_at_any_scales(seed):
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-5, 4)
    other = scale * 10 ** rng.uniform(-2, 2) if seed % 4 else 10 ** rng.uniform(-5, 4)
    source = Quantization(single(scale), int(rng.integers(-128, 128)))
    target = Quantization(single(other), int(rng.integers(-128, 128)))
    slope = single(rng.uniform(0, 3) * 10 ** rng.uniform(-3, 2))
    slopes = rng.normal(0, 1, 256).astype(np.float32)
    ops = [HardSilu(), LeakyRelu(slope), LeakyRelu(-slope), Elu(), Elu(slope), Abs(), Prelu(slopes)]
    for op in ops:
        if target.scale < op.smallest_scale([source.scale]):
            continue
        graph = network(op, source, target)
        given, wanted = results(graph)
        np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), given), wanted)


@pytest.mark.parametrize("zero_point", [-128, 0, 5, 127])
@pytest.mark.parametrize(
    "scale", [2.0**-28, 3.7e-9, 4.4e-10, 1e-20, 1e-5, 0.1, 3.4e10, 3.5e10, 1e30]
)
@pytest.mark.parametrize(
    ("op", "target"), [(Sigmoid(), Quantization(2**-8, -128)), (Tanh(), Quantization(2**-7, 0))]
)
def test_bounded_functions_equal_tflite_micro_at_any_scales(op, target, scale, zero_point):
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    graph = network(op, Quantization(single(scale), zero_point), target)
    given, wanted = results(graph)
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), given), wanted)


WORDS = np.arange(-32768, 32768, dtype=np.int16)


def wide_network(op, source, target):
    ends = [
        Tensor(name, (4, 4096, 4), "int16", Quantization(single(scale), 0))
        for name, scale in (("x", source), ("y", target))
    ]
    made = op.quantize(ends[:1], ends[1:])
    made.check(ends[:1], ends[1:])
    return QuantizedGraph("g", (ends[0],), (QNode("y", made, ("x",), (ends[1],)),), ("y",))


def check_all_words(graph):
    given = from_bytes({"x": graph.inputs[0]}, WORDS.view(np.int8)[None])
    wanted = to_bytes(integers.outputs(graph, given))
    if not graph.tflite_lacks():
        pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
        np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), given), wanted)
    return wanted.view(np.int16)


@pytest.mark.parametrize("seed", range(4))
def test_rectifiers_of_int16_equal_tflite_micro_at_any_scales(seed):
    rng = np.random.default_rng(seed)
    scale = single(10 ** rng.uniform(-5, 2))
    other = single(scale * 10 ** rng.uniform(-3, 2) if seed % 4 else 10 ** rng.uniform(-6, 2))
    slope = single(rng.uniform(0, 3) * 10 ** rng.uniform(-3, 2))
    for op in (LeakyRelu(slope), Abs(), Prelu(rng.normal(0, 1, 4).astype(np.float32))):
        if other >= op.smallest_scale([257 * scale]):
            check_all_words(wide_network(op, scale, other))


@pytest.mark.parametrize("scale", [2.6666663, 2.0, 1e-3, 2.0**-12, 2.0**-11, 1e-9, 3.8e-14])
@pytest.mark.parametrize("op", [Sigmoid(), Tanh()], ids=["sigmoid", "tanh"])
def test_bounded_functions_of_int16_equal_tflite_micro_at_any_scales(op, scale):
    graph = wide_network(op, scale, 2.0**-15)
    assert not graph.tflite_lacks()
    check_all_words(graph)


@pytest.mark.parametrize(("op", "middle"), [(Sigmoid(), 16384), (Tanh(), 0)])
def test_bounded_functions_of_int16_are_constant_where_devices_shift_wrongly(op, middle):
    for scale in (3.7e-14, 1e-30):
        graph = wide_network(op, scale, 2.0**-15)
        assert graph.tflite_lacks()
        assert set(check_all_words(graph).ravel().tolist()) == {middle}


@pytest.mark.parametrize("scales", [(1e-38, 1.0), (1e37, 1e-30), (1e-30, 1e30), (3.0, 1e-37)])
@pytest.mark.parametrize(
    "op",
    [
        *(HardSilu(), LeakyRelu(-1e30), LeakyRelu(3.0), BoundedRelu(1e-20, 1e20, -3.0)),
        *(Elu(), Abs(), Exp(), Sqrt(), Log(), Gelu(True)),
    ],
    ids=lambda op: type(op).__name__,
)
def test_a_huge_ratio_is_rounded_as_documented(op, scales):
    source, target = (Quantization(single(scale), 5) for scale in scales)
    _, found = results(network(op, source, target))
    x = source.scale * (BYTES.astype(np.float64) - 5)
    with np.errstate(all="ignore"):
        steps = op.real(np.clip(x, *op.domain)) / target.scale
    wanted = np.clip(np.sign(steps) * np.floor(np.abs(steps) + 0.5) + 5, -128, 127)
    assert np.abs(found[0] - wanted).max() <= 1  # kernels of TensorFlow Lite round twice


def test_inputs_beyond_a_domain_have_the_result_at_its_end():
    scale = Quantization(0.5, 0)
    for op, limit in ((Sqrt(), 0), (Log(), -128)):
        _, found = results(network(op, scale, scale))
        assert (found[0, BYTES <= 0] == limit).all()
