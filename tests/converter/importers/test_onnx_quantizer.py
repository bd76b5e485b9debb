"""Files of ONNX Runtime's static quantizer: within one step of ONNX Runtime at 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

import microlut
from microlut.importers.samples import as_samples
from microlut.integer.evaluate import outputs
from microlut.integer.values import quantized_inputs, real_values
from onnx_models import model_of, node, run_onnxruntime, save

RNG = np.random.default_rng(0)
SHAPE = (3, 10, 10)
# Format, per channel, type of activations and of weights, reduce_range.
FORMS = {
    "pairs": ("QDQ", False, "QUInt8", "QInt8", False),
    "pairs per channel": ("QDQ", True, "QInt8", "QInt8", False),
    "pairs of unsigned": ("QDQ", False, "QUInt8", "QUInt8", True),
    "operators": ("QOperator", False, "QUInt8", "QUInt8", False),
    "operators per channel": ("QOperator", True, "QInt8", "QInt8", False),
    "operators of few bits": ("QOperator", False, "QInt8", "QInt8", True),
}


def weights(*shape):
    return (RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def network():
    """Return a network of two convolutions, one of which is depthwise, and a dense layer."""
    nodes = [
        node("Conv", ["x", weights(8, 3, 3, 3), weights(8)], "c", pads=[1] * 4),
        node("Relu", ["c"], "r"),
        node("Conv", ["r", weights(8, 1, 3, 3), weights(8)], "d", group=8, strides=[2, 2]),
        node("Relu", ["d"], "s"),
        node("Flatten", ["s"], "f"),
        node("Gemm", ["f", weights(5, 128), weights(5)], "y", transB=1),
    ]
    return model_of(nodes, {"x": ["batch", *SHAPE]}, opset=17)


@pytest.mark.parametrize("form", FORMS)
def test_of_all_forms(tmp_path, form):
    made = pytest.importorskip("onnxruntime.quantization")
    kind, per_channel, activations, weight, reduced = FORMS[form]
    x = RNG.normal(size=(24, *SHAPE)).astype(np.float32)

    class Reader(made.CalibrationDataReader):
        def __init__(self):
            self.left = iter([{"x": x[i : i + 1]} for i in range(len(x))])

        def get_next(self):
            return next(self.left, None)

    path = tmp_path / "quantized.onnx"
    made.quantize_static(
        save(network(), tmp_path),
        path,
        Reader(),
        quant_format=getattr(made.QuantFormat, kind),
        per_channel=per_channel,
        activation_type=getattr(made.QuantType, activations),
        weight_type=getattr(made.QuantType, weight),
        reduce_range=reduced,
    )
    graph = microlut.convert(path, bits=8, distill=False).quantized
    (tensor,) = graph.output_tensors().values()
    given = quantized_inputs(graph, as_samples(x, graph.inputs).inputs)
    (found,) = real_values(graph.output_tensors(), outputs(graph, given)).arrays.values()
    wanted = run_onnxruntime(path, {"x": x})["y"]
    assert np.abs(found - wanted).max() < 1.01 * tensor.scale
    assert np.abs(wanted).max() > 20 * tensor.scale
