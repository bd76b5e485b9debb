"""A callback for `fit` that measures, while a model is trained, what its conversion would lose."""

from __future__ import annotations

from typing import Any, Unpack

from microlut.conversion.options import ConvertOptions, options_of
from microlut.conversion.pipeline import convert
from microlut.importers.samples import Inputs, as_samples
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs
from microlut.support.arguments import integer
from microlut.support.tensorflow import load_tensorflow
from microlut.verification.accuracy import top1


def conversion_callback(
    inputs: Inputs,
    labels: Any = None,  # noqa: ANN401 (an array of any library)
    *,
    every: int = 1,
    **options: Unpack[ConvertOptions],
) -> Any:  # noqa: ANN401 (a class that exists once Keras is imported)
    """Return a Keras callback that converts the model at the end of epochs, and logs the loss.

    It adds `integer_divergence` to the logs, or `integer_snr` of values, and with labels
    `integer_accuracy`, a share as Keras has it. So `EarlyStopping` and `ModelCheckpoint` behind it
    can monitor the network that will run. The model is not changed, and is not distilled.

    Args:
        inputs: Some hundred inputs that the model is not trained with, as `convert` takes them.
        labels: Class numbers [n].
        every: Epochs between two conversions.
        **options: Those of `convert`, but for `distill`.

    Raises:
        MicrolutError: In `fit`, for a model that cannot be converted.
    """
    every = integer("every", every, 1)
    options["distill"] = False
    options_of(**options)  # tells what is wrong before an epoch is over
    keras = load_tensorflow("a callback").keras

    class ConversionCallback(keras.callbacks.Callback):  # type: ignore[misc, name-defined]
        """Converts the model at the end of epochs."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            """Convert the model and add what it loses to the logs."""
            if (epoch + 1) % every:
                return
            made = convert(self.model, inputs, **options)
            quality = made.report.quality
            found = {"integer_divergence": quality.divergence}
            if quality.agreement is None and quality.snr_db is not None:
                found = {"integer_snr": quality.snr_db}
            if labels is not None:
                graph = made.quantized
                given = as_samples(inputs, graph.inputs, labels)
                scores = int_ops.outputs(graph, quantized_inputs(graph, given.inputs))
                share = top1(next(iter(scores.arrays.values())), given.y)
                found["integer_accuracy"] = (share or 0.0) / 100.0
            if logs is not None:
                logs.update(found)

    return ConversionCallback()
