"""Variables of a network: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, and CALL_ONCE before all.

What is read before it is assigned is what the last run has left: a state of the graph.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Node, single
from microlut.graph.network import State
from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph, TfliteFile
from microlut.importers.tflite.tensors import check_size, graph_tensor, type_problem
from microlut.importers.tflite.use import Value, without_batch
from microlut.ops.identity import Identity
from microlut.ops.tensor import Tensor
from microlut.support.unused_names import take

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
    """

    file: TfliteFile
    names: set[str]
    first: dict[str, NDArray[Any]] = field(default_factory=dict)
    handles: dict[int, str] = field(default_factory=dict)
    now: dict[str, Value] = field(default_factory=dict)
    states: dict[str, Tensor] = field(default_factory=dict)

    def take(self, operator: FileOperator, values: dict[int, Value]) -> None:
        """Take an operator of `KINDS`, and note what its output holds.

        Raises:
            UnsupportedModel: A variable is none that can be a state.
            InvalidInput: The file is damaged.
        """
        if operator.kind == "VAR_HANDLE":
            self.handles[operator.outputs[0]] = _name(operator)
        elif operator.kind == "CALL_ONCE":
            self._initialize(operator)
        elif operator.kind == "ASSIGN_VARIABLE":
            name = self._variable(operator)
            self.now[name] = values[operator.inputs[1]]
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
        problem = type_problem(target)
        if problem is not None:
            raise operator.unsupported(*problem)
        first = self.first.get(name)
        if first is not None:
            _check_first(operator, first, target)
        own = take(target.name, self.names)
        tensor = graph_tensor(own, without_batch(target.shape), target)
        check_size(operator, tensor.shape)
        self.states[name] = tensor
        self.now[name] = found = Value(target, target.shape, own)
        return found

    def _initialize(self, operator: FileOperator) -> None:
        """Read the subgraph that assigns constants before the first run."""
        number = int(operator.options.get("InitSubgraphIndex", 0))
        if not 0 < number < len(self.file.subgraphs):
            raise operator.invalid(f"calls subgraph {number}")
        graph = self.file.subgraphs[number]
        handles: dict[int, str] = {}
        for each in graph.operators:
            if each.kind == "VAR_HANDLE":
                handles[each.outputs[0]] = _name(each)
                continue
            constant = _assigned(each, graph)
            if constant is None or each.inputs[0] not in handles:
                raise operator.unsupported(
                    f"computes by {each.kind} what variables begin with",
                    "supported are constants of zeros",
                )
            self.first[handles[each.inputs[0]]] = constant

    def end(self, kept: Collection[str]) -> tuple[tuple[State, ...], tuple[Node, ...]]:
        """Return the states, and nodes that copy values that no node makes; `kept` are inputs."""
        states, nodes = [], []
        for name, tensor in self.states.items():
            source = self.now[name].name
            if source in kept or source in {other.name for other in self.states.values()}:
                copy = take(f"{tensor.name}_kept", self.names)
                nodes.append(single(copy, Identity(), (source,), tensor.shape))
                source = copy
            states.append(State(tensor, source))
        return tuple(states), tuple(nodes)


def _name(operator: FileOperator) -> str:
    options = operator.options
    return f"{options.get('Container', '')}/{options.get('SharedName', '')}"


def _assigned(operator: FileOperator, graph: Subgraph) -> NDArray[Any] | None:
    if operator.kind != "ASSIGN_VARIABLE" or len(operator.inputs) != 2:
        return None
    return graph.tensors[operator.inputs[1]].constant


def _check_first(operator: FileOperator, first: NDArray[Any], target: FileTensor) -> None:
    """Raise UnsupportedModel unless a variable begins with real zeros."""
    point = int(target.zero_points[0]) if target.zero_points.size else 0
    if np.any(first != point):
        raise operator.unsupported(
            "its variable begins with other values than zeros", "supported are zeros"
        )
