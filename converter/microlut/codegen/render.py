"""Fill the templates of one model: its plan in, its C sources as text out."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
import numpy as np
from numpy.typing import NDArray

from microlut.codegen.environment import environment
from microlut.codegen.names import identifier, unique_identifiers
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.packing import pack_rows
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.linear import QLinear
from microlut.ops.tensor import Quantization
from microlut.plan import Plan, Step
from microlut.plan.rounding import (
    Rounding,
    adds_quickly,
    left_term,
    output_rounding,
    quick_window,
)
from microlut.plan.scratch import patches
from microlut.version import VERSION

ABI = 9  # MLUT_ABI of firmware/include/microlut/microlut.h

Sources = dict[str, str]


@dataclass(frozen=True, slots=True)
class LayerView:
    """One kernel call as the templates see it; `n` is the C name of the layer."""

    n: str
    step: Step
    title: str
    in_shape: tuple[int, ...]
    in_quantizations: tuple[Quantization, ...]
    tables: WeightTables | None
    patch: bool
    rounding: Rounding
    sum: SumView | None

    @property
    def kind(self) -> str:
        """Kind of the operator, which selects the template's macro."""
        return self.step.node.op.kind

    @property
    def convolve(self) -> str:
        """The engine's form of a depthwise convolution, without its prefix."""
        op = self.step.node.op
        quick = isinstance(op, QDepthwiseConv2D) and quick_window(op.window)
        if self.rounding is Rounding.ANY or not quick:
            return "any"
        return f"3x3_{self.rounding.name.lower()}"


@dataclass(frozen=True, slots=True)
class SumView:
    """An addition as the templates see it; left and right are as the engine takes them.

    Attributes:
        node: The addition.
        order: Which of its inputs is left, which right.
        zero_points: Of left and right.
        quick: Whether the quick form may be taken.
        left: Whether a convolution that does the addition has made the left term.
    """

    node: QNode
    order: tuple[int, int]
    zero_points: tuple[int, int]
    quick: bool
    left: bool


@dataclass(frozen=True, slots=True)
class WeightTables:
    """The weights of one layer as they stand in flash."""

    packed: NDArray[np.uint8]
    codebook: NDArray[np.int8] | None


def render(plan: Plan) -> Sources:
    """Return model.h, model.c and weights.c for a plan; equal plans give equal bytes."""
    templates, context = environment(), _context(plan)
    return {
        name: _text(templates.get_template(f"{name}.j2"), context)
        for name in ("model.h", "model.c", "weights.c")
    }


def _text(template: jinja2.Template, context: dict[str, object]) -> str:
    """Return the filled template; joining its parts would take twice the memory of large ones."""
    text = ""
    for part in template.generate(context):
        text += part
    return text


def _context(plan: Plan) -> dict[str, object]:
    graph = plan.graph
    prefix = identifier(graph.name)
    names = unique_identifiers(node.name for node in graph.nodes)
    return {
        "abi": ABI,
        "version": VERSION,
        "plan": plan,
        "graph": graph,
        "prefix": prefix,
        "macro": prefix.upper(),
        "input_bytes": graph.inputs[0].bytes,
        "output_bytes": graph.tensors()[graph.outputs[0]].bytes,
        "output": graph.tensors()[graph.outputs[0]],
        "layers": [_layer(plan, step, names[step.node.name]) for step in plan.steps],
    }


def _layer(plan: Plan, step: Step, name: str) -> LayerView:
    graph, node, small = plan.graph, step.node, plan.goal.optimize == "size"
    source = node.inputs[0]
    in_shape = graph.shape_of(source)
    return LayerView(
        n=name,
        step=step,
        title=_title(step, in_shape),
        in_shape=in_shape,
        in_quantizations=tuple(graph.quantization_of(i) for i in node.inputs),
        tables=_tables(node.op) if isinstance(node.op, QLinear) else None,
        patch=isinstance(node.op, QConv2D) and patches(node.op),
        rounding=output_rounding(node.op, node.quantization.zero_point, few_forms=small)
        if isinstance(node.op, QLinear)
        else Rounding.ANY,
        sum=_sum(graph, step.sum or node, node.name),
    )


def _sum(graph: QuantizedGraph, node: QNode, maker: str) -> SumView | None:
    if not isinstance(node.op, QAdd):
        return None
    left = left_term(node.op)
    order = (left, 1 - left)
    points = tuple(graph.quantization_of(node.inputs[i]).zero_point for i in order)
    return SumView(
        node, order, (points[0], points[1]), adds_quickly(node.op), node.inputs[left] == maker
    )


def _tables(op: QLinear) -> WeightTables:
    weights, packed = op.weights, op.weights.indices
    if weights.codebook is not None:
        packed = pack_rows(weights.indices, weights.bits, weights.overlap)
    return WeightTables(packed, weights.codebook)


def _title(step: Step, in_shape: tuple[int, ...]) -> str:
    node = step.node
    shapes = " -> ".join("x".join(map(str, shape)) for shape in (in_shape, node.shape))
    title = f"{node.name}: {node.op.kind}, {shapes}"
    bits = getattr(getattr(node.op, "weights", None), "bits", None)
    return title if bits is None else f"{title}, {bits} bits"
