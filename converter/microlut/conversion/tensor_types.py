"""Choose the type of each tensor by its name: int8 or int16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from microlut.conversion.layer_choices import check_rules_match, rules_by_name
from microlut.conversion.settings import Overrides, Settings
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.tensor import Activation
from microlut.quantize.types import Types, linked, without_form

_TYPES: dict[int, Activation] = {8: "int8", 16: "int16"}
_MOST_NAMED = 5
OF_INTEGERS = "the model is a network of integers, whose activations keep the scales of the file"


@dataclass(frozen=True, slots=True)
class TensorTypes:
    """The types of a network's tensors.

    Attributes:
        types: Tensors that are to be int16.
        kept_int8: Nodes that keep 8 bits, because no form of them computes with the 16 that the
            whole network was given.
    """

    types: Types = field(default_factory=dict)
    kept_int8: tuple[str, ...] = ()


def tensor_types(graph: Graph, settings: Settings, overrides: Overrides) -> TensorTypes:
    """Return the types of all tensors.

    A rule for a tensor always holds. Where only the whole network is given 16 bits, operators
    without a form for int16 keep 8.

    Args:
        graph: Float graph after the passes.
        settings: The configuration file.
        overrides: The options of the command line, which rules for named tensors override.

    Raises:
        InvalidInput: A rule matches no tensor.
    """
    names = graph.tensors()
    if graph.exact:
        check_types_free(overrides.activations or settings.activations, settings.tensors)
        return TensorTypes({name: "int16" for name, t in names.items() if t.dtype == "int16"})
    check_rules_match(settings, "tensors", settings.tensors, names, "tensor of the network")
    usual = overrides.activations or settings.activations or 8
    ruled = {name: rules_by_name(name, settings.tensors, names) for name in names}
    named = {name: _TYPES[rules[0]] for name, rules in ruled.items() if rules}
    if usual == 8:
        return TensorTypes(_wide(linked(graph, named)))
    named = dict(linked(graph, named))
    lacking = without_form(graph, named)
    narrow = linked(graph, lacking, "int8")
    types = {name: named.get(name, narrow.get(name, "int16")) for name in names}
    kept = tuple(node.name for node in graph.nodes if node.output in lacking)
    return TensorTypes(_wide(types), kept)


def kept_text(layers: Sequence[str]) -> str:
    """Return a line on layers that keep 8 bits in a network that was given 16."""
    more = f" and {len(layers) - _MOST_NAMED} more" if len(layers) > _MOST_NAMED else ""
    named = ", ".join(layers[:_MOST_NAMED])
    return f"8 bits, between conversions, for layers that have no form for 16: {named}{more}"


def check_types_free(bits: int | None, tensors: object) -> None:
    """Raise InvalidInput for types of tensors that a file fixes."""
    for name, given in (("--activations", bits), ("the settings' tensors", tensors)):
        if given:
            raise InvalidInput(f"{OF_INTEGERS}; leave {name} out, or give the float model")


def _wide(types: Types) -> Types:
    return {name: kind for name, kind in types.items() if kind == "int16"}
