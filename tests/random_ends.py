"""Seeded random networks with several inputs, outputs and states, that join what they branch.

Outputs may be any tensors: inner ones, inputs, the same one twice. Inputs may have no reader. What
is concatenated or multiplied may be anything that fits: a tensor and itself, inputs, reshapes,
other concatenations, states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import random_graphs as rg
from graphs import make_node
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, Node
from microlut.graph.network import State
from microlut.graph.passes.rewrite import rebuild
from microlut.integer import QuantizedGraph, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.ops.add import Add
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.dense import Dense
from microlut.ops.mul import Mul
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tensor import Tensor
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

_MOST_VALUES = 3000
_PICTURES = (
    rg.conv2d,
    rg.depthwise_conv2d,
    rg.mean,
    rg.pad,
    rg.OPERATORS["max_pool2d"][1],
    rg.OPERATORS["average_pool2d"][1],
)
_ANY = (rg.dense, rg.relu, rg.softmax)


def networks(count: int, seed: int = 0, *, states: bool = False) -> Iterator[QuantizedGraph]:
    """Yield `count` networks; with `states`, each has one or two."""
    for i in range(count):
        rng = np.random.default_rng([seed, i, states, 7])
        graph = _Mesh(f"mesh{i}", rng, states).graph()
        config = WeightConfig(2 + i % 7, ("tensor", "channel")[i // 7 % 2])
        yield _quantized(rng, graph, config)


def interpreted(graph: QuantizedGraph, x: Batch) -> NDArray[np.int8]:
    """Return what the engine gives for a batch: with states, these are fresh before half of it."""
    half = (len(x) + 1) // 2
    parts = (x[:half], x[half:]) if graph.states else (x,)
    return np.concatenate([to_bytes(int_ops.outputs(graph, part)) for part in parts])


def _quantized(rng: rg.Rng, graph: Graph, config: WeightConfig) -> QuantizedGraph:
    samples = {}
    for tensor in graph.inputs:
        values = rng.normal(rng.normal(), 1, (rg.SAMPLES, *tensor.shape))
        samples[tensor.name] = (values * 10.0 ** rng.uniform(-1, 1)).astype(np.float32)
    limits = calibrate(graph, Batch(samples)).limits
    limits = {name: rg.bend(rng, *limit) for name, limit in limits.items()}
    for state in graph.states:
        limits[state.tensor.name] = (-1.0, 1.0)
    return quantize(graph, Ranges(limits), Batch(samples), config)


@dataclass(slots=True)
class _Mesh:
    """A network under construction, with all tensors so far."""

    name: str
    rng: rg.Rng
    with_states: bool
    shapes: dict[str, Shape] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def graph(self) -> Graph:
        rng, (height, width) = self.rng, self.rng.integers(1, 7, 2)
        base = (int(height), int(width), int(rng.choice([1, 2, 3, 4, 8])))
        inputs = [Tensor(f"{self.name}_x0", base)]
        for i in range(1, int(rng.integers(1, 4))):
            like = [base, (*base[:2], int(rng.integers(1, 6))), (1, 1, base[2]), (base[2],)]
            inputs.append(Tensor(f"{self.name}_x{i}", like[rng.integers(4)]))
        self.shapes = {tensor.name: tensor.shape for tensor in inputs}
        held = [Tensor(f"{self.name}_h{i}", base) for i in range(self._states())]
        self.shapes.update({tensor.name: tensor.shape for tensor in held})
        while len(self.nodes) < rng.integers(3, 12):
            self._step()
        states = tuple(State(tensor, self._one_of(tensor.shape)) for tensor in held)
        outputs = self._outputs()
        names = tuple(f"{self.name}_end{i}" for i in range(len(outputs)))
        graph = Graph(self.name, tuple(inputs), tuple(self.nodes), outputs, states, names)
        return rebuild(graph, graph.nodes, {})

    def _states(self) -> int:
        return int(self.rng.integers(1, 3)) if self.with_states else 0

    def _outputs(self) -> tuple[str, ...]:
        """Return the last tensor, and some others: mostly any, or the same one again."""
        names = list(self.shapes)
        if not self.with_states:
            names += [self.nodes[-1].name] * 2
        else:  # of which the float network does not give the first values
            names = [name for name in names if "_h" not in name]
        others = [str(n) for n in self.rng.choice(names, int(self.rng.integers(0, 4)))]
        found = [self.nodes[-1].name, *others]
        self.rng.shuffle(found)
        return tuple(found)

    def _one_of(self, shape: Shape) -> str:
        return str(self.rng.choice([name for name, own in self.shapes.items() if own == shape]))

    def _any(self) -> str:
        """Return a tensor, more often a late one."""
        names = list(self.shapes)
        return names[max(self.rng.integers(0, len(names), 2))]

    def _step(self) -> None:
        kinds = (self._unary, self._unary, self._add, self._join, self._join, self._scale)
        kinds[self.rng.integers(len(kinds))](self._any())

    def _put(self, op: FloatOp, *inputs: str) -> str | None:
        """Add a node unless its output is too large, and return its name."""
        (shape,) = op.shapes([self.shapes[name] for name in inputs])
        if np.prod(shape) > _MOST_VALUES:
            return None
        name = f"{self.name}_{len(self.nodes)}_{type(op).__name__.lower()}"
        self.nodes.append(make_node(name, op, inputs, shape))
        self.shapes[name] = shape
        return name

    def _unary(self, x: str) -> None:
        rng, shape = self.rng, self.shapes[x]
        kinds = (*_ANY, *_PICTURES) if len(shape) == 3 else _ANY
        choice = int(rng.integers(len(kinds) + 2))
        if choice < len(kinds):
            if kinds[choice] is rg.dense and shape[-1] > 300:
                return
            self._put(kinds[choice](rng, shape)[0], x)
        elif choice == len(kinds):
            self._put(Sigmoid(), x)
        else:
            flat = (shape[0], -1) if rng.random() < 0.5 else (-1,)
            self._put(Reshape(np.empty(shape).reshape(flat).shape), x)

    def _add(self, x: str) -> None:
        other = self._one_of(self.shapes[x])
        self._put(Add(rg.activation(self.rng)), *self._either_way(x, other))

    def _either_way(self, x: str, y: str) -> tuple[str, str]:
        return (x, y) if self.rng.random() < 0.5 else (y, x)

    def _join(self, x: str) -> None:
        shape = self.shapes[x]
        axis = int(self.rng.integers(len(shape)))
        rest = (*shape[:axis], *shape[axis + 1 :])
        fitting = [
            name
            for name, own in self.shapes.items()
            if len(own) == len(shape) and (*own[:axis], *own[axis + 1 :]) == rest
        ]
        others = [str(n) for n in self.rng.choice(fitting, int(self.rng.integers(0, 4)))]
        self._put(Concatenate(axis), *others[:1], x, *others[1:])

    def _scale(self, x: str) -> None:
        """Multiply by what can be broadcast, or squeeze and excite."""
        rng, shape = self.rng, self.shapes[x]
        if len(shape) == 3 and rng.random() < 0.3:
            mean = self._put(rg.mean(rng, shape)[0], x)
            dense = mean and self._put(_excitation(rng, shape[2]), mean)
            gate = dense and self._put(Sigmoid(), dense)
            fitting = [gate] if gate else []
        else:
            fitting = [name for name, own in self.shapes.items() if _fit(shape, own)]
        if fitting:
            other = str(rng.choice(fitting))
            self._put(Mul(rg.activation(rng)), *self._either_way(x, other))


def _excitation(rng: rg.Rng, channels: int) -> FloatOp:
    return Dense(rg.weights(rng, (channels, channels), 0), rg.bias(rng, channels))


def _fit(a: Shape, b: Shape) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True
