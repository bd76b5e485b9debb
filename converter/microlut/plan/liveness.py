"""When each tensor's bytes must exist: quantized graph in, buffers with lifetimes out.

Steps are numbered like the nodes. The input lives from step 0 on, for the caller writes it before;
the output to the last step, for the caller reads it after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from microlut.quantized import QAdd, QClamp, QNode, QReshape, QuantizedGraph


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes of the arena that are needed from step `first` to step `last`, both included."""

    name: str
    size: int
    first: int
    last: int

    def overlaps(self, other: Buffer) -> bool:
        """Return whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def tensor_buffers(graph: QuantizedGraph) -> tuple[tuple[Buffer, ...], dict[str, str]]:
    """Return the buffers that hold tensors, and for every tensor the name of its buffer.

    A reshape shares its input's bytes; an addition or clamp overwrites an input that nothing reads
    later. So a buffer may hold several tensors, one after the other.
    """
    last_use = _last_uses(graph)
    owner = {graph.input_name: graph.input_name}
    first = {graph.input_name: 0}
    last = {graph.input_name: last_use[graph.input_name]}
    for step, node in enumerate(graph.nodes):
        shared = _shared_input(node, step, last, owner)
        owner[node.name] = owner[shared] if shared else node.name
        holder = owner[node.name]
        first.setdefault(holder, step)
        last[holder] = max(last.get(holder, step), last_use[node.name])
    buffers = tuple(
        Buffer(name, math.prod(graph.shape_of(name)), first[name], last[name]) for name in first
    )
    return buffers, owner


def _last_uses(graph: QuantizedGraph) -> dict[str, int]:
    """Return, for every tensor, the last step that reads it."""
    uses = {graph.input_name: 0}
    for step, node in enumerate(graph.nodes):
        uses.setdefault(node.name, step)
        for name in node.inputs:
            uses[name] = step
    uses[graph.output_name] = len(graph.nodes)
    return uses


def _shared_input(
    node: QNode, step: int, last: dict[str, int], owner: dict[str, str]
) -> str | None:
    """Return the input whose buffer the node's output may take over, if there is one."""
    match node.op:
        case QReshape():
            return node.inputs[0]
        case QAdd() | QClamp():
            for name in node.inputs:
                # The buffer must hold nothing that a later step still reads.
                if last[owner[name]] == step:
                    return name
    return None
