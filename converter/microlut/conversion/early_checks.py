"""Look at a network, and at the ranges of its inputs, before much time is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from microlut.conversion.class_names import check_class_names
from microlut.conversion.options import Options
from microlut.graph.ir import Graph
from microlut.quantize.ranges.choose import Ends
from microlut.quantize.rough import quantize_roughly
from microlut.streaming.stream import stream as streamed

# Looks at the network, and then at the ranges that each of its inputs may have.
Check = Callable[[Graph, Mapping[str, tuple[Ends, ...]] | None], None]


def unchecked(_graph: Graph, _limits: Mapping[str, tuple[Ends, ...]] | None) -> None:
    """Look at nothing."""


def early_checks(options: Options, check: Check) -> Check:
    """Return a check that refuses wrong streams and class names, too, before time is spent."""
    axis = options.stream

    def both(graph: Graph, limits: Mapping[str, tuple[Ends, ...]] | None) -> None:
        if limits is None:
            check_class_names(options.class_names, graph)
        if limits is None and axis is not None:
            streamed(quantize_roughly(graph, {node.name: 8 for node, _ in graph.weighted()}), axis)
        check(graph, limits)

    return both
