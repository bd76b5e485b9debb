"""The base of float and quantized graphs: tensors, states, and their readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from microlut.ops.arrays import Shape
from microlut.ops.tensor import CONFIG, Tensor
from microlut.support.shown import Record, Shown


class AnyNode(Shown):
    """A node of either graph: `op` on the tensors named `inputs`, with its `outputs`."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """The layer's name."""

        @property
        def op(self) -> object:
            """The operator."""

        @property
        def inputs(self) -> tuple[str, ...]:
            """Names of the tensors that it reads."""

        @property
        def outputs(self) -> tuple[Tensor, ...]:
            """The tensors that it computes."""

    def records(self) -> list[Record]:
        """Return the node as one record."""
        op, inputs = type(self.op).__name__, " ".join(self.inputs)
        return [{"name": self.name, "op": op, "inputs": inputs, "shape": self.shape}]

    @property
    def output(self) -> str:
        """Name of the first output; most nodes have only one."""
        return self.outputs[0].name

    @property
    def shape(self) -> Shape:
        """Shape of the first output."""
        return self.outputs[0].shape


AnyNodeT = TypeVar("AnyNodeT", bound=AnyNode)


@dataclass(frozen=True, slots=True)
class State:
    """A tensor that outlives a run.

    Attributes:
        tensor: The tensor that nodes read; its real values are zeros in the first run.
        source: Name of the tensor whose value at the end of a run is the state of the next one.
    """

    tensor: Tensor
    source: str
    __pydantic_config__ = CONFIG


class Network(Shown, Generic[AnyNodeT]):
    """A graph with `inputs`, `nodes` in an executable order, `outputs` and `states`."""

    __slots__ = ("_readers",)
    _readers: dict[str, tuple[AnyNodeT, ...]]  # found when first asked for
    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """The model's name."""

        @property
        def inputs(self) -> tuple[Tensor, ...]:
            """Tensors that the caller provides."""

        @property
        def nodes(self) -> tuple[AnyNodeT, ...]:
            """The operators."""

        @property
        def outputs(self) -> tuple[str, ...]:
            """Names of the tensors that the caller receives."""

        @property
        def states(self) -> tuple[State, ...]:
            """Tensors that outlive a run."""

        @property
        def output_names(self) -> tuple[str, ...]:
            """Names of the outputs for callers; empty: those of the tensors."""

    def records(self) -> list[Record]:
        """Return a record per node."""
        return [record for node in self.nodes for record in node.records()]

    @property
    def ends(self) -> dict[str, str]:
        """Names of the output tensors, by the names that callers use."""
        return dict(zip(self.output_names or self.outputs, self.outputs, strict=True))

    def given(self) -> tuple[Tensor, ...]:
        """Return the tensors that exist before the first node: inputs and states."""
        return (*self.inputs, *(state.tensor for state in self.states))

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name: inputs, states, then the outputs of the nodes, in order."""
        made = (tensor for node in self.nodes for tensor in node.outputs)
        return {tensor.name: tensor for tensor in (*self.given(), *made)}

    def shape_of(self, tensor: str) -> Shape:
        """Return the shape of a tensor; raise KeyError if there is none of that name."""
        return self.tensors()[tensor].shape

    def output_tensors(self) -> dict[str, Tensor]:
        """Return the output tensors, by the names that callers use."""
        known = self.tensors()
        return {name: known[tensor] for name, tensor in self.ends.items()}

    def kept(self) -> frozenset[str]:
        """Return the tensors needed after the last node: outputs, and sources of states."""
        return frozenset((*self.outputs, *(state.source for state in self.states)))

    def consumers(self, tensor: str) -> tuple[AnyNodeT, ...]:
        """Return the nodes that read a tensor, in execution order."""
        try:
            found = self._readers
        except AttributeError:
            found = _readers(self.nodes)
            object.__setattr__(self, "_readers", found)  # graphs are frozen
        return found.get(tensor, ())

    def node(self, name: str) -> AnyNodeT:
        """Return the node of that name; raise KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


def _readers(nodes: Sequence[AnyNodeT]) -> dict[str, tuple[AnyNodeT, ...]]:
    """Return the nodes that read each tensor."""
    found: dict[str, list[AnyNodeT]] = {}
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            found.setdefault(name, []).append(node)
    return {name: tuple(readers) for name, readers in found.items()}


def last_reads(nodes: Sequence[AnyNode]) -> list[tuple[str, ...]]:
    """Return, per node, the names of the tensors that nothing reads after it.

    A tensor that nothing reads at all belongs to the node that computes it.
    """
    last: dict[str, int] = {}
    for step, node in enumerate(nodes):
        last.update({tensor.name: step for tensor in node.outputs})
        last.update(dict.fromkeys(node.inputs, step))
    freed: list[list[str]] = [[] for _ in nodes]
    for name, step in last.items():
        freed[step].append(name)
    return [tuple(names) for names in freed]
