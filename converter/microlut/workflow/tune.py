"""Convert a model and train its integer network on labelled data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

from microlut.conversion.conversion import Conversion
from microlut.conversion.options import ConvertOptions, options_of
from microlut.conversion.pipeline import convert_with
from microlut.conversion.prepared import Prepared
from microlut.distill.data import Ends, TrainingData, training_data
from microlut.distill.targets import targets_of
from microlut.distill.tuning import BATCH, EPOCHS, RATE, Tuned, Tuning
from microlut.errors import UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.plan import DEFAULT_CORE
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

    It learns the targets, if there are any, and the float network's answers: by straight-through
    gradients, with its scales, biases, levels and indices. Distillation, which
    `convert` does without labels, is left out. The network of the best epoch on samples that were
    not trained with is taken; that before training is one of the candidates.

    Args:
        model: As `convert` takes it.
        data: An .npz with arrays `x` and `y`, a pair (x, y), an array, or arrays by input name; or
            batches of these, such as a `tf.data.Dataset` or a `keras.utils.PyDataset`. `y` are
            class numbers or one-hot where the network ends with a softmax, 0 or 1 per label where
            it ends with sigmoids, and values otherwise; of several outputs, arrays in their order
            or by their names (in an .npz: arrays of these names). Outputs without targets, and all
            without `y`, learn only the float network's answers.
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
    tuning = replace(tuning, task=found.task)
    check_tensorflow(_PURPOSE)
    model = path_of("model", model) if is_path(model) else model
    graph = run_passes(import_model(model, name, found.said))
    _check(graph)
    ends = Ends(graph.inputs, targets_of(graph, found.task))
    given = training_data(data, validation, ends, tuning.batch)
    trainer = partial(_train, given, tuning, progress)
    return convert_with(model, given.calibration, found, name, progress, trainer=trainer)


def _check(graph: Graph) -> None:
    """Raise an error if a network cannot be tuned."""
    if graph.exact:
        raise UnsupportedModel(
            f"model {graph.name}: is a network of integers, whose weights are not trained; give "
            "the float model, or convert it"
        )
    if graph.states:
        raise UnsupportedModel(f"model {graph.name}: has states, which are not tuned; convert it")


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
