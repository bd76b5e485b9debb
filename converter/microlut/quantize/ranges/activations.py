"""The quantization of activations: from the range of a tensor, and for all tensors of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph, Node
from microlut.graph.network import State
from microlut.ops.relabel import Relabel
from microlut.ops.scale import Scale
from microlut.ops.tensor import Activation, DType, FixedRange, Quantization, Tensor, quantized_range
from microlut.quantize.ranges.measure import Ranges

INT8_MIN, INT8_MAX = -128, 127
# Inputs of an operator that unifies scales get one scale unless the step of one grows by more.
_MOST_GROWTH = 2.0
_ROUNDING = 1e-6  # of a scale in single precision, relatively
_MOST_EXTRA = 1.5  # times the steps of a range, for another value that a step represents exactly


def activation_quantization(
    low: float,
    high: float,
    smallest_scale: float = 0.0,
    dtype: DType = "int8",
    exact: float = 0.0,
) -> Quantization:
    """Return the quantization of a range, widened to contain zero exactly.

    It also contains `exact` exactly, the value of an input's zero, if that costs little: then the
    input has a zero point.

    That of int8 is asymmetric, that of int16 is symmetric, as TensorFlow Lite specifies. A range of
    fewer steps of `smallest_scale` than the type has only rounding errors around zero.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    span, steps = (max(-low, high), 1 << 15) if dtype == "int16" else (high - low, 1 << 8)
    if span < steps * max(smallest_scale, float(np.finfo(np.float32).tiny)):
        # For zeros alone any scale will do, but tables of int16 are coarse if it is large.
        unused = 1.0 / steps if dtype == "int16" else 1.0
        return Quantization(float(np.float32(smallest_scale)) or unused, 0)
    if dtype == "int16":
        return Quantization(float(np.float32(span / np.iinfo(dtype).max)), 0)
    if exact and max(high, exact) - min(low, exact) <= _MOST_EXTRA * (high - low):
        low, high = min(low, exact), max(high, exact)
        steps = int(255.0 * abs(exact) / (high - low) + _ROUNDING)
        if steps:
            high += 255.0 * abs(exact) / steps - (high - low)
    scale = float(np.float32((high - low) / 255.0))
    return Quantization(scale, int(np.clip(np.round(INT8_MIN - low / scale), INT8_MIN, INT8_MAX)))


def quantized_tensors(graph: Graph, ranges: Ranges) -> Mapping[str, Tensor]:
    """Return every tensor of the graph with its type and quantization, by name.

    Operators constrain the scales of their inputs and outputs (`FloatOp.scale_rule`). Tensors that
    share a scale are a group, whose range covers those of all its tensors with an "own" scale.
    Groups are solved in execution order, since the smallest scale of a group may depend on those
    before it. A tensor whose smallest scale is larger than that of its group is left apart, and all
    is solved again. A network of integers brings its own quantizations.
    """
    if graph.exact:
        return graph.tensors()
    apart: dict[str, float] = {}
    known, missed = _solved(graph, ranges, apart)
    for _ in graph.nodes:  # a state that grows from run to run may have no such scale
        if missed:
            apart |= missed
            known, missed = _solved(graph, ranges, apart)
    return {
        name: replace(tensor, dtype=ranges.type_of(name), quantization=known[name])
        for name, tensor in graph.tensors().items()
    }


def _solved(
    graph: Graph, ranges: Ranges, apart: Mapping[str, float]
) -> tuple[dict[str, Quantization], dict[str, float]]:
    """Return the quantizations, and the smallest scales of the tensors that have smaller ones.

    Those of the tensors to leave apart are known already.
    """
    groups = _Groups(graph, ranges, apart)
    known: dict[str, Quantization] = {}
    missed: dict[str, float] = {}
    for tensor in graph.given():
        groups.solve(tensor.name, 0.0, known)
    for node in graph.nodes:
        scales = [_in_int8(known[name].scale, ranges.type_of(name)) for name in node.inputs]
        smallest = node.op.smallest_scale(scales)
        for tensor in node.outputs:
            groups.solve(tensor.name, smallest, known)
            if known[tensor.name].scale < smallest * (1.0 - _ROUNDING):
                missed[tensor.name] = smallest
    return known, missed


