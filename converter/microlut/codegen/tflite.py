"""Write a quantized graph as an ordinary int8 .tflite file with the decoded weights.

The int8 values and scales go into the file as they are, so that TensorFlow Lite's kernels compute
the same bytes. Operator versions are the lowest that have int8, for old runtimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from microlut.graph.ir import Padding, Window, frozen_array, same_padding
from microlut.integer import (
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QMean,
    QNode,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    Quantization,
    QuantizedGraph,
    WeightedOp,
)
from microlut.version import VERSION

_BUFFER_ALIGNMENT = 16  # force_align of the schema, which the generated Python code ignores
_SCHEMA_VERSION = 3
_EXPECTED_REST = 1 << 20  # bytes of all but the constants, roughly
_INT8, _INT32 = schema.TensorType.INT8, schema.TensorType.INT32
_ACTIVATIONS = schema.ActivationFunctionType
_BUILTIN = schema.BuiltinOperator


def to_tflite(graph: QuantizedGraph) -> bytes:
    """Return the bytes of the .tflite file; equal graphs give equal bytes."""
    writer = _Writer()
    name = graph.input_name
    writer.index[name] = writer.activation(name, graph.input_shape, graph.input_quantization)
    for node in graph.nodes:
        writer.index[node.name] = writer.activation(node.name, node.shape, node.quantization)
        _write_node(writer, graph, node)
    return writer.finish(graph.input_name, graph.output_name)


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose data is aligned as the schema demands."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 (the base class's name)
        """Write the data vector with its alignment, then the table."""
        data = self.data.tobytes()
        del self.data  # no longer needed: the builder grows by as much
        builder.StartVector(1, len(data), _BUFFER_ALIGNMENT)
        builder.head = builder.Head() - len(data)
        builder.Bytes[builder.Head() : builder.Head() + len(data)] = data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


@dataclass(slots=True)
class _Writer:
    """Collects tensors, buffers and operators of the one subgraph.

    Operators refer to tensors by number: `index` has those of the graph's own tensors, and nothing
    keeps a layer from having the name that another one's kernel gets.
    """

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    operators: list[Any] = field(default_factory=list)
    codes: dict[tuple[int, int], int] = field(default_factory=dict)
    index: dict[str, int] = field(default_factory=dict)

    def activation(self, name: str, shape: Iterable[int], quantization: Quantization) -> int:
        """Add an int8 activation with a batch dimension of 1, and return its number."""
        return self._tensor(
            name, (1, *shape), _INT8, _quantization([quantization.scale], [quantization.zero_point])
        )

    def constant(
        self, name: str, values: NDArray[Any], scales: NDArray[Any] | None = None, axis: int = 0
    ) -> int:
        """Add an int8 or int32 constant and return its number.

        It is quantized with zero points of 0 if scales are given.
        """
        quantization = None
        if scales is not None:
            quantization = _quantization(scales.tolist(), [0] * len(scales), axis)
        kind = _INT8 if values.dtype == np.int8 else _INT32
        number = self._tensor(name, values.shape, kind, quantization)
        buffer = _AlignedBuffer()
        buffer.data = frozen_array(values, values.dtype.type)
        self.buffers.append(buffer)
        self.tensors[number].buffer = len(self.buffers) - 1
        return number

    def _tensor(self, name: str, shape: Iterable[int], kind: int, quantization: Any) -> int:  # noqa: ANN401
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), kind
        tensor.buffer, tensor.quantization = 0, quantization
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(
        self,
        builtin: int,
        version: int,
        inputs: Iterable[int],
        output: int,
        options: tuple[int, Any] | None = None,
    ) -> None:
        """Add an operator; `options` are (kind, object) of its builtin options."""
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.setdefault((builtin, version), len(self.codes))
        operator.inputs, operator.outputs = list(inputs), [output]
        if options is not None:
            operator.builtinOptionsType, operator.builtinOptions = options
        self.operators.append(operator)

    def finish(self, first: str, last: str) -> bytes:
        """Return the serialized model."""
        subgraph = schema.SubGraphT()
        subgraph.name, subgraph.tensors, subgraph.operators = "main", self.tensors, self.operators
        subgraph.inputs, subgraph.outputs = [self.index[first]], [self.index[last]]
        model = schema.ModelT()
        model.version, model.description = _SCHEMA_VERSION, f"microlut {VERSION}"
        model.subgraphs, model.buffers = [subgraph], self.buffers
        model.operatorCodes = [_operator_code(*key) for key in self.codes]
        size = sum(buffer.data.nbytes for buffer in self.buffers[1:])
        builder = flatbuffers.Builder(size + _EXPECTED_REST)  # it doubles when it is full
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _operator_code(builtin: int, version: int) -> Any:  # noqa: ANN401
    code = schema.OperatorCodeT()
    # Readers from before 2020 look at the deprecated field only.
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = version
    return code


def _quantization(scales: list[float], zero_points: list[int], axis: int = 0) -> Any:  # noqa: ANN401
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = scales, zero_points
    quantization.quantizedDimension = axis
    return quantization


def _write_node(writer: _Writer, graph: QuantizedGraph, node: QNode) -> None:
    inputs, output = [writer.index[name] for name in node.inputs], writer.index[node.name]
    match node.op:
        case QConv2D() | QDepthwiseConv2D():
            _write_convolution(writer, graph, node)
        case QDense():
            _write_dense(writer, graph, node)
        case QAdd():
            add = schema.AddOptionsT()
            add.fusedActivationFunction = _activation(node.op, node.quantization)
            options = (schema.BuiltinOptions.AddOptions, add)
            writer.operator(_BUILTIN.ADD, 2, inputs, output, options)
        case QPool2D():
            _write_pool(writer, graph, node)
        case QMean():
            axes = writer.constant(f"{node.name}/axes", np.array((1, 2), np.int32))
            reducer = schema.ReducerOptionsT()
            reducer.keepDims = True
            options = (schema.BuiltinOptions.ReducerOptions, reducer)
            writer.operator(_BUILTIN.MEAN, 2, (*inputs, axes), output, options)
        case QClamp(maximum=maximum):
            builtin = _BUILTIN.RELU if maximum == 127 else _BUILTIN.RELU6
            writer.operator(builtin, 2, inputs, output)
        case QPad(padding=padding):
            _write_pad(writer, node.name, (inputs[0], output), padding)
        case QReshape():
            shape = writer.constant(f"{node.name}/shape", np.array((1, *node.shape), np.int32))
            reshape = schema.ReshapeOptionsT()
            reshape.newShape = [1, *node.shape]
            options = (schema.BuiltinOptions.ReshapeOptions, reshape)
            writer.operator(_BUILTIN.RESHAPE, 1, (*inputs, shape), output, options)
        case QSoftmax():
            softmax = schema.SoftmaxOptionsT()
            softmax.beta = 1.0
            options = (schema.BuiltinOptions.SoftmaxOptions, softmax)
            writer.operator(_BUILTIN.SOFTMAX, 2, inputs, output, options)


def _write_convolution(writer: _Writer, graph: QuantizedGraph, node: QNode) -> None:
    op = node.op
    assert isinstance(op, QConv2D | QDepthwiseConv2D)
    source, padding = _padded_source(writer, graph, node, op.window)
    depthwise = isinstance(op, QDepthwiseConv2D)
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = padding
    options.strideH, options.strideW = op.window.strides
    options.dilationHFactor, options.dilationWFactor = op.window.dilation
    options.fusedActivationFunction = _activation(op.output, node.quantization)
    kernel = op.weights.int8()
    if isinstance(op, QDepthwiseConv2D):
        options.depthMultiplier = op.depth_multiplier
        kernel = kernel[None]
    inputs = (source, *_write_parameters(writer, graph, node, op, kernel))
    if depthwise:
        kind, builtin = schema.BuiltinOptions.DepthwiseConv2DOptions, _BUILTIN.DEPTHWISE_CONV_2D
    else:
        kind, builtin = schema.BuiltinOptions.Conv2DOptions, _BUILTIN.CONV_2D
    writer.operator(builtin, 3, inputs, writer.index[node.name], (kind, options))


def _write_dense(writer: _Writer, graph: QuantizedGraph, node: QNode) -> None:
    op = node.op
    assert isinstance(op, QDense)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = _activation(op.output, node.quantization)
    options.keepNumDims = len(node.shape) > 1
    parameters = _write_parameters(writer, graph, node, op, op.weights.int8())
    kind = schema.BuiltinOptions.FullyConnectedOptions
    version = 5 if options.keepNumDims else 4
    inputs, output = (writer.index[node.inputs[0]], *parameters), writer.index[node.name]
    writer.operator(_BUILTIN.FULLY_CONNECTED, version, inputs, output, (kind, options))


def _write_parameters(
    writer: _Writer, graph: QuantizedGraph, node: QNode, op: WeightedOp, kernel: NDArray[np.int8]
) -> tuple[int, int]:
    """Add kernel and bias; the bias scale is the product of input and weight scales."""
    axis = kernel.ndim - 1 if isinstance(op, QDepthwiseConv2D) else 0
    input_scale = np.float32(graph.quantization_of(node.inputs[0]).scale)
    bias_scales = op.weights.scales * input_scale
    return (
        writer.constant(f"{node.name}/kernel", kernel, op.weights.scales, axis),
        writer.constant(f"{node.name}/bias", op.output.bias, bias_scales),
    )


def _write_pool(writer: _Writer, graph: QuantizedGraph, node: QNode) -> None:
    op = node.op
    assert isinstance(op, QPool2D)
    options = schema.Pool2DOptionsT()
    # The importer makes no other padding for pools than TensorFlow's own two kinds.
    options.padding = schema.Padding.SAME if op.window.padding else schema.Padding.VALID
    options.strideH, options.strideW = op.window.strides
    options.filterHeight, options.filterWidth = op.window.size
    options.fusedActivationFunction = _activation(op, node.quantization)
    builtin = _BUILTIN.MAX_POOL_2D if op.mode == "max" else _BUILTIN.AVERAGE_POOL_2D
    kind = schema.BuiltinOptions.Pool2DOptions
    inputs, output = (writer.index[node.inputs[0]],), writer.index[node.name]
    writer.operator(builtin, 2, inputs, output, (kind, options))


def _padded_source(
    writer: _Writer, graph: QuantizedGraph, node: QNode, window: Window
) -> tuple[int, int]:
    """Return the tensor to convolve and its padding kind; pad explicitly if neither kind fits."""
    source = writer.index[node.inputs[0]]
    height, width, channels = graph.shape_of(node.inputs[0])
    if not window.padding:
        return source, schema.Padding.VALID
    same = same_padding((height, width), window.size, window.strides, window.dilation)
    if window.padding == same:
        return source, schema.Padding.SAME
    p = window.padding
    shape = (height + p.top + p.bottom, width + p.left + p.right, channels)
    name, quantization = f"{node.name}/padded", graph.quantization_of(node.inputs[0])
    padded = writer.activation(name, shape, quantization)
    _write_pad(writer, name, (source, padded), p)
    return padded, schema.Padding.VALID


def _write_pad(writer: _Writer, name: str, tensors: tuple[int, int], p: Padding) -> None:
    source, output = tensors
    amounts = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
    numbers = writer.constant(f"{name}/amounts", amounts)
    options = (schema.BuiltinOptions.PadOptions, schema.PadOptionsT())
    writer.operator(_BUILTIN.PAD, 2, (source, numbers), output, options)


def _activation(clamp: OutputStage | QAdd | QPool2D, output: Quantization) -> int:
    """Return the fused activation whose limits are the stage's own."""
    if clamp.maximum < 127:
        return int(_ACTIVATIONS.RELU6)
    if clamp.minimum > -128 or output.zero_point == -128:
        return int(_ACTIVATIONS.RELU)
    return int(_ACTIVATIONS.NONE)
