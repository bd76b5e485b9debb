"""Decide which layers have entropy-coded indices.

Layers whose indices are far from equally frequent, such as those of pruned layers, take fewer bytes
if they are entropy-coded, with the same weights. A budget of bytes may also give a layer uniform
levels at a rate of bits, which is its own way to quantize (`quantize.assign.rate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from microlut.graph.ir import Graph
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.packing import stored_bytes, weight_bytes
from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.dense import Dense, QDense
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.weights import WeightConfig, may_be_coded

# The engine's code for entropy-coded indices, on Cortex-M4.
DECODER_BYTES = {"conv2d": 700, "dense": 1110}
RATES = (1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
_RATE_BITS = {2.0: 4, 3.0: 5}  # of the number of levels, up to these rates
# A code and the starts of its groups take 100 to 300 bytes, and a dense layer its own function.
_FEWEST_WEIGHTS = {"conv2d": 1 << 11, "dense": 1 << 14}
_SHARE = 0.75  # of the bytes of a layer that entropy-coded indices may take; decoding is slower
_CLEARLY = 2  # times the decoder's bytes are to be saved by all layers of a kind together


def with_short_indices(quantized: QuantizedGraph) -> QuantizedGraph:
    """Return the network with entropy-coded indices where that saves clearly; weights are equal.

    That is in layers where it saves a quarter, if those of a kind save twice the code of their
    decoder, or if it is there anyway.
    """
    for kind, decoder in DECODER_BYTES.items():
        nodes = [node for node in quantized.nodes if node.op.kind == kind]
        coded = {node.name: found for node in nodes if (found := _shorter(node)) is not None}
        made = replace(quantized, nodes=tuple(_with(node, coded) for node in quantized.nodes))
        present = any(op.kind == kind and op.weights.coded for _, op in quantized.weighted())
        saved = stored_bytes(quantized) - stored_bytes(made)
        if coded and (present or saved >= _CLEARLY * decoder):
            quantized = made
    return quantized


def _shorter(node: QNode) -> QuantizedWeights | None:
    """Return the weights of a node with entropy-coded indices, if these are clearly shorter."""
    if not isinstance(node.op, QConv2D | QDense) or node.outputs[0].dtype != "int8":
        return None
    weights = node.op.weights
    if weights.coded or weights.overlap > 0:
        return None
    found = replace(weights, coded=True)
    return found if weight_bytes(found) <= _SHARE * weight_bytes(weights) else None


def _with(node: QNode, coded: Mapping[str, QuantizedWeights]) -> QNode:
    if node.name not in coded or not isinstance(node.op, QConv2D | QDense):
        return node
    return replace(node, op=replace(node.op, weights=coded[node.name]))


def coded_options(
    graph: Graph, ranges: Ranges, name: str, config: WeightConfig
) -> list[WeightConfig]:
    """Return the rates at which a layer may have entropy-coded indices."""
    node = graph.node(name)
    op = node.op
    if quantized_tensors(graph, ranges)[node.output].dtype != "int8":
        return []
    if not isinstance(op, Conv2D | Dense) or op.kernel.size < _FEWEST_WEIGHTS[op.becomes]:
        return []
    if not config.needs_data or not may_be_coded(op.kernel.shape, config):
        return []
    bits = {rate: next(b for most, b in _RATE_BITS.items() if rate <= most) for rate in RATES}
    return [replace(config, bits=bits[rate], rate=rate) for rate in RATES]
