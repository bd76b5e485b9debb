"""Networks of operators that only move bytes, and a replay of their plans.

The two operators here stand for all that aliases can say: joins of vectors, and cuts of one into
several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from microlut.graph.network import State
from microlut.integer.graph import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.base import IntegerOp
from microlut.ops.binary import QBinary
from microlut.ops.relu import QRelu
from microlut.ops.reshape import QReshape
from microlut.ops.softmax import QSoftmax
from microlut.ops.softmax_16 import QSoftmax16
from microlut.ops.tensor import DType, Quantization, Tensor
from microlut.plan import Plan, kernels
from microlut.plan.kernels import Alias, Call, Tile
from microlut.plan.kernels.base import PlainKernel, Work

UNIT = Quantization(1.0, 0)
_TERMS = ((1 << 30, 0), (1 << 30, -1))
ADD = QAdd(_TERMS, (1 << 30, -18), -128, 127)
ADD_16 = QBinary("add", (*_TERMS, (1 << 30, -18)), -128, 127)
RELU, SOFTMAX, SOFTMAX_16 = QRelu(0, 127), QSoftmax(1, 1, -1), QSoftmax16(1, 1)


class _Moves(IntegerOp):
    """An operator that is planned only."""

    def shapes(self, inputs: object) -> Any:
        raise NotImplementedError

    def evaluate(self, arrays: object, inputs: object, outputs: object) -> Any:
        raise NotImplementedError

    def tflite(self, inputs: object, outputs: object) -> Any:
        raise NotImplementedError

    def check(self, inputs: object, outputs: object) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class QJoin(_Moves):
    """Joins vectors end to end."""

    kind: str = "join"


@dataclass(frozen=True)
class QCut(_Moves):
    """Cuts vectors out of another one, the first of which begins at element `first`."""

    first: int
    kind: str = "cut"


class _Copies(PlainKernel[Any, Any]):
    dtypes = ("int8", "int16")

    def work(self, call: Call[Any], tile: Tile, core: str) -> Work:
        copied = [alias for alias in self.aliases(call) if alias not in call.in_place]
        return {"pad": float(len(copied))}

    def sizes(self, op: object, inputs: object, outputs: object) -> tuple[()]:
        return ()


class JoinKernel(_Copies):
    def aliases(self, call: Call[Any]) -> Iterable[Alias]:
        offset = 0
        for i, tensor in enumerate(call.inputs):
            yield Alias(i, offset)
            offset += tensor.bytes


class CutKernel(_Copies):
    def aliases(self, call: Call[Any]) -> Iterable[Alias]:
        offset = call.op.first * call.inputs[0].bytes // call.inputs[0].size
        for i, tensor in enumerate(call.outputs):
            yield Alias(0, -offset, i)
            offset += tensor.bytes


@pytest.fixture(autouse=True)
def known_operators(monkeypatch: pytest.MonkeyPatch):
    """Let the planner know the two operators."""
    for kind, kernel in (("join", JoinKernel()), ("cut", CutKernel())):
        monkeypatch.setitem(kernels._BY_KIND, kind, kernel)


class Net:
    """A quantized graph of vectors under construction; it reads "x"."""

    def __init__(self, size: int = 8, dtype: DType = "int8") -> None:
        self.dtype = dtype
        self.nodes: list[QNode] = []
        self.states: list[State] = []
        self.sizes: dict[str, int] = {}
        self.inputs: list[Tensor] = []
        self.input("x", size)

    def tensor(self, name: str, size: int) -> Tensor:
        self.sizes[name] = size
        return Tensor(name, (size,), self.dtype, UNIT)

    def input(self, name: str, size: int) -> str:
        self.inputs.append(self.tensor(name, size))
        return name

    def state(self, name: str, source: str, size: int = 8) -> str:
        self.states.append(State(self.tensor(name, size), source))
        return name

    def add(self, op: Any, *inputs: str, size: int | None = None) -> str:
        return self.make(op, inputs, [self.sizes[inputs[0]] if size is None else size])[0]

    def make(self, op: Any, inputs: tuple[str, ...], sizes: list[int]) -> list[str]:
        name = f"{op.kind}{len(self.nodes)}"
        names = [name, *(f"{name}_{i}" for i in range(1, len(sizes)))]
        made = tuple(self.tensor(n, size) for n, size in zip(names, sizes, strict=True))
        self.nodes.append(QNode(name, op, inputs, made))
        return names

    def join(self, *inputs: str) -> str:
        return self.add(QJoin(), *inputs, size=sum(self.sizes[name] for name in inputs))

    def graph(self, *outputs: str) -> QuantizedGraph:
        return QuantizedGraph(
            "net",
            tuple(self.inputs),
            tuple(self.nodes),
            outputs or (self.nodes[-1].outputs[0].name,),
            tuple(self.states),
        )


def random_net(seed: int, *, states: int = 0) -> QuantizedGraph:
    """Return a random network; with states, it has several inputs and outputs as well."""
    rng = np.random.default_rng([seed, states])
    net = Net(int(rng.choice([4, 8, 9])), "int16" if seed % 3 == 2 else "int8")
    if states:
        net.input("other", int(rng.choice([4, 8])))
    for i in range(states):
        net.state(f"state{i}", "", int(rng.choice([4, 8])))
    for _ in range(int(rng.integers(3, 12))):
        _random_node(rng, net)
    sizes = net.sizes
    for i, state in enumerate(net.states):
        own = state.tensor.size
        fit = [name for name in sizes if sizes[name] == own]
        net.states[i] = State(state.tensor, str(rng.choice(fit[-4:])))
    outputs = rng.choice(list(sizes)[-6:], 2, replace=False) if states else ()
    return net.graph(*map(str, outputs))


def _random_node(rng: np.random.Generator, net: Net) -> None:
    names = list(net.sizes)[-5:]
    name = str(rng.choice(names))
    size = net.sizes[name]
    match int(rng.integers(6)):
        case 0:
            net.add(RELU, name)
        case 1:
            net.add(QReshape((size,)), name)
        case 2:
            net.join(*map(str, rng.choice(names, int(rng.integers(2, 4)))))
        case 3 if size > 3:
            first, one = int(rng.choice([0, 1, 4 if size > 4 else 0])), int(rng.integers(1, 3))
            two = min(4, size - first - one)
            net.make(QCut(first), (name,), [one, two] if two > 0 else [1])
        case 4:
            same = [other for other in names if net.sizes[other] == size]
            net.add(ADD if net.dtype == "int8" else ADD_16, name, str(rng.choice(same)))
        case _:
            softmax = SOFTMAX if net.dtype == "int8" else SOFTMAX_16
            net.add(softmax, name, size=int(rng.choice([4, 8, size])))


class Replay:
    """Runs a plan on the numbers of bytes, all different, instead of on bytes."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.count = plan, 0
        self.arena = np.zeros(plan.arena_bytes, np.int64)
        self.states = {s.tensor.name: self.fresh(s.tensor.bytes) for s in plan.graph.states}
        for offset, values in zip(plan.state_offsets, self.states.values(), strict=True):
            self.put(offset, values)

    def fresh(self, size: int) -> np.ndarray:
        self.count += size
        return np.arange(self.count - size, self.count) + 1

    def put(self, offset: int, values: np.ndarray) -> None:
        self.arena[offset : offset + len(values)] = values

    def check(self, name: str, offset: int) -> None:
        wanted = self.values[name]
        assert np.array_equal(self.arena[offset : offset + len(wanted)], wanted), name

    def run(self) -> None:
        """Run once, and check all that is read."""
        plan, graph = self.plan, self.plan.graph
        self.values = dict(self.states)
        for tensor, offset in zip(graph.inputs, plan.input_offsets, strict=True):
            self.values[tensor.name] = self.fresh(tensor.bytes)
            self.put(offset, self.values[tensor.name])
        for step in plan.steps:
            for name, offset in zip(step.node.inputs, step.input_offsets, strict=True):
                self.check(name, offset)
            self.execute(step.call, step.input_offsets, step.output_offsets)
            for tensor, offset in zip(step.node.outputs, step.output_offsets, strict=True):
                self.check(tensor.name, offset)
        for copy in plan.copies:
            source = plan.offsets[copy.source]
            self.put(plan.offsets[copy.to], self.arena[source : source + copy.bytes].copy())
        for name, offset in zip(graph.outputs, plan.output_offsets, strict=True):
            self.check(name, offset)
        for state, offset in zip(graph.states, plan.state_offsets, strict=True):
            self.check(state.source, offset)
            self.states[state.tensor.name] = self.values[state.source]

    def execute(self, call: Call[Any], read: tuple[int, ...], written: tuple[int, ...]) -> None:
        aliases = tuple(kernels.kernel_for(call).aliases(call))
        for i, (tensor, offset) in enumerate(zip(call.outputs, written, strict=True)):
            values = self.fresh(tensor.bytes) if not aliases else np.zeros(tensor.bytes, np.int64)
            for alias in (alias for alias in aliases if alias.output == i):
                source = self.values[call.inputs[alias.input].name]
                first = max(0, -alias.offset)
                part = source[first : first + tensor.bytes]
                values[max(0, alias.offset) :][: len(part)] = part
                if alias in call.in_place:
                    assert offset + alias.offset == read[alias.input]
                else:
                    self.put(offset + max(0, alias.offset), part)
            self.values[tensor.name] = values
            if not aliases:
                self.put(offset, values)
