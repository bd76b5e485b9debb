"""Write the C sources of a plan by filling the templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import jinja2
import numpy as np
from numpy.typing import NDArray

from microlut.codegen.contents import contents_of
from microlut.codegen.environment import environment
from microlut.codegen.names import identifier
from microlut.codegen.structures import macros
from microlut.codegen.tensors import arena_map, base_of, interface, place_names
from microlut.integer.coding import Coded, coded
from microlut.integer.compact import folded_bias
from microlut.integer.packing import pack_rows, row_bytes, weight_owners
from microlut.integer.stream import warm_up_runs
from microlut.ops.linear import QLinear
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.weighted import QWeighted
from microlut.plan import Plan, Step
from microlut.plan.kernels import kernel_for, kernel_name
from microlut.plan.kernels.base import VECTOR_CORE
from microlut.plan.pieces import Piece, pieces_of
from microlut.version import VERSION

ABI = 13  # MLUT_ABI of firmware/include/microlut/microlut.h

_NAME = "x"  # of everything in the C of single layers
SOURCES = ("model.h", "model.c", "weights.h", "weights.c")

Sources = dict[str, str]


@dataclass(frozen=True, slots=True)
class LayerView:
    """One kernel call as the templates see it.

    Attributes:
        n: The C name of the layer.
        stored: The C name of the layer that stores its weights, mostly itself.
        fields: What the kernel adds to the operator and its tensors (`Kernel.fields`).
        piece: What of it runs; None: all.
    """

    n: str
    stored: str
    step: Step
    title: str
    in_shape: tuple[int, ...]
    in_quantizations: tuple[Quantization, ...]
    tables: WeightTables | None
    fields: Mapping[str, object]
    piece: Piece | None = None

    @property
    def kind(self) -> str:
        """Name of the kernel, which selects the template."""
        return kernel_name(self.step.call)

    @property
    def function(self) -> str:
        """Name of the engine's function without its prefix."""
        return kernel_for(self.step.call).function(self.step.call)


@dataclass(frozen=True, eq=False)
class WeightTables:
    """The weights of one layer as stored in flash; those that a file shows are made for it."""

    op: QWeighted
    source: Tensor

    @property
    def codebook(self) -> NDArray[np.int8] | None:
        """The levels, if indices are not the weights themselves and no code stands for them."""
        if self.op.weights.coded:
            return None
        return self.op.weights.codebook

    @cached_property
    def code(self) -> Coded | None:
        """The entropy-coded indices, if flash has these."""
        return coded(self.op.weights) if self.op.weights.coded else None

    @cached_property
    def packed(self) -> NDArray[np.uint8]:
        """The indices."""
        weights = self.op.weights
        if self.code is not None:
            return self.code.stream
        if weights.codebook is None:
            return weights.indices
        return pack_rows(weights.indices, weights.bits, weights.overlap)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of indices, or of a group of rows at least."""
        weights = self.op.weights
        if self.code is not None:
            return self.code.row_bytes
        return row_bytes(weights.indices.shape[1], weights.bits)

    @cached_property
    def real(self) -> Sequence[tuple[float, float]]:
        """Real scale and bias per channel, for comments on the packed output stage."""
        if not isinstance(self.op, QLinear):
            return ()
        scales = self.op.weights.scales
        units = self.source.scale * scales.astype(np.float64)
        biases = folded_bias(self.op, self.source.zero_point) * units
        return list(zip(scales.tolist(), biases.tolist(), strict=True))


def render(plan: Plan) -> Sources:
    """Return the C sources of a plan; equal plans give equal bytes."""
    templates, context = environment(), _context(plan)

    def text(name: str) -> str:
        return _text(templates.get_template(f"{name}.j2"), context)

    sources = {name: text(name) for name in SOURCES[1:]}
    known = macros(text("model.h"))
    contents = contents_of([sources["weights.c"], sources["model.c"]], known)
    context |= {"contents": contents, "crc": contents.crc, "crc_halves": contents.crc_halves}
    sources["model.c"] += text("check.c")
    return {"model.h": text("model.h"), **sources}


class LayerSources:
    """The C of single layers as in model.c, with one name for all layers and tensors."""

    def __init__(self) -> None:
        self._modules: dict[str, jinja2.environment.TemplateModule] = {}

    def of(self, plan: Plan, step: Step) -> str:
        """Return the constants and the call of a step; nothing if other steps do what it does."""
        made, segment = "", step.segment
        layer = _layer(plan, step, _NAME, _NAME)
        if step.is_called or segment is not None:
            made += self._macro(layer.kind, "definition", layer)
        if segment is not None and step.is_called:
            made += self._macro("segment", "definition", segment, _NAME)
            made += self._macro("segment", "call", segment, _NAME)
        elif segment is None and not step.merged:
            made += self._macro(layer.kind, "call", layer)
        return made

    def _macro(self, kind: str, name: str, *arguments: object) -> str:
        if kind not in self._modules:  # which takes longer than most macros
            template = environment().get_template(f"ops/{kind}.c.j2")
            names = defaultdict[str, str](lambda: _NAME)
            context = {"prefix": _NAME, "names": names, "base_at": lambda _: _NAME}
            self._modules[kind] = template.make_module(context)
        return str(getattr(self._modules[kind], name)(*arguments))


def _text(template: jinja2.Template, context: dict[str, object]) -> str:
    """Return the filled template; a list of its parts would need twice the memory."""
    text = ""
    for part in template.generate(context):
        text += part
    return text


def _context(plan: Plan) -> dict[str, object]:
    graph, owners = plan.graph, weight_owners(plan.graph)
    prefix = identifier(graph.name)
    names = place_names(plan)
    layers = {
        step.node.name: _layer(
            plan, step, names[step.node.name], names[owners.get(step.node.name, step.node.name)]
        )
        for step in plan.steps
    }
    used = [step for step in plan.steps if step.is_called or step.segment is not None]
    return {
        "abi": ABI,
        "crc": 0,  # until it is known
        "crc_halves": 0,
        "version": VERSION,
        "plan": plan,
        "graph": graph,
        "prefix": prefix,
        "macro": prefix.upper(),
        "names": names,
        "kinds": sorted({*(kernel_name(s.call) for s in used), *["segment"][: len(plan.segments)]}),
        **interface(plan, names),
        "warm_up": warm_up_runs(graph),
        "places": list(arena_map(plan, names)),
        "base_at": lambda offset: base_of(plan.part_at(offset), plan),
        "layers": list(layers.values()),
        "pieces": [replace(layers[step.node.name], piece=piece) for step, piece in pieces_of(plan)],
    }


def _layer(plan: Plan, step: Step, name: str, stored: str) -> LayerView:
    node, small = step.node, plan.goal.optimize == "size"
    vectors = plan.goal.core == VECTOR_CORE  # which look up without tables
    call = step.call
    if small or vectors:
        call = replace(call, few_forms=small, few_tables=True)
    return LayerView(
        n=name,
        stored=stored,
        step=step,
        title=_title(step),
        in_shape=call.source,
        in_quantizations=tuple(tensor.quantized for tensor in call.inputs),
        tables=WeightTables(node.op, call.inputs[0]) if isinstance(node.op, QWeighted) else None,
        fields=kernel_for(call).fields(call),
    )


def _title(step: Step) -> str:
    node = step.node
    shapes = " -> ".join("x".join(map(str, shape)) for shape in (step.call.source, node.shape))
    title = f"{node.name}: {node.op.kind}, {shapes}"
    bits = getattr(getattr(node.op, "weights", None), "bits", None)
    return title if bits is None else f"{title}, {bits} bits"
