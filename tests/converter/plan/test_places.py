"""Tensors inside others: a concatenation and a slice, planned with as few copies as can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import pytest

from graphs import make_qnode, qnet
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.relu import QRelu
from microlut.ops.reshape import QReshape
from microlut.ops.softmax import QSoftmax
from microlut.ops.tensor import Quantization
from microlut.plan import Goal, Plan, kernels, make_plan
from microlut.plan.kernels import Alias, Call, Tile
from microlut.plan.kernels.base import PlainKernel, Work
from microlut.plan.places import Place
from microlut.plan.sharing import Sharing, find_sharing

UNIT = Quantization(1.0, 0)
ADD = QAdd(((1 << 30, 0), (1 << 30, -1)), (1 << 30, -18), -128, 127)
CLAMP, SOFTMAX = QRelu(0, 127), QSoftmax(1, 1, -1)


@dataclass(frozen=True)
class QJoin:
    """Joins vectors end to end."""

    kind: str = "join"


@dataclass(frozen=True)
class QCut:
    """Cuts a vector out of another one."""

    first: int
    kind: str = "cut"


class _Copies(PlainKernel[Any, Any]):
    def work(self, call: Call[Any], tile: Tile, core: str) -> Work:
        moved = [t.size for i, t in enumerate(call.inputs) if i not in call.in_place]
        return {"pad value": float(sum(moved))}

    def sizes(self, op: object, sources: object, shape: object) -> tuple[()]:
        return ()


class JoinKernel(_Copies):
    operators = (QJoin,)

    def aliases(self, call: Call[Any]) -> Iterable[Alias]:
        offset = 0
        for i, tensor in enumerate(call.inputs):
            yield Alias(i, offset)
            offset += tensor.size


class CutKernel(_Copies):
    operators = (QCut,)

    def aliases(self, call: Call[Any]) -> Iterable[Alias]:
        return (Alias(0, -call.op.first),)


@pytest.fixture(autouse=True)
def known_operators(monkeypatch: pytest.MonkeyPatch):
    for kernel in (JoinKernel(), CutKernel()):
        monkeypatch.setitem(kernels._BY_OPERATOR, kernel.operators[0], kernel)


class Net:
    def __init__(self, size: int = 8) -> None:
        self.nodes: list[QNode] = []
        self.sizes = {"x": size}

    def add(self, op: Any, *inputs: str, size: int | None = None) -> str:
        name = f"{op.kind}{len(self.nodes)}"
        self.sizes[name] = self.sizes[inputs[0]] if size is None else size
        self.nodes.append(make_qnode(name, op, inputs, (self.sizes[name],), UNIT))
        return name

    def join(self, *inputs: str) -> str:
        return self.add(QJoin(), *inputs, size=sum(self.sizes[name] for name in inputs))

    def graph(self) -> QuantizedGraph:
        nodes = tuple(self.nodes)
        return qnet("net", "x", (self.sizes["x"],), UNIT, nodes, nodes[-1].name)

    def sharing(self) -> Sharing:
        return find_sharing(self.graph())


def two_branches(net: Net) -> tuple[str, str]:
    return net.add(SOFTMAX, "x"), net.add(SOFTMAX, "x")


def test_inputs_of_a_join_are_made_inside_it():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    net.add(SOFTMAX, both)
    found = net.sharing()
    assert [found.places[name] for name in (one, two, both)] == [
        *(Place(both, 0), Place(both, 8), Place(both, 0)),
    ]
    assert found.in_place[both] == {0, 1}
    step = make_plan(net.graph()).steps[2]
    assert step.instructions == 0
    assert step.input_offsets == (step.output_offset, step.output_offset + 8)


def test_what_was_made_in_place_moves_along():
    net = Net()
    one, two = two_branches(net)
    clamped = net.add(CLAMP, two)
    both = net.join(one, clamped)
    net.add(SOFTMAX, both)
    found = net.sharing()
    assert found.places[two] == found.places[clamped] == Place(both, 8)


def test_a_join_of_joins_is_one_buffer():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    three = net.add(SOFTMAX, both)
    all_of_them = net.join(three, both)
    net.add(SOFTMAX, all_of_them)
    found = net.sharing()
    assert found.places[two] == Place(all_of_them, 16 + 8)
    assert found.in_place[all_of_them] == {0, 1}


@pytest.mark.parametrize("what", ["input", "output", "twice", "unaligned", "large buffer"])
def test_what_cannot_lie_inside_is_copied(what: str):
    net = Net()
    one, two = two_branches(net)
    if what == "input":
        both = net.join(one, "x")
    elif what == "twice":
        both = net.join(one, one)
    elif what == "unaligned":
        both = net.join(net.add(SOFTMAX, "x", size=3), two)
    elif what == "large buffer":  # the second input lies in a part of another tensor
        both = net.join(one, net.add(QCut(4), two, size=4))
    else:
        both = net.join(one, two)
    graph = net.graph()
    if what == "output":
        graph = replace(graph, outputs=(two,))
    found = find_sharing(graph)
    assert found.in_place[both] == {0}
    plan = make_plan(graph)
    assert plan.steps[-1].call.in_place == {0}
    assert plan.steps[-1].instructions > 0


def test_nothing_is_written_over_a_part_while_the_whole_is_read_later():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    clamped = net.add(CLAMP, one)
    net.join(clamped, both)
    places = net.sharing().places
    assert places[one] == Place("join4", 8)
    assert places[clamped] == Place("join4", 0)


def test_no_input_is_written_over_that_overlaps_another_one():
    net = Net(12)
    one = net.add(SOFTMAX, "x")
    low, high = net.add(QCut(0), one, size=8), net.add(QCut(4), one, size=8)
    total = net.add(ADD, low, high)
    found = net.sharing()
    assert [found.places[name] for name in (low, high)] == [Place(one, 0), Place(one, 4)]
    assert found.places[total] == Place(total)


def test_a_cut_at_an_odd_byte_is_a_copy():
    net = Net(12)
    cut = net.add(QCut(3), net.add(SOFTMAX, "x"), size=8)
    assert net.sharing().places[cut] == Place(cut)
    assert net.sharing().in_place[cut] == frozenset()


def test_little_memory_may_prefer_copies():
    """A join whose first part is made early withholds the memory of all parts."""
    net = Net(16)
    early = net.add(SOFTMAX, "x")
    wide = net.add(SOFTMAX, early, size=160)
    wider = net.add(SOFTMAX, wide, size=160)
    late = net.add(SOFTMAX, wider, size=64)
    net.join(early, late)
    plan, thrifty = make_plan(net.graph()), make_plan(net.graph(), Goal("ram"))
    assert plan.steps[-1].call.in_place == {0, 1}
    assert thrifty.arena_bytes < plan.arena_bytes
    assert 0 not in thrifty.steps[-1].call.in_place


def random_net(seed: int) -> Net:
    rng = np.random.default_rng(seed)
    net = Net(int(rng.choice([4, 8, 9])))
    for _ in range(int(rng.integers(3, 12))):
        names = list(net.sizes)[-5:]
        name = str(rng.choice(names))
        size = net.sizes[name]
        match int(rng.integers(6)):
            case 0:
                net.add(CLAMP, name)
            case 1:
                net.add(QReshape((size,)), name)
            case 2:
                net.join(*map(str, rng.choice(names, int(rng.integers(2, 4)))))
            case 3 if size > 1:
                first = int(rng.choice([0, min(4, size - 1), 1]))
                net.add(QCut(first), name, size=int(rng.integers(1, size - first + 1)))
            case 4:
                same = [other for other in names if net.sizes[other] == size]
                net.add(ADD, name, str(rng.choice(same)))
            case _:
                net.add(SOFTMAX, name, size=int(rng.choice([4, 8, size])))
    return net


class Replay:
    """Runs a plan on the numbers of bytes, all different, instead of on bytes."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.count = plan, 0
        self.arena = np.zeros(plan.arena_bytes, np.int64)
        self.values = {"x": self.fresh(prod(plan.graph.inputs[0].shape))}
        self.put(plan.input_offset, self.values["x"])

    def fresh(self, size: int) -> np.ndarray:
        self.count += size
        return np.arange(self.count - size, self.count) + 1

    def put(self, offset: int, values: np.ndarray) -> None:
        self.arena[offset : offset + len(values)] = values

    def check(self, name: str, offset: int) -> None:
        wanted = self.values[name]
        assert np.array_equal(self.arena[offset : offset + len(wanted)], wanted), name

    def run(self) -> None:
        for step in self.plan.steps:
            node, size = step.node, prod(step.node.shape)
            for name, offset in zip(node.inputs, step.input_offsets, strict=True):
                self.check(name, offset)
            read = [self.values[name] for name in node.inputs]
            if isinstance(node.op, QJoin):
                self.values[node.name] = np.concatenate(read)
                self.copy_parts(step.output_offset, read, step.call.in_place)
            elif isinstance(node.op, QCut | QReshape):
                first = node.op.first if isinstance(node.op, QCut) else 0
                self.values[node.name] = read[0][first : first + size]
                if not step.call.in_place:
                    self.put(step.output_offset, self.values[node.name])
            else:
                self.values[node.name] = self.fresh(size)
                self.put(step.output_offset, self.values[node.name])
            self.check(node.name, step.output_offset)
        self.check(self.plan.graph.outputs[0], self.plan.output_offset)

    def copy_parts(self, offset: int, parts: list[np.ndarray], there: frozenset[int]) -> None:
        for i, part in enumerate(parts):
            if i not in there:
                self.put(offset, part)
            offset += len(part)


@pytest.mark.parametrize("optimize", ["speed", "ram"])
def test_random_plans_keep_all_bytes_until_they_are_read(optimize: str):
    saved = 0
    for seed in range(150):
        plan = make_plan(random_net(seed).graph(), Goal(optimize))
        Replay(plan).run()
        joins = [step for step in plan.steps if isinstance(step.node.op, QJoin)]
        saved += sum(len(step.call.in_place) for step in joins)
    assert saved > 50
