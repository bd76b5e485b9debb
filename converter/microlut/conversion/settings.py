"""Read a configuration file, and choose each layer's weight configuration and the budget.

docs/reference/configuration.md describes the TOML file. `Overrides` are the options of the command
line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from microlut.conversion.class_names import class_names_of
from microlut.conversion.project_table import ProjectTable
from microlut.errors import InvalidInput
from microlut.ops.weighted import Weighted
from microlut.ops.weights import Granularity
from microlut.quantize.assign.prune import MOST_SPARSE
from microlut.quantize.weights import Method, WeightConfig
from microlut.support.arguments import PathLike, brief, path_of
from microlut.support.toml_file import Table, describe, read_toml

SETTINGS_FILE = "microlut.toml"  # looked for in the current folder
_PLAIN_INT8 = 8  # bits

ActivationBits = Literal[8, 16]


class Rule(Table):
    """A rule for the weights of some layers; None for keys that it does not set."""

    bits: Literal[2, 3, 4, 5, 6, 7, 8] | None = None
    granularity: Granularity | None = None
    method: Method | None = None
    sparsity: Annotated[float, Field(ge=0, le=MOST_SPARSE)] | None = None


class LayerRule(Rule):
    """A rule for layers by their names; `exclude` keeps them in plain int8."""

    exclude: bool | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.exclude and self.bits not in (None, _PLAIN_INT8):
            found = f"found exclude = true and bits = {self.bits}"
            raise ValueError(f"{found}; an excluded layer has 8 bits; remove one of the two")
        return self


class TypeRules(Table):
    """A rule for each type of layer that has weights."""

    conv2d: Rule = Rule()
    depthwise_conv2d: Rule = Rule()
    dense: Rule = Rule()
    recurrent: Rule = Rule()
    svdf: Rule = Rule()
    transpose_conv2d: Rule = Rule()

    def of(self, op: Weighted) -> Rule:
        """Return the rule for an operator's type."""
        rule: Rule = getattr(self, op.becomes.removesuffix("_step"))
        return rule


class _BudgetTable(Table):
    average_bits: Annotated[float, Field(ge=2, le=8)] | None = None
    flash_bytes: Annotated[int, Field(gt=0)] | None = None
    max_drop: Annotated[float, Field(ge=0, le=100)] | None = None
    min_snr: Annotated[float, Field(gt=0, le=100)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = list(self.model_dump(exclude_none=True))
        if len(given) != 1:
            found, known = " and ".join(given) or "no key", ", ".join(type(self).model_fields)
            raise ValueError(f"found {found}; give exactly one of {known}")
        return self


class ConfigurationFile(Table):
    """The file `microlut.toml`; everything in it is optional."""

    defaults: Rule = Rule()
    budget: _BudgetTable | None = None
    types: TypeRules = TypeRules()
    layers: dict[str, LayerRule] = Field(default_factory=dict)
    activations: ActivationBits | None = None
    tensors: dict[str, ActivationBits] = Field(default_factory=dict)
    custom: dict[str, str] = Field(default_factory=dict)
    stream: Annotated[int, Field(ge=0)] | None = None
    class_names: str | list[str] | None = None
    project: ProjectTable = ProjectTable()


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit that the choice of bits keeps; InvalidInput unless exactly one key is set."""

    average_bits: float | None = None  # mean bits per weight over all layers, 2 to 8
    flash_bytes: int | None = None  # of weights, codebooks and output stages, above 0
    max_drop: float | None = None  # of accuracy, in percentage points, 0 to 100
    min_snr: float | None = None  # of the outputs, in dB, above 0 to 100

    def __post_init__(self) -> None:
        try:
            _BudgetTable.model_validate(self.as_json())
        except ValidationError as error:
            raise InvalidInput(describe(error, "budget")) from error

    def as_json(self) -> dict[str, float]:
        """Return the budget as JSON values: its one key."""
        values = {name: getattr(self, name) for name in type(self).__dataclass_fields__}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Settings:
    """The contents of a configuration file; without arguments, of an empty one."""

    path: Path | None = None  # for errors
    defaults: Rule = field(default_factory=Rule)
    budget: Budget | None = None
    types: TypeRules = field(default_factory=TypeRules)
    layers: dict[str, LayerRule] = field(default_factory=dict)  # by name or pattern, in order
    custom: dict[str, str] = field(default_factory=dict)  # what classes and layers are, by name
    stream: int | None = None  # the dimension of inputs along which frames come
    class_names: tuple[str, ...] = ()  # names of the classes
    activations: ActivationBits | None = None
    tensors: dict[str, ActivationBits] = field(default_factory=dict)  # by name or pattern, in order
    project: ProjectTable = field(default_factory=ProjectTable)  # what to deploy


@dataclass(frozen=True, slots=True)
class Overrides:
    """Options of the command line, None if not given; bits with a budget are an InvalidInput."""

    bits: int | None = None
    granularity: Granularity | None = None
    method: Method | None = None
    budget: Budget | None = None
    activations: int | None = None
    sparsity: float | None = None

    def __post_init__(self) -> None:
        known = type(self.activations) is int and self.activations in get_args(ActivationBits)
        if self.activations is not None and not known:
            raise InvalidInput(
                f"activations is {brief(self.activations)}; give the bits of activations, 8 or 16"
            )
        if self.bits is not None and self.budget is not None:
            raise InvalidInput(
                "bits and a budget are both given; bits are the same for all layers, a budget "
                "chooses them layer by layer; give one of the two"
            )
        if not isinstance(self.budget, Budget | None):
            raise InvalidInput(f"budget is {brief(self.budget)}; give a microlut.Budget")
        keys = ("bits", "granularity", "method", "sparsity")
        given = {key: getattr(self, key) for key in keys}
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        config = WeightConfig(**values)  # raises for what is not allowed
        if self.bits is not None:
            object.__setattr__(self, "bits", config.bits)  # as an int


def load_settings(path: Path) -> Settings:
    """Read a configuration file.

    Raises:
        InvalidInput: The file cannot be read, is not TOML, or has something that is not allowed.
    """
    try:
        file = ConfigurationFile.model_validate(read_toml(path, InvalidInput))
    except ValidationError as error:
        raise InvalidInput(f"{path}: {describe(error)}") from error
    budget = None if file.budget is None else Budget(**file.budget.model_dump())
    return Settings(
        path,
        file.defaults,
        budget,
        file.types,
        file.layers,
        file.custom,
        file.stream,
        class_names_of(_seen_from(file.class_names, path), f"{path}: class_names"),
        file.activations,
        file.tensors,
        file.project,
    )


def _seen_from(class_names: str | list[str] | None, settings: Path) -> Path | list[str] | None:
    """Return the names of classes, or the path of their file as the current folder sees it."""
    return settings.parent / class_names if isinstance(class_names, str) else class_names


def settings_of(path: PathLike | None) -> Settings:
    """Return what a configuration file says, or without one what an empty one does."""
    return Settings() if path is None else load_settings(path_of("settings", path))


def budget_in_force(settings: Settings, overrides: Overrides) -> Budget | None:
    """Return the budget to choose bits by, if any; bits on the command line override it."""
    return None if overrides.bits is not None else overrides.budget or settings.budget
