"""The exported .tflite: TFLM and LiteRT compute the integer interpreter's bytes from it."""

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

import random_ends as several
import random_graphs as rg
from graphs import make_node, net, output_of
from microlut.codegen.tflite import to_tflite
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.integer.check import check_graph
from microlut.ops.activation import ActivationKind
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense, QDense
from microlut.ops.fixed_point import channel_multipliers
from microlut.ops.relu import Relu
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.verification.runtimes import run_tflite_micro

runtime = pytest.importorskip(
    "tflite_micro.python.tflite_micro.runtime",
    reason="needs TensorFlow Lite Micro; install it: pip install tflite-micro",
)
COUNTS = {"conv2d": 35, "depthwise_conv2d": 35}


def run_tflm(model: bytes, x: NDArray[np.int8]) -> NDArray[np.int8]:
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1_000_000)
    outputs = []
    for one in x:
        interpreter.set_input(one[None], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0))
    return np.concatenate(outputs)


def run_litert(model: bytes, x: NDArray[np.int8], kind: OpResolverType) -> NDArray[np.int8]:
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    outputs = []
    for one in x:
        interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result))
    return np.concatenate(outputs)


def check_tflm(q: QuantizedGraph, seed: int = 0) -> None:
    x = rg.int8_inputs(q, seed)
    got, wanted = run_tflm(to_tflite(q), x), int_ops.evaluate(q, x)
    assert got.shape == wanted.shape
    assert np.array_equal(got, wanted), f"{q.name}: {np.mean(got != wanted):.1%} differ"


@pytest.mark.parametrize("kind", rg.OPERATORS)
def test_tflm_equals_the_interpreter_for_every_operator(kind: str):
    for i, case in enumerate(rg.operator_cases(kind, COUNTS.get(kind, 21))):
        check_tflm(case.quantized(), i)


def test_tflm_equals_the_interpreter_for_networks():
    for i, case in enumerate(rg.network_cases(28)):
        check_tflm(case.quantized(), i)


@pytest.mark.parametrize("kind", rg.OPERATORS)
def test_litert_reference_kernels_are_within_one(kind: str):
    """Their fully connected kernel rounds once where TFLM rounds twice: hence not equal."""
    for i, case in enumerate(rg.operator_cases(kind, 14, seed=1)):
        q = case.quantized()
        x = rg.int8_inputs(q, i)
        got = run_litert(to_tflite(q), x, OpResolverType.BUILTIN_REF)
        wanted = int_ops.evaluate(q, x)
        # per-channel sums of both roundings may differ by one before ReLU and clamp, never more
        assert np.abs(got.astype(int) - wanted).max() <= (1 if kind == "dense" else 0)


def two_inputs_one_unit(rng: np.random.Generator) -> QuantizedGraph:
    """Return a layer of the int8 weights 127 and 1, which makes every sum up to 16,000."""
    weight = float(rng.uniform(0.01, 2))
    op = Dense(np.array([[weight, weight / 127]], np.float32), np.zeros(1, np.float32))
    graph = net("one", "x", (2,), (make_node("y", op, ("x",), (1,)),), "y")
    largest = 128 * rng.uniform(0.001, 1)
    top = largest * weight * rng.uniform(0.5, 1)
    ranges = Ranges({"x": (-largest, largest), "y": (-top, top)})
    return quantize(graph, ranges, np.zeros((1, 2), np.float32), WeightConfig(8))


def test_tflm_takes_the_double_product_of_a_single_unit_dense_layers_scales():
    """Search inputs whose output tells that product from a single one, then ask TFLM.

    LiteRT takes the only scale for a whole tensor's and multiplies in single precision.
    """
    rng = np.random.default_rng(0)
    first, second = np.meshgrid(np.arange(-128, 128), np.arange(-64, 63))
    x = np.stack([first, second], axis=-1).reshape(-1, 2).astype(np.int8)
    found = 0
    for _ in range(1000):
        q = two_inputs_one_unit(rng)
        node, input_scale = q.nodes[0], np.float32(q.inputs[0].scale)
        assert isinstance(node.op, QDense)
        product = input_scale * node.op.weights.scales
        multiplier, shift = channel_multipliers(1.0, product, output_of(q).scale)
        single = replace(node.op.output, multiplier=multiplier, shift=shift)
        total = node.op.accumulate(x, q.inputs[0].zero_point)
        outputs = [
            stage.requantize(total + stage.bias, output_of(q).zero_point)
            for stage in (node.op.output, single)
        ]
        telling = (outputs[0] != outputs[1])[:, 0]
        if telling.any():
            found += 1
            assert np.array_equal(run_tflm(to_tflite(q), x[telling]), outputs[0][telling])
    assert found >= 3


