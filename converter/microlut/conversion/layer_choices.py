"""Choose the weight configuration of each layer by the rules of the settings."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from microlut.conversion.settings import LayerRule, Overrides, Rule, Settings
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.quantize.weights import Method, WeightConfig
from microlut.support.toml_file import dotted

_PLAIN_INT8 = 8  # bits
_LISTED_LAYERS = 5  # names that fit into one line of an error
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """One layer's weight configuration; a budget may not change its bits if they are `pinned`."""

    config: WeightConfig
    pinned: bool


def layer_choices(
    graph: Graph, settings: Settings, overrides: Overrides, default_method: Method
) -> dict[str, LayerChoice]:
    """Return the choice for every layer with weights, by name, in execution order.

    Args:
        graph: Float graph after the passes.
        settings: The configuration file.
        overrides: The options of the command line.
        default_method: The method if neither sets one.

    Raises:
        InvalidInput: A layer rule matches no layer.
    """
    layers = {node.name: op for node, op in graph.weighted()}
    check_rules_match(settings, "layers", settings.layers, layers, "layer that has weights")
    built_in = WeightConfig(method=default_method)
    choices = {}
    for name, op in layers.items():
        rules = [*rules_by_name(name, settings.layers, layers), settings.types.of(op)]
        choices[name] = _choose(rules, settings.defaults, overrides, built_in)
    return choices


def rules_by_name(name: str, rules: Mapping[str, _Value], names: Collection[str]) -> list[_Value]:
    """Return the rules for a name, in order of precedence."""
    exact = [rules[name]] if name in rules else []
    # A key that equals a name stands for that one alone, even with brackets in it.
    patterns = [rule for key, rule in rules.items() if key not in names and fnmatchcase(name, key)]
    return [*exact, *reversed(patterns)]


def _choose(
    rules: Sequence[Rule], defaults: Rule, overrides: Overrides, built_in: WeightConfig
) -> LayerChoice:
    named, excluded = _named_bits(rules)
    pinned = named if excluded or overrides.bits is None else overrides.bits
    levels: list[Overrides | Rule] = [overrides, *rules, defaults]
    config = WeightConfig(
        bits=_first([pinned, defaults.bits], built_in.bits),
        granularity=_first([level.granularity for level in levels], built_in.granularity),
        method=_first([level.method for level in levels], built_in.method),
        sparsity=_first([level.sparsity for level in levels], built_in.sparsity),
    )
    return LayerChoice(config, pinned is not None)


def _named_bits(rules: Sequence[Rule]) -> tuple[int | None, bool]:
    """Return the bits that the rules name, and whether the layer is excluded.

    Bits and `exclude` answer the same question, so the first rule that has either decides. A false
    `exclude` overrides only the true ones after it.
    """
    excludable = True
    for rule in rules:
        exclude = rule.exclude if isinstance(rule, LayerRule) else None
        if exclude and excludable:
            return _PLAIN_INT8, True
        if rule.bits is not None:
            return rule.bits, False
        excludable = excludable and exclude is not False
    return None, False


def _first(values: Iterable[_Value | None], last: _Value) -> _Value:
    return next((value for value in values if value is not None), last)


def check_rules_match(
    settings: Settings, table: str, rules: Iterable[str], names: Collection[str], what: str
) -> None:
    """Raise InvalidInput unless every rule of a table matches a name; `what` these are names of."""
    for key in rules:
        if key in names or any(fnmatchcase(name, key) for name in names):
            continue
        where = "" if settings.path is None else f"{settings.path}: "
        raise InvalidInput(
            f"{where}{dotted(table, key)}: matches no {what}; those are "
            f"{_nearest(key, names)}; correct the name or remove the rule"
        )


def _nearest(key: str, layers: Collection[str]) -> str:
    """List layer names, those like `key` first."""
    near = sorted(layers, key=lambda name: -difflib.SequenceMatcher(None, key, name).ratio())
    more = f" and {len(near) - _LISTED_LAYERS} more" if len(near) > _LISTED_LAYERS else ""
    return (", ".join(near[:_LISTED_LAYERS]) or "none") + more
