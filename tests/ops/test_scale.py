"""A tensor times a positive number, and means of several tensors, in all their forms."""

import numpy as np
import pytest
from harness import Case, check_keras, in_a_row, layer, operator_tests

from graphs import run_integer
from microlut.graph.batch import Batch
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer.check import check_graph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.maximum import Maximum
from microlut.ops.scale import QScale, Scale
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

TANH = layer("Activation", activation="tanh")  # on an input, a scale would be its quantization's
RESCALING = in_a_row(TANH, layer("Rescaling", scale=0.25))
PIXELS = in_a_row(TANH, layer("Rescaling", scale=1 / 255))
CASES = (
    Case("picture", Scale(0.25), ((5, 7, 3),), RESCALING, spreads=(3.0,)),
    Case("vector", Scale(0.25), ((33,),), RESCALING),
    Case("pixels", Scale(float(np.float32(1 / 255))), ((4, 6),), PIXELS),
    Case("many_times", Scale(1234.5), ((2, 3, 4, 5),), spreads=(1e-3,)),
    Case("one_value", Scale(3.0), ((1,),)),
)
(
    test_float_equals_keras,
    test_training_equals_float,
    test_integer_equals_tflite_micro,
    test_c_equals_integer_on_this_computer,
    test_c_equals_integer_on_cortex_m4,
) = operator_tests(CASES)


@pytest.mark.keras
@pytest.mark.parametrize("count", [2, 3, 5])
def test_average_is_a_sum_in_another_scale(count):
    shapes = ((2, 2, 4), (1, 1, 4), (2, 2, 1), (2, 2, 4), (1, 2, 1))[:count]
    factor = float(np.float32(1 / count))
    check_keras(Case(f"average{count}", Scale(factor), shapes, layer("Average")))


@pytest.mark.keras
def test_activation_after_an_average_is_fused_into_the_sum():
    average = in_a_row(layer("Average"), layer("ReLU"))
    check_keras(Case("relu", Add(ActivationKind.RELU), ((6, 3), (6, 3)), average))


@pytest.mark.keras
def test_average_is_folded_into_the_layer_after_it(keras):
    a, b = keras.Input((4,)), keras.Input((4,))
    y = keras.layers.Dense(3)(keras.layers.Average()([a, b]))
    graph = run_passes(import_model(keras.Model([a, b], y)))
    assert [type(node.op).__name__ for node in graph.nodes] == ["Add", "Dense"]


@pytest.mark.keras
def test_product_that_an_operator_of_one_scale_reads(keras):
    def apply(tensors):
        return keras.layers.Maximum()([RESCALING(tensors[:1]), tensors[1]])

    case = Case("unified", Maximum(), ((6, 3), (6, 3)), apply)
    check_keras(case)
    x, y = keras.Input((6, 3)), keras.Input((6, 3))
    graph = run_passes(import_model(keras.Model([x, y], apply([x, y]))))
    samples = Batch(
        dict(zip((t.name for t in graph.inputs), case.samples().arrays.values(), strict=True))
    )
    made = quantize(graph, calibrate(graph, samples), samples, WeightConfig())
    check_graph(made)
    product = next(node for node in made.nodes if node.op.kind == "scale")
    assert product.quantization.scale == made.tensors()[product.inputs[0]].scale / 4


def test_bytes_stay_the_same():
    x = np.array([[-128, 3, 127]], np.int8)
    assert run_integer(QScale(0.5), [x], (7,), 7).tolist() == x.tolist()