@pytest.mark.parametrize("states", [False, True])
def test_tflm_equals_the_interpreter_for_networks_of_several_ends(states: bool):
    kinds: set[str] = set()
    for i, q in enumerate(several.networks(28, seed=3, states=states)):
        check_graph(q)
        kinds.update(node.op.kind for node in q.nodes)
        x = rg.int8_batch(q, i, 4)
        wanted = to_bytes(int_ops.outputs(q, x))
        assert np.array_equal(run_tflite_micro(to_tflite(q), x), wanted), q.name
    assert {"concatenate", "binary", "table", "add", "conv2d", "dense", "reshape"} <= kinds


def network_of(names: tuple[str, str, str]) -> QuantizedGraph:
    """Return a network whose first layer is padded in the file, as no kind of the format fits."""
    rng = np.random.default_rng(0)
    first = Conv2D(
        rng.normal(size=(2, 2, 2, 2)).astype(np.float32),
        np.ones(2, np.float32),
        Window((2, 2), padding=Padding(2, 0, 1, 2)),
    )
    second = Conv2D(
        rng.normal(size=(2, 1, 1, 2)).astype(np.float32), np.ones(2, np.float32), Window((1, 1))
    )
    nodes = (
        make_node(names[1], first, (names[0],), (5, 6, 2)),
        make_node(names[2], second, (names[1],), (5, 6, 2)),
    )
    ranges = Ranges({names[0]: (-1.0, 2.0), names[1]: (-5.0, 3.0), names[2]: (-9.0, 9.0)})
    x = rng.normal(size=(3, 4, 4, 2)).astype(np.float32)
    return quantize(net("n", names[0], (4, 4, 2), nodes, names[2]), ranges, x, WeightConfig(4))


@pytest.mark.parametrize("suffix", ["kernel", "bias", "padded", "padded/amounts"])
def test_layer_may_have_the_name_of_another_ones_constant(suffix: str):
    check_tflm(network_of((f"a/{suffix}", "a", "b")))
    check_tflm(network_of(("x", "a", f"a/{suffix}")))


@pytest.mark.parametrize("names", [("ä", "層/1", "x*/\n"), ("", "a", "b")])
def test_layers_may_have_any_names(names: tuple[str, str, str]):
    check_tflm(network_of(names))


@pytest.mark.parametrize("kind", [ActivationKind.RELU, ActivationKind.RELU6])
@pytest.mark.parametrize("scale", [1e-9, 0.01, 0.04, 1.0, 100.0])
@pytest.mark.parametrize("low", [-1.0, -0.5, 0.0])
def test_activation_of_any_scale_is_exported(kind: ActivationKind, scale: float, low: float):
    ranges = Ranges({"x": (low * 128 * scale, (1 + low) * 128 * scale + scale)})
    graph = net("g", "x", (300,), (make_node("y", Relu(kind), ("x",), (300,)),), "y")
    check_tflm(quantize(graph, ranges, np.zeros((1, 300), np.float32), WeightConfig()))


def test_equal_graphs_give_equal_bytes():
    graphs = [next(rg.network_cases(1, seed=9)).quantized() for _ in range(2)]
    assert to_tflite(graphs[0]) == to_tflite(graphs[1])


def test_constants_are_aligned_as_the_schema_demands():
    model = to_tflite(next(rg.network_cases(1, seed=2)).quantized())
    parsed = schema.Model.GetRootAsModel(model, 0)
    checked = 0
    for i in range(parsed.BuffersLength()):
        buffer = parsed.Buffers(i)
        if buffer.DataLength():
            offset = buffer._tab.Vector(buffer._tab.Offset(4))
            assert offset % 16 == 0
            checked += 1
    assert checked >= 4


def test_input_and_output_have_the_graphs_quantization():
    q = next(rg.network_cases(1, seed=4)).quantized()
    interpreter = Interpreter(model_content=to_tflite(q))
    for details, quantization in (
        (interpreter.get_input_details()[0], q.inputs[0].quantized),
        (interpreter.get_output_details()[0], output_of(q).quantized),
    ):
        assert details["quantization"] == (quantization.scale, quantization.zero_point)


def test_scales_of_the_file_are_those_of_the_weights():
    q = network_of(("x", "a", "b"))
    interpreter = Interpreter(model_content=to_tflite(q))
    details = {d["name"]: d for d in interpreter.get_tensor_details()}
    for node, op in q.weighted():
        found = details[f"{node.name}/kernel"]["quantization_parameters"]
        assert np.array_equal(found["scales"], op.weights.scales)
        assert not found["zero_points"].any()


def test_graph_without_operators_of_its_own_still_names_input_and_output():
    q = network_of(("x", "a", "b"))
    renamed = replace(q, outputs=("a",), nodes=q.nodes[:1])
    check_tflm(renamed)


def test_dense_layer_of_more_inputs_than_16_bits_count():
    rng = np.random.default_rng(13)
    op = Dense(rng.normal(0.0, 0.01, (3, 70001)).astype(np.float32), np.zeros(3, np.float32))
    graph = net("long", "x", (70001,), (make_node("y", op, ("x",), (3,)),), "y")
    x = rng.uniform(-2.0, 2.0, (4, 70001)).astype(np.float32)
    check_tflm(quantize(graph, calibrate(graph, x), x, WeightConfig(4)))
