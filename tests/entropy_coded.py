"""Networks whose weights are entropy-coded, with the same values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.integer import QuantizedGraph
from microlut.ops.overlap import INDEX_BITS
from microlut.ops.weights import QuantizedWeights


def entropy_coded(graph: QuantizedGraph) -> QuantizedGraph:
    """Return the network with all weights entropy-coded."""
    weighted = {node.name: op for node, op in graph.weighted()}
    nodes = [
        replace(node, op=replace(op, weights=coded_weights(op.weights)))
        if (op := weighted.get(node.name)) is not None
        else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def coded_weights(weights: QuantizedWeights) -> QuantizedWeights:
    """Return the same weights, entropy-coded; where indices overlap, by one index per level."""
    if weights.overlap == 0:
        return replace(weights, coded=True)
    assert weights.codebook is not None
    levels = np.sort(weights.codebook)
    indices = np.searchsorted(levels, weights.codebook[weights.indices]).astype(np.uint8)
    return replace(
        weights, bits=INDEX_BITS, indices=indices, codebook=levels, overlap=0, coded=True
    )
