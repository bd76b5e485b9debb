"""Choose the type of each tensor by its name: int8 or int16."""

from __future__ import annotations

from microlut.conversion.settings import (
    Overrides,
    Settings,
    check_rules_match,
    rules_by_name,
)
from microlut.graph.ir import Graph
from microlut.ops.tensor import Activation
from microlut.quantize.types import Types, linked

_TYPES: dict[int, Activation] = {8: "int8", 16: "int16"}


def tensor_types(graph: Graph, settings: Settings, overrides: Overrides) -> Types:
    """Return the tensors that are to be int16, by name.

    Args:
        graph: Float graph after the passes.
        settings: The configuration file.
        overrides: The options of the command line, which rules for named tensors override.

    Raises:
        InvalidInput: A rule matches no tensor.
    """
    names = graph.tensors()
    check_rules_match(settings, "tensors", settings.tensors, names, "tensor of the network")
    usual = overrides.activations or settings.activations or 8
    bits: dict[str, int] = {
        name: next(iter(rules_by_name(name, settings.tensors, names)), usual) for name in names
    }
    wide = {name: _TYPES[found] for name, found in bits.items()}
    return {name: kind for name, kind in linked(graph, wide).items() if kind == "int16"}
