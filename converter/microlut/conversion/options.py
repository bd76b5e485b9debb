"""The options of conversions and searches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, get_args

from microlut.conversion.class_names import ClassNames, class_names_of
from microlut.conversion.settings import Budget, Overrides, Settings, settings_of
from microlut.importers.keras.custom import Custom, check_custom
from microlut.ops.weights import Granularity
from microlut.plan import DEFAULT_CORE, Goal, Optimize
from microlut.quantize.figures import Task
from microlut.quantize.ranges.choose import RangeChoice
from microlut.quantize.weights import Method
from microlut.support.arguments import (
    PathLike,
    check_choice,
    check_flag,
    integer,
    number_pair,
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to quantize a model.

    Attributes:
        overrides: Options that override the settings.
        settings: The configuration file.
        input_range: Smallest and largest value of inputs. Needed without calibration inputs;
            replaces the range of calibration inputs.
        range_rule: How the ranges of activations follow from the calibration inputs.
        task: What the outputs are, for the figures about them and for budgets.
        distill: Whether to train the network to answer like the float network.
        goal: The goal of the memory plan.
        custom: What classes and layers of the model are; it overrides that of the settings.
        stream: The dimension of inputs along which frames come, without the batch, if the network
            is to take the next frames per run.
        class_names: Names of the classes, by their numbers.
        aside: Whether to keep some calibration inputs aside to judge the result on, if they
            suffice.
    """

    overrides: Overrides = field(default_factory=Overrides)
    settings: Settings = field(default_factory=Settings)
    input_range: tuple[float, float] | None = None
    range_rule: RangeChoice = "auto"
    task: Task = "auto"
    distill: bool = True
    goal: Goal = field(default_factory=Goal)
    custom: Custom = field(default_factory=dict)
    stream: int | None = None
    class_names: tuple[str, ...] = ()
    aside: bool = False

    def __post_init__(self) -> None:
        if self.input_range is not None:
            object.__setattr__(self, "input_range", number_pair("input range", self.input_range))
        check_choice("range rule", self.range_rule, get_args(RangeChoice))
        check_choice("task", self.task, get_args(Task))
        check_flag("distill", self.distill)
        if self.stream is not None:
            object.__setattr__(self, "stream", integer("stream", self.stream, 0))

    @property
    def said(self) -> dict[str, str]:
        """Return what the user says about classes and layers, in the settings and beside them."""
        return {**self.settings.custom, **self.custom}


class PrepareOptions(TypedDict, total=False):
    """The options that conversions and searches have."""

    activations: int | None
    granularity: Granularity | None
    method: Method | None
    input_range: tuple[float, float] | None
    range_rule: RangeChoice
    task: Task
    settings: PathLike | None
    custom: Custom | None


class ConvertOptions(PrepareOptions, total=False):
    """The options of conversions, but for the core, which a board has."""

    bits: int | None
    sparsity: float | None
    budget: Budget | None
    distill: bool
    optimize: Optimize
    max_ram: int | None
    step_instructions: int | None
    stream: int | None
    class_names: ClassNames | None


def options_of(  # noqa: PLR0913 (the user's options, by name)
    *,
    bits: int | None = None,
    activations: int | None = None,
    granularity: Granularity | None = None,
    method: Method | None = None,
    sparsity: float | None = None,
    budget: Budget | None = None,
    input_range: tuple[float, float] | None = None,
    range_rule: RangeChoice = "auto",
    task: Task = "auto",
    distill: bool = True,
    settings: PathLike | None = None,
    custom: Custom | None = None,
    optimize: Optimize = "balanced",
    max_ram: int | None = None,
    core: str = DEFAULT_CORE,
    step_instructions: int | None = None,
    stream: int | None = None,
    class_names: ClassNames | None = None,
) -> Options:
    """Return the options of `convert` as one; raises InvalidInput for what is not allowed."""
    overrides = Overrides(bits, granularity, method, budget, activations, sparsity)
    goal = Goal(optimize, max_ram, core, step_instructions=step_instructions)
    said = check_custom(custom)
    found = settings_of(settings)
    return Options(
        overrides,
        found,
        input_range,
        range_rule,
        task,
        distill,
        goal,
        custom=said,
        stream=found.stream if stream is None else stream,
        class_names=found.class_names if class_names is None else class_names_of(class_names),
    )
