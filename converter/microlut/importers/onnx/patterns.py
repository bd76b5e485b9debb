"""Find functions that exporters write as several operators, and make one operator of each.

A table of 256 bytes is exact where a product of two rounded tensors is not, and takes less time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild
from microlut.ops.activation import ActivationKind
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.gates import Gelu, HardSilu, Mish, Silu
from microlut.ops.mul import Mul
from microlut.ops.relu import Relu
from microlut.ops.saturating import Clip, HardSigmoid, Softplus
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tanh import Tanh
from microlut.ops.unary import Erf

_SIXTH, _ROOT = 1 / 6, float(np.sqrt(0.5))
_Nodes = Mapping[str, Node]


def merged(graph: Graph) -> Graph:
    """Return the graph with one operator for each such function."""
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        found = _function(node, nodes)
        nodes[node.output] = node
        if found is not None:
            op, source = found
            nodes[node.output] = replace(node, op=op, inputs=(source,))
    return rebuild(graph, nodes.values(), {})


def _function(node: Node, nodes: _Nodes) -> tuple[FloatOp, str] | None:
    """Return the function that ends with a node, and the tensor that it reads."""
    if isinstance(node.op, Mul) and node.op.constant is None:
        for source, gate in (node.inputs, node.inputs[::-1]):
            found = _gated(source, gate, nodes)
            if found is not None:
                return found, source
    factor = _affine(node)
    if factor is None or factor[1] != 0.0:
        return _halved(node, nodes)
    product = nodes.get(node.inputs[0])
    if product is None or not isinstance(product.op, Mul) or product.op.constant is not None:
        return None
    for source, gate in (product.inputs, product.inputs[::-1]):
        found = _scaled(source, gate, factor[0], nodes)
        if found is not None:
            return found, source
    return None


def _halved(node: Node, nodes: _Nodes) -> tuple[FloatOp, str] | None:
    """Return GELU for a product of which one operand is x / 2 and the other 1 + erf(x / sqrt 2)."""
    if not isinstance(node.op, Mul) or node.op.constant is not None:
        return None
    for half, gate in (node.inputs, node.inputs[::-1]):
        first, second = nodes.get(half), nodes.get(gate)
        if first is None or second is None or _affine(first) != (0.5, 0.0):
            continue
        if _is_one_plus_erf(second, first.inputs[0], nodes):
            return Gelu(), first.inputs[0]
    return None


def _gated(source: str, gate: str, nodes: _Nodes) -> FloatOp | None:
    """Return the function that a tensor times a function of it is."""
    node = nodes.get(gate)
    if node is None:
        return None
    if isinstance(node.op, Sigmoid) and node.inputs == (source,):
        return Silu()
    if isinstance(node.op, HardSigmoid) and node.inputs == (source,):
        return HardSilu() if _near(node.op.slope, _SIXTH) else None
    inner = nodes.get(node.inputs[0])
    if isinstance(node.op, Tanh) and inner is not None and isinstance(inner.op, Softplus):
        return Mish() if inner.inputs == (source,) else None
    six = _affine(node) == (_SIXTH, 0.0) and inner is not None and _is_six(inner, source, nodes)
    return HardSilu() if six else None


def _scaled(source: str, gate: str, factor: float, nodes: _Nodes) -> FloatOp | None:
    """Return the function that a tensor times a function of it, times a factor, is."""
    node = nodes.get(gate)
    if node is None:
        return None
    if _near(factor, _SIXTH) and _is_six(node, source, nodes):
        return HardSilu()
    return Gelu() if _near(factor, 0.5) and _is_one_plus_erf(node, source, nodes) else None


def _is_six(node: Node, source: str, nodes: _Nodes) -> bool:
    """Return whether a node is ReLU6(x + 3)."""
    before = nodes.get(node.inputs[0])
    six = isinstance(node.op, Relu) and node.op.activation is ActivationKind.RELU6
    six |= isinstance(node.op, Clip) and (node.op.low, node.op.high) == (0.0, 6.0)
    three = before is not None and before.inputs == (source,) and _affine(before) == (1.0, 3.0)
    return six and three


def _is_one_plus_erf(node: Node, source: str, nodes: _Nodes) -> bool:
    """Return whether a node is 1 + erf(x / sqrt 2)."""
    error = nodes.get(node.inputs[0])
    if _affine(node) != (1.0, 1.0) or error is None or not isinstance(error.op, Erf):
        return False
    inner = nodes.get(error.inputs[0])
    if inner is None or inner.inputs != (source,):
        return False
    factor = _affine(inner)
    return factor is not None and _near(factor[0], _ROOT) and factor[1] == 0.0


def _affine(node: Node) -> tuple[float, float] | None:
    """Return the numbers by which a node multiplies all values, and that it adds to them."""
    if isinstance(node.op, BatchNorm):
        scale, offset = node.op.scale, node.op.offset
        if np.ptp(scale) == np.ptp(offset) == 0:
            found = float(scale[0])
            return (_SIXTH if _near(found, _SIXTH) else found), float(offset[0])
    return None


def _near(found: float, wanted: float) -> bool:
    return abs(found - wanted) < 1e-6
