"""Convert a model and train its integer network on labelled data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Unpack

from microlut.conversion.conversion import Conversion
from microlut.conversion.options import ConvertOptions, options_of
from microlut.conversion.pipeline import convert_with
from microlut.conversion.prepared import Prepared
from microlut.distill.data import TrainingData, training_data
from microlut.distill.tuning import BATCH, EPOCHS, RATE, Tuned, Tuning
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.plan import DEFAULT_CORE
from microlut.quantize.quality import judged
from microlut.quantize.weights import LayerConfigs
from microlut.support.arguments import (
    PathLike,
    check_flag,
    check_text,
    integer,
    is_path,
    path_of,
    positive,
)
from microlut.support.progress import Progress, check_progress, silent
from microlut.support.tensorflow import check_tensorflow, load_tensorflow

if TYPE_CHECKING:
    from microlut.graph.ir import Graph

_PURPOSE = "tuning"


def tune(  # noqa: PLR0913 (the user's options, by name)
    model: PathLike | object,
    data: object,
    *,
    validation: object = None,
    epochs: int = EPOCHS,
    rate: float = RATE,
    batch: int = BATCH,
    checkpoint: PathLike | None = None,
    core: str = DEFAULT_CORE,
    name: str | None = None,
    progress: Progress = silent,
    **options: Unpack[ConvertOptions],
) -> Conversion:
    """Convert a model, then train the integer network itself with your training data.

    It learns the class numbers, if there are any, and the float network's answers: by
    straight-through gradients, with its scales, biases, levels and indices. Distillation, which
    `convert` does without labels, is left out. The network of the best epoch on samples that were
    not trained with is taken; that before training is one of the candidates.

    Args:
        model: As `convert` takes it.
        data: An .npz with arrays `x` and `y`, a pair (x, y), an array, or arrays by input name; or
            batches of these, such as a `tf.data.Dataset` or a `keras.utils.PyDataset`. `y` are
            class numbers or one-hot; without them, only the float network's answers are learned.
        validation: Samples that judge, in one of these forms; by default a tenth of the arrays.
        epochs: Passes over the data.
        rate: The highest learning rate.
        batch: Samples per step, if the data are arrays.
        checkpoint: A file that each epoch is written to. If it is there, training goes on from it.
        core: The core that the plan is optimized for.
        name: Name of the model.
        progress: Called with (stage, done, total).
        **options: Those of `convert`, but for `distill`.

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong with the inputs.
    """
    check_progress(progress)
    tuning = Tuning(
        integer("epochs", epochs, 1),
        positive("rate", rate),
        integer("batch", batch, 1),
        None if checkpoint is None else path_of("checkpoint", checkpoint),
    )
    check_text("name", name)
    check_flag("distill", options.get("distill", True))
    options["distill"] = False
    found = options_of(**options, core=core)
    check_tensorflow(_PURPOSE)
    model = path_of("model", model) if is_path(model) else model
    graph = run_passes(import_model(model, name, found.said))
    given = training_data(data, validation, graph.inputs, tuning.batch)
    _check(graph, given)
    trainer = partial(_train, given, tuning, progress)
    return convert_with(model, given.calibration, found, name, progress, trainer=trainer)


def _check(graph: Graph, data: TrainingData) -> None:
    """Raise an error if a network cannot be tuned with these data."""
    if graph.exact:
        raise UnsupportedModel(
            f"model {graph.name}: is a network of integers, whose weights are not trained; give "
            "the float model, or convert it"
        )
    if graph.states:
        raise UnsupportedModel(f"model {graph.name}: has states, which are not tuned; convert it")
    y, scores = data.judges.y, judged(graph, graph.outputs[0])
    if y is None:
        return
    classes = graph.shape_of(scores[0])[-1]
    if not scores[1] or graph.tensors()[scores[0]].size != classes:
        raise InvalidInput(
            f"model {graph.name}: class numbers are given, but it does not end with one softmax; "
            "give data without y, and it learns the float network's answers"
        )
    if y.max() >= classes:
        raise InvalidInput(
            f"y holds class numbers up to {y.max()}, but the model has {classes} outputs; give "
            f"numbers from 0 to {classes - 1}"
        )


def _train(
    data: TrainingData,
    tuning: Tuning,
    progress: Progress,
    prepared: Prepared,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
) -> tuple[QuantizedGraph, Tuned]:
    load_tensorflow(_PURPOSE)
    from microlut.distill.tune import tune as train

    return train(prepared.graph, quantized, configs, data, tuning, progress)
