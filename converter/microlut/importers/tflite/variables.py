"""Variables of a network: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, and CALL_ONCE before all.

What is read before it is assigned is what the last run has left: a state of the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Node
from microlut.graph.network import State
from microlut.importers.tflite.file import (
    LEFT_OUT,
    FileOperator,
    FileTensor,
    Subgraph,
    TfliteFile,
)
from microlut.importers.tflite.folding import folded
from microlut.importers.tflite.tensors import check_size, graph_tensor, type_problem
from microlut.importers.tflite.use import Value, without_batch
from microlut.ops.base import IntegerOp
from microlut.ops.relabel import units_between
from microlut.ops.reshape import QReshape, Reshape
from microlut.ops.tensor import Quantization, Tensor
from microlut.support.unused_names import Taken

KINDS = ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE")


@dataclass(slots=True)
class Variables:
    """The variables of a network while its operators are read in order.

    Attributes:
        file: The file.
        names: Names of the tensors of the graph so far.
        first: What CALL_ONCE assigns, by the variables' names.
        handles: Names of variables by the numbers of their handles.
        now: What each variable holds.
        states: The tensors that the network reads before it assigns them.
        begun: Nodes that read such a tensor first, in another quantization.
    """

    file: TfliteFile
    names: Taken
    first: dict[str, NDArray[Any]] = field(default_factory=dict)
    handles: dict[int, str] = field(default_factory=dict)
    now: dict[str, Value] = field(default_factory=dict)
    states: dict[str, Tensor] = field(default_factory=dict)
    begun: list[Node] = field(default_factory=list)

    def take(self, operator: FileOperator, values: dict[int, Value]) -> None:
        """Take an operator of `KINDS`, and note what its output holds.

        Raises:
            UnsupportedModel: A variable is none that can be a state.
            InvalidInput: The file is damaged.
        """
        if operator.kind == "VAR_HANDLE":
            if not operator.outputs:
                raise operator.invalid("makes no variable")
            self.handles[operator.outputs[0]] = _name(operator)
        elif operator.kind == "CALL_ONCE":
            self._initialize(operator)
        elif operator.kind == "ASSIGN_VARIABLE":
            name = self._variable(operator)
            value = values.get(operator.inputs[1])
            if value is None or not self._stays(operator, name, value, values):
                raise operator.unsupported(
                    "assigns a constant to a variable", "supported is a tensor of the network"
                )
            self.now[name] = value
        elif not operator.outputs:
            raise operator.invalid("makes no tensor")
        else:
            name = self._variable(operator)
            target = self.file.main.tensors[operator.outputs[0]]
            values[target.number] = self._read(operator, name, target)

    def _variable(self, operator: FileOperator) -> str:
        wanted = 2 if operator.kind == "ASSIGN_VARIABLE" else 1
        if len(operator.inputs) != wanted or operator.inputs[0] not in self.handles:
            raise operator.invalid("has no variable")
        return self.handles[operator.inputs[0]]

    def _read(self, operator: FileOperator, name: str, target: FileTensor) -> Value:
        """Return what a variable holds: what was assigned, or a state."""
        if name in self.now:
            return self.now[name]
        first = self.first.get(name)
        if first is not None and (name not in self._assigned() or self._only_kept(target, name)):
            if first.size != prod(target.shape):
                raise operator.invalid("has a variable of another size")
            self.now[name] = found = Value(target, target.shape, "", first.reshape(target.shape))
            return found
        problem = type_problem(target)
        if problem is not None:
            raise operator.unsupported(*problem)
        own = self.names.take(target.name)
        tensor = graph_tensor(own, without_batch(target.shape), target)
        check_size(operator, tensor.shape)
        self.states[name] = state = self._state(operator, tensor, first)
        if state is not tensor:
            self.begun.append(_same_bytes(state, tensor))
        self.now[name] = found = Value(target, target.shape, own)
        return found

    def _assigned(self) -> set[str]:
        """Return the variables that each run assigns."""
        assigns = (op for op in self.file.main.operators if op.kind == "ASSIGN_VARIABLE")
        names = self._names()
        return {names[number] for op in assigns for number in op.inputs[:1] if number in names}

    def _names(self) -> dict[int, str]:
        """Return the variables by the numbers of all their handles."""
        handles = (op for op in self.file.main.operators if op.kind == "VAR_HANDLE")
        return {op.outputs[0]: _name(op) for op in handles if op.outputs}

    def _only_kept(self, target: FileTensor, name: str) -> bool:
        """Return whether what is read is only assigned again, after a function of it.

        So do masks of pruned weights, which are part of some files.
        """
        makers = self._readers(target.number)
        last = [op for maker in makers for n in maker.outputs for op in self._readers(n)]
        assigns = all(op.kind == "ASSIGN_VARIABLE" and len(op.inputs) == 2 for op in last)
        return bool(last) and assigns and {self._names().get(op.inputs[0]) for op in last} == {name}

    def _readers(self, number: int) -> list[FileOperator]:
        return [op for op in self.file.main.operators if number in op.inputs]

    def _stays(
        self, operator: FileOperator, name: str, value: Value, values: dict[int, Value]
    ) -> bool:
        """Return whether a variable keeps what it is assigned, if that is a constant."""
        if value.constant is None:
            return True
        before = self.now.get(name)
        main = self.file.main
        maker = next((op for op in main.operators if operator.inputs[1] in op.outputs), None)
        if before is None or before.constant is None or maker is None:
            return False
        again = tuple(
            value if values.get(n) is before else values.get(n) or constant_of(main, n)
            for n in maker.inputs
        )
        made = folded(maker, again, main.tensors[maker.outputs[0]])
        return made is not None and np.array_equal(made, value.constant)

    def _state(self, operator: FileOperator, tensor: Tensor, first: NDArray[Any] | None) -> Tensor:
        """Return the state of a variable, whose zero point is the integer that it begins with."""
        point = 0 if tensor.quantization is None else tensor.zero_point
        if first is None or not np.any(first != point):
            return tensor
        values = np.unique(first)
        if len(values) > 1 or tensor.dtype != "int8" or not -128 <= values[0] <= 127:
            raise operator.unsupported(
                "its variable begins with other values than zeros",
                "supported are zeros, and one integer of int8 for all",
            )
        name = self.names.take(f"{tensor.name}_kept")
        return replace(tensor, name=name, quantization=Quantization(tensor.scale, int(values[0])))

    def _initialize(self, operator: FileOperator) -> None:
        """Read the subgraph that assigns constants before the first run."""
        number = int(operator.options.get("InitSubgraphIndex", 0))
        if not 0 < number < len(self.file.subgraphs):
            raise operator.invalid(f"calls subgraph {number}")
        graph = self.file.subgraphs[number]
        handles: dict[int, str] = {}
        made: dict[int, Value] = {}
        for each in graph.operators:
            if each.kind == "VAR_HANDLE" and each.outputs:
                handles[each.outputs[0]] = _name(each)
                continue
            read = [made.get(n) or constant_of(graph, n) for n in each.inputs]
            if each.kind == "ASSIGN_VARIABLE" and len(each.inputs) == 2:
                value = read[1]
                if value is not None and each.inputs[0] in handles:
                    assert value.constant is not None
                    self.first[handles[each.inputs[0]]] = value.constant
                    continue
            target = graph.tensors[each.outputs[0]] if each.outputs else None
            constant = None if target is None else folded(each, read, target)
            if target is None or constant is None:
                raise operator.unsupported(
                    f"computes by {each.kind} what variables begin with",
                    "supported are constants",
                )
            made[target.number] = Value(target, tuple(constant.shape), "", constant)

    def end(self, kept: Collection[str]) -> tuple[tuple[State, ...], tuple[Node, ...]]:
        """Return the states, and nodes that copy values that no node makes; `kept` are inputs.

        What is assigned is copied as it is, whatever its scale says.
        """
        states, nodes = [], []
        unmade = {*kept, *(tensor.name for tensor in self.states.values())}
        for name, tensor in self.states.items():
            value = self.now[name]
            source = graph_tensor(value.name, tensor.shape, value.source)
            if source.name in unmade or source.quantization != tensor.quantization:
                copy = replace(tensor, name=self.names.take(f"{tensor.name}_next"))
                nodes.append(_same_bytes(source, copy))
                source = copy
            states.append(State(tensor, source.name))
        return tuple(states), tuple(nodes)


def _same_bytes(source: Tensor, target: Tensor) -> Node:
    """Return a node that gives the bytes of a tensor another scale and zero point, if any."""
    if source.quantization == target.quantization:
        return Node(target.name, Reshape(target.shape), (source.name,), (target,))
    units = units_between(source.quantized, target.quantized)
    return Node(target.name, units, (source.name,), (target,))


def exact_copies(nodes: Iterable[Node]) -> dict[str, IntegerOp]:
    """Return the integer forms of nodes that copy bytes, in a network of integers."""
    return {
        node.name: QReshape(node.shape)
        for node in nodes
        if node.outputs[0].quantization is not None
    }


def _name(operator: FileOperator) -> str:
    options = operator.options
    return f"{options.get('Container', '')}/{options.get('SharedName', '')}"


def constant_of(graph: Subgraph, number: int) -> Value | None:
    """Return a constant of the file, or None for another tensor."""
    tensor = None if number == LEFT_OUT else graph.tensors[number]
    if tensor is None or tensor.constant is None:
        return None
    return Value(tensor, tensor.shape, "", tensor.constant)
