"""Clip what several quantizers of a tensor, or of its reshapes, cut off at different ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.rewrite import free_name, resolve
from microlut.ops.identity import Identity
from microlut.ops.reshape import Reshape
from microlut.ops.saturating import Clip

Limits = tuple[float, float]
_NEAR = 1 / 128  # of a range: two steps of 256 levels


def clipped(graph: Graph) -> Graph:
    """Return the graph with an operator where a range is not that of the tensor.

    A tensor has one range. Of several the widest one becomes that; the others clip before them.
    """
    same: dict[str, str] = {}
    found: dict[str, list[Limits]] = {}
    for node in graph.nodes:
        if isinstance(node.op, Identity | Reshape):
            same[node.output] = node.inputs[0]
        if isinstance(node.op, Identity) and node.op.limits is not None:
            found.setdefault(resolve(node.output, same), []).append(node.op.limits)
    whole = {name: _around(each) for name, each in found.items() if not _alike(each)}
    if not whole:
        return graph
    nodes: list[Node] = []
    taken, seen = set(graph.tensors()), set[str]()
    for node in graph.nodes:
        source = resolve(node.output, same)
        limits = node.op.limits if isinstance(node.op, Identity) else None
        if limits is None or source not in whole:
            nodes.append(node)
            continue
        nodes.extend(_parts(node, limits, None if source in seen else whole[source], taken))
        seen.add(source)
    return replace(graph, nodes=tuple(nodes))


def _parts(node: Node, limits: Limits, whole: Limits | None, taken: set[str]) -> Iterator[Node]:
    """Yield the range of the tensor if it is not said yet, the clip, and its own range."""
    read, shape = node.inputs[0], node.shape
    if whole is not None:
        name = free_name(f"{read}_whole", taken)
        yield single(name, Identity(whole), (read,), shape)
        read = name
    name = free_name(f"{node.output}_clip", taken)
    yield single(name, Clip(*limits), (read,), shape)
    yield replace(node, inputs=(name,))


def _around(ranges: list[Limits]) -> Limits:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _alike(ranges: list[Limits]) -> bool:
    low, high = _around(ranges)
    near = (high - low) * _NEAR
    return all(a - low <= near and high - b <= near for a, b in ranges)
