"""Write a quantized graph as an ordinary .tflite file with the decoded weights.

The file has the same integers and scales, so that the kernels of TensorFlow Lite compute the same
bytes. Operator versions are the lowest that support the types in use, for old runtimes. A state is
a resource variable, which a second subgraph initializes before the first run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from microlut.graph.network import State
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.arrays import frozen_array
from microlut.ops.builtin import Builtin, Constant, Variable
from microlut.ops.tensor import Tensor
from microlut.support.unused_names import Taken
from microlut.version import VERSION

_BUFFER_ALIGNMENT = 16  # force_align of the schema, which the generated Python code ignores
_SCHEMA_VERSION = 3
_LEFT_OUT = -1  # the number of an optional input
_LARGEST_OLD_CODE = 127  # PLACEHOLDER_FOR_GREATER_OP_CODES
_EXPECTED_REST = 1 << 20  # bytes of all but the constants, roughly
_TYPES = {
    name: getattr(schema.TensorType, name.upper())
    for name in ("int8", "int16", "int32", "int64", "float32")
}
_ENUMERATIONS = {
    "fusedActivationFunction": schema.ActivationFunctionType,
    "inDataType": schema.TensorType,
    "outDataType": schema.TensorType,
    "padding": schema.Padding,
}
_ASSIGN = Builtin("ASSIGN_VARIABLE", 1, (), (), "AssignVariableOptions")


def to_tflite(graph: QuantizedGraph) -> bytes:
    """Return the bytes of the .tflite file; equal graphs give equal bytes."""
    model = _Model()
    tensors = graph.tensors()
    main = _Subgraph("main", model, Taken(tensors))
    for tensor in graph.inputs:
        main.index[tensor.name] = main.activation(tensor)
    states = _shared_states(graph)
    handles = _read_states(main, states)
    for node in graph.nodes:
        for tensor in _written(node):
            main.index[tensor.name] = main.activation(tensor)
        _write_node(main, node, [tensors[name] for name in node.inputs])
    for state, handle in zip(states, handles, strict=True):
        main.operator(_ASSIGN, (handle, main.index[state.source]), ())
    parts = [main.finish((tensor.name for tensor in graph.inputs), graph.outputs)]
    if states:
        parts.append(_initial_states(model, states))
    return model.finish(parts)


def _written(node: QNode) -> tuple[Tensor, ...]:
    """Return the outputs of a node that its operators in the file have, too."""
    return node.outputs[:1] if node.op.own_variables else node.outputs


def _shared_states(graph: QuantizedGraph) -> tuple[State, ...]:
    """Return the states but for those that operators hold in variables of their own."""
    own = {name for node in graph.nodes if node.op.own_variables for name in node.inputs[1:]}
    return tuple(state for state in graph.states if state.tensor.name not in own)


def _read_states(main: _Subgraph, states: Sequence[State]) -> list[int]:
    """Add operators that read the states, and return the numbers of their variables."""
    if states:
        main.operator(Builtin("CALL_ONCE", 1, (), (), "CallOnceOptions", {"initSubgraphIndex": 1}))
    handles = []
    for state in states:
        handles.append(main.variable(state))
        main.index[state.tensor.name] = main.activation(state.tensor)
        read = Builtin("READ_VARIABLE", 1, (), (), "ReadVariableOptions")
        main.operator(read, (handles[-1],), (main.index[state.tensor.name],))
    return handles


def _initial_states(model: _Model, states: Sequence[State]) -> Any:  # noqa: ANN401
    """Return the subgraph that sets the variables to their zero points."""
    part = _Subgraph("initial", model)
    for state in states:
        tensor = state.tensor
        values = np.full((1, *tensor.shape), tensor.zero_point, tensor.dtype)
        zeros = part.constant(tensor.name, Constant("initial", values))
        part.tensors[zeros].quantization = _quantization([tensor.scale], [tensor.zero_point])
        part.operator(_ASSIGN, (part.variable(state), zeros), ())
    return part.finish((), ())


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
class _Model:
    """Collects what subgraphs share: buffers and operator codes."""

    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    codes: dict[tuple[int, int], int] = field(default_factory=dict)

    def finish(self, subgraphs: list[Any]) -> bytes:
        """Return the serialized model."""
        model = schema.ModelT()
        model.version, model.description = _SCHEMA_VERSION, f"microlut {VERSION}"
        model.subgraphs, model.buffers = subgraphs, self.buffers
        model.operatorCodes = [_operator_code(*key) for key in self.codes]
        size = sum(buffer.data.nbytes for buffer in self.buffers[1:])
        builder = flatbuffers.Builder(size + _EXPECTED_REST)  # it doubles when it is full
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(memoryview(builder.Bytes)[builder.Head() :])


@dataclass(slots=True)
class _Subgraph:
    """Collects the tensors and operators of a subgraph.

    Operators refer to tensors by number: `index` has the numbers of the graph's own tensors. These
    keep their names, which are `reserved` from the start. All others get names that no tensor has,
    since runtimes identify tensors by name.
    """

    name: str
    model: _Model
    reserved: Taken = field(default_factory=Taken)
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def activation(self, tensor: Tensor) -> int:
        """Add an activation with a batch dimension of 1, and return its number."""
        quantization = None
        if tensor.quantization is not None:
            quantization = _quantization([tensor.scale], [tensor.zero_point])
        return self._tensor(tensor.name, (1, *tensor.shape), _TYPES[tensor.dtype], quantization)

    def constant(self, prefix: str, constant: Constant) -> int:
        """Add a constant and return its number."""
        values, quantization = constant.values, None
        if constant.scales is not None:
            zero_points = [constant.zero_point] * len(constant.scales)
            quantization = _quantization(constant.scales.tolist(), zero_points, constant.axis)
        name, kind = self.unused(f"{prefix}/{constant.name}"), _TYPES[values.dtype.name]
        number = self._tensor(name, values.shape, kind, quantization)
        buffer = _AlignedBuffer()
        buffer.data = frozen_array(values, values.dtype.type)
        self.model.buffers.append(buffer)
        self.tensors[number].buffer = len(self.model.buffers) - 1
        return number

    def unused(self, wanted: str) -> str:
        """Return a name that no tensor has yet."""
        return self.reserved.take(wanted)

    def _tensor(self, name: str, shape: Iterable[int], kind: int, quantization: Any) -> int:  # noqa: ANN401
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), kind
        tensor.buffer, tensor.quantization = 0, quantization
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def variable(self, state: State) -> int:
        """Add the variable of a state, and return its number."""
        name = self.unused(f"{state.tensor.name}/variable")
        number = self._tensor(name, (), schema.TensorType.RESOURCE, None)
        fields = {"container": "", "sharedName": state.tensor.name}
        handle = Builtin("VAR_HANDLE", 1, (), (), "VarHandleOptions", fields)
        self.operator(handle, (), (number,))
        return number

    def operator(
        self, builtin: Builtin, inputs: Iterable[int] = (), outputs: Iterable[int] = ()
    ) -> None:
        """Add an operator, given the numbers of its input and output tensors."""
        operator = schema.OperatorT()
        code = getattr(schema.BuiltinOperator, builtin.name), builtin.version
        operator.opcodeIndex = self.model.codes.setdefault(code, len(self.model.codes))
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if builtin.options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, builtin.options)
            operator.builtinOptions = _options(builtin)
        self.operators.append(operator)

    def finish(self, inputs: Iterable[str], outputs: Iterable[str]) -> Any:  # noqa: ANN401
        """Return the subgraph as an object of the schema."""
        subgraph = schema.SubGraphT()
        subgraph.name, subgraph.tensors = self.name, self.tensors
        subgraph.operators = self.operators
        subgraph.inputs = [self.index[name] for name in inputs]
        subgraph.outputs = [self.index[name] for name in outputs]
        return subgraph


def _read(
    writer: _Subgraph,
    node: QNode,
    item: Tensor | Constant | Variable | None,
    known: Mapping[str, int],
    constants: dict[int, int],
) -> int:
    """Return the number of what an operator reads, which is added if need be."""
    match item:
        case None:
            return _LEFT_OUT
        case Constant():
            if id(item) not in constants:
                constants[id(item)] = writer.constant(node.name, item)
            return constants[id(item)]
        case Variable():
            number = writer.activation(replace(item.tensor, name=writer.unused(item.tensor.name)))
            writer.tensors[number].isVariable = True
            return number
        case _:
            return known[item.name]


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
    # Readers from before 2020 look at the deprecated field only, which has 7 bits.
    code.builtinCode = builtin
    code.deprecatedBuiltinCode = min(builtin, _LARGEST_OLD_CODE)
    code.version = version
    return code


def _quantization(scales: list[float], zero_points: list[int], axis: int = 0) -> Any:  # noqa: ANN401
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = scales, zero_points
    quantization.quantizedDimension = axis
    return quantization


def _write_node(writer: _Subgraph, node: QNode, inputs: list[Tensor]) -> None:
    made = {tensor.name for tensor in node.outputs}
    # Tensors between the operators of a node may have the name of a tensor of the graph.
    between: dict[str, int] = {}
    constants: dict[int, int] = {}  # by identity: several operators may read one
    builtins = node.op.tflite(inputs, node.outputs)
    for builtin in builtins:
        known = {**writer.index, **between}
        read = [_read(writer, node, item, known, constants) for item in builtin.inputs]
        own = {
            t.name: writer.activation(replace(t, name=writer.unused(t.name)))
            for t in builtin.outputs
            if t.name not in made
        }
        between.update(own)
        known.update(own)
        writer.operator(builtin, read, [known[tensor.name] for tensor in builtin.outputs])