class _Groups:
    """Tensors that share a scale, as a forest: each tensor has a parent, or is a root."""

    def __init__(self, graph: Graph, ranges: Ranges, apart: Mapping[str, float]) -> None:
        self._apart = apart
        self._type_of = ranges.type_of
        self._parent: dict[str, str] = {}
        self._fixed: dict[str, Quantization | None] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._labels: dict[str, Node] = {}  # by the name of the input
        self._exact: dict[str, float] = {}
        self._times: dict[str, tuple[str, Scale]] = {}  # by output: the input, and the operator
        for tensor in graph.inputs:
            self._own(tensor.name, ranges)
        for node in graph.nodes:
            self._constrain(node, ranges)
        for state in graph.states:
            self._hold(state)
        # Unifying comes last, since only this constraint may be dropped.
        for node in graph.nodes:
            if node.op.scale_rule == "unify":
                self._unify(node)

    def solve(self, name: str, smallest: float, known: dict[str, Quantization]) -> None:
        """Add a tensor's quantization to the known ones."""
        label = self._labels.get(name)
        if label is not None:  # that of the output comes first
            assert isinstance(label.op, Relabel)
            self.solve(label.output, smallest, known)
            try:
                known[name] = label.op.source(known[label.output], self._type_of(name))
            except ValueError as error:
                raise UnsupportedModel(f"input {name} {error}; scale it before") from error
            return
        root = self._root(name)
        found = known.get(root) or self._fixed.get(root)
        if found is None and root in self._times:
            source, op = self._times[root]  # a state is solved before its source is known
            found = op.scaled(known[source]) if source in known else None
        if found is None:
            smallest = max(smallest, self._apart.get(root, 0.0))
            exact = self._exact.get(root, 0.0)
            dtype = self._type_of(root)
            found = activation_quantization(*self._limits[root], smallest, dtype, exact)
        known[root] = known[name] = found

    def _constrain(self, node: Node, ranges: Ranges) -> None:
        rule = node.op.scale_rule
        for tensor in node.outputs:
            if isinstance(rule, FixedRange):
                dtype = self._type_of(tensor.name)
                fixed = rule.quantization(dtype)
                self._fixed[tensor.name] = fixed
                self._limits[tensor.name] = quantized_range(fixed, dtype)
            elif rule == "same":
                self._parent[tensor.name] = node.inputs[0]
            else:
                self._own(tensor.name, ranges)
        if isinstance(node.op, Scale):
            self._times[node.output] = node.inputs[0], node.op
        if isinstance(node.op, Relabel):
            self._label(node, node.op)

    def _label(self, node: Node, op: Relabel) -> None:
        """Let the scale of an input follow from that of the same bytes in other units."""
        self._labels[node.inputs[0]] = node
        if op.is_uniform:
            self._limits[node.output] = op.limits(*self._limits[node.inputs[0]])
            self._exact[node.output] = float(op.offset.flat[0])

    def _hold(self, state: State) -> None:
        """Give a state the scale of what becomes its next value."""
        name, root = state.tensor.name, self._root(state.source)
        if root == name:  # no operator gives it another value than its zeros
            self._limits[name] = (0.0, 0.0)
        else:
            self._parent[name] = root

    def _own(self, name: str, ranges: Ranges) -> None:
        self._limits[name] = ranges[name]

    def _root(self, name: str) -> str:
        while name in self._parent:
            name = self._parent[name]
        return name

    def _merge(self, names: Iterable[str]) -> None:
        """Merge groups; a fixed scale takes precedence."""
        roots = list(dict.fromkeys(self._root(name) for name in names))
        first = next((root for root in roots if root in self._fixed), roots[0])
        limits = [self._limits[root] for root in roots]
        self._limits[first] = min(low for low, _ in limits), max(high for _, high in limits)
        self._exact[first] = next(filter(None, map(self._exact.get, roots)), 0.0)
        self._parent.update({root: first for root in roots if root != first})

    def _unify(self, node: Node) -> None:
        """Give all inputs the output's scale where that costs little; see `_MOST_GROWTH`."""
        output = node.output
        fixed = {self._fixed.get(self._root(name)) for name in node.inputs}
        if len(fixed) == 1 and None not in fixed:
            self._fixed[output] = fixed.pop()
        for name in sorted(node.inputs, key=lambda name: -_span(self._limits[self._root(name)])):
            low, high = self._limits[self._root(output)]
            root = self._root(name)
            fits = self._fixed.get(root) == self._fixed.get(self._root(output))
            fits &= len({self._exact.get(r, 0.0) for r in (root, self._root(output))} - {0.0}) < 2
            if (
                fits
                and root not in self._apart
                and root not in self._times
                and _span((low, high)) <= _MOST_GROWTH * _span(self._limits[root])
            ):
                self._merge((output, name))


def _in_int8(scale: float, dtype: Activation) -> float:
    """Return the scale with which int8 covers what a type covers with a scale."""
    return scale * (257.0 if dtype == "int16" else 1.0)


def _span(limits: tuple[float, float]) -> float:
    return max(limits[1], 0.0) - min(limits[0], 0.0)
