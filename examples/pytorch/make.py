"""Make shapes.onnx without PyTorch: the file that the export of module.py gives, once trained.

    python examples/pytorch/make.py

An exporter folds batch normalization into convolutions, so the file has Conv, Relu,
GlobalAveragePool, Flatten and Gemm. The weights are trained with Keras, in PyTorch's order and with
its padding. It needs `pip install 'microlut[onnx,train]'`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from onnx import helper, numpy_helper

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "budget"))

import shapes  # noqa: E402 (another example's module)

BLOCKS = ((24, 1), (32, 2), (48, 2), (64, 1))
Array = np.ndarray


def convolution(x: keras.KerasTensor, filters: int, side: int, stride: int) -> keras.KerasTensor:
    """Return a convolution, depthwise if `filters` is 0, padded as in PyTorch, and a ReLU."""
    if side > 1:
        x = layers.ZeroPadding2D(side // 2)(x)
    if filters:
        x = layers.Conv2D(filters, side, stride, use_bias=False)(x)
    else:
        x = layers.DepthwiseConv2D(side, stride, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def trained() -> keras.Model:
    """Return the network of module.py, trained."""
    keras.utils.set_random_seed(3)
    image = keras.Input((shapes.SIDE, shapes.SIDE, 3))
    x = convolution(image, 16, 3, 2)
    for filters, stride in BLOCKS:
        x = convolution(convolution(x, 0, 3, stride), filters, 1, 1)
    x = layers.Dense(len(shapes.NAMES))(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    pictures, classes = shapes.pictures(16000, 1)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, 12 * 250)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(pictures / np.float32(127.5) - 1, classes, epochs=12, batch_size=64, verbose=2)
    return model


def folded(model: keras.Model) -> list[tuple[Array, Array, int, int]]:
    """Return weights [out, in, h, w], biases, strides and groups of all convolutions."""
    found = []
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            kernel, groups = layer.get_weights()[0].transpose(2, 3, 0, 1), layer.kernel.shape[2]
            stride = layer.strides[0]
        elif isinstance(layer, layers.Conv2D):
            kernel, groups = layer.get_weights()[0].transpose(3, 2, 0, 1), 1
            stride = layer.strides[0]
        elif isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            factor = gamma / np.sqrt(variance + layer.epsilon)
            found.append(
                (kernel * factor[:, None, None, None], beta - mean * factor, stride, groups)
            )
    return found


def exported(model: keras.Model) -> onnx.ModelProto:
    """Return the ONNX model."""
    nodes, constants, name = [], [], "input"

    def constant(label: str, values: Array) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), label))
        return label

    for number, (kernel, bias, stride, groups) in enumerate(folded(model)):
        places = [
            name,
            constant(f"conv{number}.weight", kernel),
            constant(f"conv{number}.bias", bias),
        ]
        side = kernel.shape[2]
        nodes.append(
            helper.make_node(
                "Conv",
                places,
                [f"conv{number}"],
                kernel_shape=[side, side],
                pads=[side // 2] * 4,
                strides=[stride, stride],
                group=groups,
            )
        )
        nodes.append(helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"]))
        name = f"relu{number}"
    weights, bias = model.layers[-1].get_weights()
    nodes.append(helper.make_node("GlobalAveragePool", [name], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], axis=1))
    places = ["flat", constant("fc.weight", weights.T), constant("fc.bias", bias)]
    nodes.append(helper.make_node("Gemm", places, ["scores"], transB=1))
    image = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 32, 32])
    scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, 6])
    graph = helper.make_graph(nodes, "main_graph", [image], [scores], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made, full_check=True)
    return made


def main() -> None:
    """Write shapes.onnx."""
    onnx.save(exported(trained()), HERE / "shapes.onnx")


if __name__ == "__main__":
    main()
