"""The tensors of a plan as the templates see them: inputs, outputs, state, and the arena's map."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from microlut.ops.tensor import Quantization
from microlut.plan import Plan


@dataclass(frozen=True, slots=True)
class TensorView:
    """An input, an output or a state tensor.

    Attributes:
        n: The C name.
        suffix: What the names of its functions and macros end in: "_n", or nothing if it is the
            only one.
        name: In the model.
        value_bytes: Bytes of a value: 1 for int8, 2 for int16.
    """

    n: str
    suffix: str
    name: str
    shape: tuple[int, ...]
    quantization: Quantization
    value_bytes: int = 1

    @property
    def values(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in the arena."""
        return self.values * self.value_bytes

    @property
    def bits(self) -> int:
        """Bits of a value."""
        return 8 * self.value_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the arena's map.

    Attributes:
        n: C name of the offset, without the model's.
        what: What lies there, as text.
        first: The step from which on it is needed.
        last: The last step that needs it.
    """

    n: str
    offset: int
    bytes: int
    what: str
    first: int
    last: int


def interface(plan: Plan, names: Mapping[str, str]) -> dict[str, Sequence[TensorView]]:
    """Return the views of a plan's inputs, outputs and state; `names` are C names by tensor."""
    graph = plan.graph
    return {
        "inputs": _views([tensor.name for tensor in graph.inputs], plan, names),
        "outputs": _views(graph.outputs, plan, names),
        "states": (),
    }


def _views(tensors: Sequence[str], plan: Plan, names: Mapping[str, str]) -> Sequence[TensorView]:
    graph = plan.graph
    return [
        TensorView(
            n=names[tensor],
            suffix="" if len(tensors) == 1 else f"_{names[tensor]}",
            name=tensor,
            shape=graph.shape_of(tensor),
            quantization=graph.quantization_of(tensor),
        )
        for tensor in tensors
    ]


def arena_map(plan: Plan, names: Mapping[str, str]) -> Iterator[Place]:
    """Yield where each tensor and each step's scratch lie, in the order in which they come."""
    graph = plan.graph
    last = {name: i for i, step in enumerate(plan.steps) for name in step.node.inputs}
    last.update(dict.fromkeys(graph.outputs, len(plan.steps) - 1))

    def place(name: str, offset: int, first: int) -> Place:
        shape = graph.shape_of(name)
        what, size = "x".join(map(str, shape)), math.prod(shape)
        return Place(f"at_{names[name]}", offset, size, what, first, last.get(name, first))

    yield place(graph.inputs[0].name, plan.input_offset, 0)
    for i, step in enumerate(plan.steps):
        if step.scratch_bytes:
            n = f"scratch_{names[step.node.name]}"
            yield Place(n, step.scratch_offset, step.scratch_bytes, "scratch", i, i)
        yield place(step.node.name, step.output_offset, i)
