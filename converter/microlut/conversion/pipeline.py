"""Convert a trained model: the pipeline of all stages.

file -> Graph -> Graph (folded) -> Ranges -> QuantizedGraph -> Plan -> Sources
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from microlut.board.board import Board
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.conversion.alarm import alarms
from microlut.conversion.allocation import Allocation
from microlut.conversion.bits import quantize_within
from microlut.conversion.calibration import STAGES
from microlut.conversion.class_names import ClassNames
from microlut.conversion.conversion import Conversion, source_hash
from microlut.conversion.decisions import Decision
from microlut.conversion.early_checks import Check, early_checks, unchecked
from microlut.conversion.findings import Finding, Remedy
from microlut.conversion.integers import file_integers
from microlut.conversion.memories import arena_banks, with_weights_placed
from microlut.conversion.options import Options, options_of
from microlut.conversion.preparation import prepare
from microlut.conversion.prepared import Prepared
from microlut.conversion.remedies import measured_remedies
from microlut.conversion.reporting import Making, convert_report
from microlut.conversion.settings import Budget, budget_in_force
from microlut.distill.decision import UNTRAINED
from microlut.distill.stage import distilled, training_for
from microlut.distill.tuning import Tuned
from microlut.errors import ToolMissing
from microlut.importers.keras.custom import Custom
from microlut.importers.onnx.memory import with_example
from microlut.importers.samples import Inputs
from microlut.integer import QuantizedGraph
from microlut.ops.weights import Granularity
from microlut.plan import DEFAULT_CORE, Optimize, make_plan
from microlut.quantize.figures import Task
from microlut.quantize.quality import affordable_inputs, compare, spread
from microlut.quantize.ranges.choose import RangeChoice
from microlut.quantize.weights import LayerConfigs, Method
from microlut.streaming.stream import stream as streamed
from microlut.support.arguments import PathLike, is_path, path_of
from microlut.support.progress import Progress, silent
from microlut.support.tensorflow import INSTALL, tensorflow_installed
from microlut.support.texts import plain

_IN_MEMORY = "a model in memory"
_UNTRAINED = Finding(
    code="not-trained",
    place="",
    text="training may win back some of what the bits lose, but TensorFlow is not installed",
    remedies=(Remedy(f"{INSTALL}, or --no-distill to do without"),),
)
Trainer = Callable[[Prepared, QuantizedGraph, LayerConfigs], tuple[QuantizedGraph, Tuned]]


def convert(  # noqa: PLR0913 (the user's options, by name)
    model: PathLike | object,
    calibration: Inputs | None = None,
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
    name: str | None = None,
    example_input: object = None,
    progress: Progress = silent,
) -> Conversion:
    """Convert a trained model to codebook weights and integer activations.

    Args:
        model: A .keras, .h5, .tflite or .onnx file, a SavedModel folder, a `keras.Model`, or a
            `torch.nn.Module`.
        calibration: Inputs like those in use (labels are not needed): an .npz with array `x`, an
            .npy, or an array [n, ...]. Some hundred are enough.
        bits: Bits per weight: 2 to 7 with one codebook per layer; 8 is plain int8. 4 by default.
        activations: Bits of activations: 8 by default, or 16, with which outputs are far nearer to
            the float ones. Settings have them by tensor, too.
        granularity: What shares a scale: an output "channel" (by default) or a whole "tensor".
        method: "calibrated" (by default, if there are calibration inputs), "empirical" (the same
            with k-means levels), "fitted" (by default without: from the weights and the
            batch-norm statistics alone) or "published" (the nearest levels of the fitted density,
            and nothing else).
        sparsity: Share of each layer's weights that become zero, up to 0.95; the others make up
            for them.
        budget: Chooses bits layer by layer, instead of `bits`.
        input_range: Smallest and largest value of inputs, such as (0, 255). Needed without
            calibration inputs; replaces the range of calibration inputs.
        range_rule: How the ranges of activations follow from the calibration inputs: "min-max",
            "percentile", "min-error", or the best of them by measuring, "auto".
        task: What the outputs are: "classes", "labels", "values", or by default "auto": classes if
            the network ends with a softmax, labels if with a sigmoid. Figures and budgets follow
            it.
        distill: Whether to train a network with layers of few bits to answer like the float
            network, as the last step; it needs calibration inputs and takes up to a minute.
        settings: A configuration file; the other arguments override it.
        custom: What classes, activations and layers of the model are, by their names: classes of
            Keras, such as {"MyConv": "Conv2D"}, or expressions, such as {"lambda_3": "x / 255"}.
        optimize: "balanced" (the arena takes memory where that saves much time), "speed" (all that
            saves any), "size" (of the engine's code) or "ram" (the smallest arena).
        max_ram: Limit of the arena in bytes; all of it is used for larger tiles.
        core: The core that the plan is optimized for; the sources run on all.
        step_instructions: About how many instructions each part of an inference may take that the
            function `_step` of the C code runs, as far as layers can be divided; by default, a part
            is a whole kernel call.
        stream: The dimension of inputs along which frames come, counted without the batch: a run
            takes the next frames, and answers as the model does for the last window of them.
        class_names: Names of the classes by their numbers, or a text file with one per line, for
            the C code and for reports.
        name: Name of the model; the file's by default.
        example_input: For a `torch.nn.Module`: what it is called with, a tensor or an array
            [batch, ...], or a tuple of them. PyTorch exports the module to ONNX.
        progress: Called with (stage, done, total).

    Raises:
        MicrolutError: A subclass, for everything that can be wrong with the inputs.
    """
    model = with_example(model, example_input)
    options = options_of(
        bits=bits,
        activations=activations,
        granularity=granularity,
        method=method,
        sparsity=sparsity,
        budget=budget,
        input_range=input_range,
        range_rule=range_rule,
        task=task,
        distill=distill,
        settings=settings,
        custom=custom,
        optimize=optimize,
        max_ram=max_ram,
        core=core,
        step_instructions=step_instructions,
        stream=stream,
        class_names=class_names,
    )
    return convert_with(model, calibration, options, name, progress)


def convert_with(  # noqa: PLR0913 (two of them only `deploy` has)
    model: PathLike | object,
    calibration: Inputs | None,
    options: Options,
    name: str | None,
    progress: Progress,
    check: Check = unchecked,
    board: Board | None = None,
    trainer: Trainer | None = None,
) -> Conversion:
    """Convert a model; the arguments are those of `convert`, with all options in one.

    `check` may raise an early error about the network or the range of its input, `board` is where
    the firmware is to run, and `trainer` trains the network instead of distillation.
    """
    model = path_of("model", model) if is_path(model) else model
    to_tflite = _tflite_writer()  # early: it may be missing
    options = replace(options, aside=True)
    prepared = prepare(model, calibration, options, name, progress, early_checks(options, check))
    progress("quantize", 2, STAGES)
    budget = budget_in_force(options.settings, options.overrides)
    found = quantize_within(prepared, budget, progress)
    tuned: Tuned | None = None
    trained: tuple[Decision, ...] = ()
    untrained: tuple[Finding, ...] = ()
    if trainer is not None:
        quantized, tuned = trainer(prepared, found.quantized, found.configs)
    else:
        quantized, trained, untrained = _distilled(prepared, found, options, progress)
    quantized = replace(
        quantized,
        source=_source_name(model),
        source_sha256=source_hash(model),
        class_names=options.class_names,
    )
    decisions = (*prepared.decisions, *found.decisions, *trained)
    # before large texts take memory
    making = _making(prepared, found.configs, quantized, budget)
    making = replace(
        making,
        findings=(*making.findings, *untrained),
        distilled=any(decision.chosen != UNTRAINED for decision in trained),
        decisions=decisions,
        custom=options.said,
        tuned=tuned,
    )
    progress("plan", 3, STAGES)
    if options.stream is not None:  # only now, so that all stages see whole windows
        quantized = streamed(quantized, options.stream)
    goal = options.goal.within(() if board is None else arena_banks(board, quantized))
    plan = make_plan(quantized, goal, curve=goal.optimize != "size")  # which is not modelled
    plan = with_weights_placed(plan, board)
    progress("generate", 4, STAGES)
    conversion = Conversion(
        graph=prepared.graph,
        quantized=quantized,
        plan=plan,
        sources=render(plan),
        tflite=None if quantized.tflite_lacks() else to_tflite(quantized),
        report=convert_report(plan, identifier(quantized.name), making),
    )
    progress("generate", 5, STAGES)
    return conversion


def _distilled(
    prepared: Prepared, found: Allocation, options: Options, progress: Progress
) -> tuple[QuantizedGraph, tuple[Decision, ...], tuple[Finding, ...]]:
    """Return the network after training, if that is worthwhile and helps, and what decided it.

    Where TensorFlow is not installed, the network stays as it is, and a finding says so.
    """
    graph, quantized = prepared.graph, found.quantized
    if not options.distill or graph.exact:
        return quantized, (), ()
    training = training_for(prepared, quantized, found.configs)
    if training is None:
        return quantized, (), ()
    if not tensorflow_installed():
        return quantized, (), (_UNTRAINED,)
    made = distilled(prepared, quantized, found.configs, training, progress)
    decision = Decision(
        "distillation",
        made.chosen,
        "error",
        prepared.aside is not None,
        made.errors,
    )
    return made.quantized or quantized, (decision,), ()


def _making(
    prepared: Prepared,
    configs: LayerConfigs,
    quantized: QuantizedGraph,
    budget: Budget | None,
) -> Making:
    """Return how a network was made, and compare it with the float network on a few inputs."""
    judges = spread(prepared.judges, affordable_inputs(prepared.graph))
    comparison = compare(prepared.graph, quantized, judges, prepared.task)
    remedies = partial(measured_remedies, prepared, configs, comparison.quality)
    found = alarms(quantized, comparison, prepared.samples, remedies)
    return Making(
        configs=configs,
        budget=budget,
        calibration_samples=sum(map(len, filter(None, (prepared.samples, prepared.aside)))),
        kept_aside=0 if prepared.aside is None else len(prepared.aside),
        range_rule=prepared.range_rule,
        comparison=comparison,
        findings=(*prepared.findings, *found),
        pruned=prepared.pruned,
        kept_int8=prepared.kept_int8,
        equalized=prepared.equalized,
        measured=prepared.measured,
        file_integers=file_integers(prepared.graph, quantized),
    )


def _tflite_writer() -> Callable[[QuantizedGraph], bytes]:
    """Import the writer, which needs the schema's package, only when it is used."""
    try:
        from microlut.codegen.tflite import to_tflite
    except ImportError as error:
        raise ToolMissing(
            f"ai-edge-litert is not installed or cannot be loaded ({error}); it has the schema of "
            ".tflite files, which `microlut convert` writes; "
            "install it with: pip install ai-edge-litert"
        ) from error
    return to_tflite


def _source_name(model: object) -> str:
    return plain(model.resolve().name) if isinstance(model, Path) else _IN_MEMORY
