"""Layers that share a kernel, as those of a layer that is called several times do.

They share their quantized weights, which are stored once.
"""

from __future__ import annotations

from hashlib import sha256

from microlut.graph.ir import Graph
from microlut.ops.weighted import Weighted


def kernel_key(op: Weighted) -> tuple[object, ...]:
    """Return what is equal for layers whose kernels are."""
    return type(op), op.kernel.shape, sha256(op.kernel.tobytes()).digest()


def kernel_owners(graph: Graph) -> dict[str, str]:
    """Return, for each layer with weights, the first layer that has the same kernel."""
    first: dict[tuple[object, ...], str] = {}
    return {node.name: first.setdefault(kernel_key(op), node.name) for node, op in graph.weighted()}


def stored_layers(graph: Graph) -> dict[str, Weighted]:
    """Return the layers with weights, by name; only the first of those that share a kernel."""
    owners = kernel_owners(graph)
    return {node.name: op for node, op in graph.weighted() if owners[node.name] == node.name}
