"""Write a quantized graph as an ordinary int8 .tflite file with the decoded weights.

The integers and scales go into the file as they are, so that TensorFlow Lite's kernels compute the
same bytes. Operator versions are the lowest that have the types in use, for old runtimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.arrays import frozen_array
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.tensor import Tensor
from microlut.version import VERSION

_BUFFER_ALIGNMENT = 16  # force_align of the schema, which the generated Python code ignores
_SCHEMA_VERSION = 3
_EXPECTED_REST = 1 << 20  # bytes of all but the constants, roughly
_TYPES = {
    name: getattr(schema.TensorType, name.upper()) for name in ("int8", "int16", "int32", "float32")
}
_ENUMERATIONS = {
    "fusedActivationFunction": schema.ActivationFunctionType,
    "padding": schema.Padding,
}


def to_tflite(graph: QuantizedGraph) -> bytes:
    """Return the bytes of the .tflite file; equal graphs give equal bytes."""
    writer = _Writer()
    tensors = graph.tensors()
    for tensor in graph.inputs:
        writer.index[tensor.name] = writer.activation(tensor)
    for node in graph.nodes:
        for tensor in node.outputs:
            writer.index[tensor.name] = writer.activation(tensor)
        _write_node(writer, node, [tensors[name] for name in node.inputs])
    return writer.finish((tensor.name for tensor in graph.inputs), graph.outputs)


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

    def activation(self, tensor: Tensor) -> int:
        """Add an activation with a batch dimension of 1, and return its number."""
        quantization = _quantization([tensor.scale], [tensor.zero_point])
        return self._tensor(tensor.name, (1, *tensor.shape), _TYPES[tensor.dtype], quantization)

    def constant(self, prefix: str, constant: Constant) -> int:
        """Add a constant and return its number; its zero points are 0 if it has scales."""
        values, quantization = constant.values, None
        if constant.scales is not None:
            zeros = [0] * len(constant.scales)
            quantization = _quantization(constant.scales.tolist(), zeros, constant.axis)
        name, kind = f"{prefix}/{constant.name}", _TYPES[values.dtype.name]
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

    def operator(self, builtin: Builtin, inputs: Iterable[int], outputs: Iterable[int]) -> None:
        """Add an operator that reads and makes the tensors of these numbers."""
        operator = schema.OperatorT()
        code = getattr(schema.BuiltinOperator, builtin.name), builtin.version
        operator.opcodeIndex = self.codes.setdefault(code, len(self.codes))
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if builtin.options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, builtin.options)
            operator.builtinOptions = _options(builtin)
        self.operators.append(operator)

    def finish(self, inputs: Iterable[str], outputs: Iterable[str]) -> bytes:
        """Return the serialized model."""
        subgraph = schema.SubGraphT()
        subgraph.name, subgraph.tensors, subgraph.operators = "main", self.tensors, self.operators
        subgraph.inputs = [self.index[name] for name in inputs]
        subgraph.outputs = [self.index[name] for name in outputs]
        model = schema.ModelT()
        model.version, model.description = _SCHEMA_VERSION, f"microlut {VERSION}"
        model.subgraphs, model.buffers = [subgraph], self.buffers
        model.operatorCodes = [_operator_code(*key) for key in self.codes]
        size = sum(buffer.data.nbytes for buffer in self.buffers[1:])
        builder = flatbuffers.Builder(size + _EXPECTED_REST)  # it doubles when it is full
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _options(builtin: Builtin) -> Any:  # noqa: ANN401
    options = getattr(schema, f"{builtin.options}T")()
    for name, value in builtin.fields.items():
        if not hasattr(options, name):
            raise AttributeError(f"{builtin.options} of TensorFlow Lite have no {name}")
        kind = _ENUMERATIONS.get(name)
        setattr(options, name, value if kind is None else getattr(kind, value))
    return options


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


def _write_node(writer: _Writer, node: QNode, inputs: list[Tensor]) -> None:
    between: dict[str, int] = {}  # what only the node's own operators read
    for builtin in node.op.tflite(inputs, node.outputs):
        known = {**writer.index, **between}
        between.update(
            {t.name: writer.activation(t) for t in builtin.outputs if t.name not in known}
        )
        known = {**writer.index, **between}
        read = [
            writer.constant(node.name, item) if isinstance(item, Constant) else known[item.name]
            for item in builtin.inputs
        ]
        writer.operator(builtin, read, [known[tensor.name] for tensor in builtin.outputs])
