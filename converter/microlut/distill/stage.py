"""Train an integer network if it is worthwhile, and import TensorFlow only then."""

from __future__ import annotations

from microlut.distill.decision import Distilled, may_lose, worthwhile_training
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.quantize.weights import LayerConfigs
from microlut.support.progress import Progress
from microlut.support.tensorflow import check_tensorflow, load_tensorflow

_PURPOSE = "distillation (--no-distill leaves it out)"


def check_trainer(samples: Batch | None, configs: LayerConfigs | None) -> None:
    """Raise ToolMissing if training may be worth while and nothing can train.

    This is checked before minutes are spent on quantization, so it does not import TensorFlow.

    Args:
        samples: [n, ...] calibration inputs, if any.
        configs: How the layers will be quantized, by name; None if a budget decides.
    """
    if samples is not None and (configs is None or may_lose(configs)):
        check_tensorflow(_PURPOSE)


def distilled(
    graph: Graph,
    quantized: QuantizedGraph,
    configs: LayerConfigs,
    inputs: Batch,
    aside: Batch | None,
    progress: Progress,
) -> Distilled | None:
    """Return what training gives, or None if it is not worthwhile.

    Args:
        graph: The float network after the passes.
        quantized: Its integer form.
        configs: How its layers were quantized, by name.
        inputs: [n, ...] calibration inputs.
        aside: [n, ...] inputs kept aside, that decide whether training helps; None lets the
            calibration inputs decide.
        progress: Called with ("distill", steps done, steps).
    """
    if not may_lose(configs):
        return None
    training = worthwhile_training(graph, quantized, inputs, aside)
    if training is None:
        return None
    load_tensorflow(_PURPOSE)
    from microlut.distill.train import distill

    return distill(graph, quantized, configs, inputs, training, progress)
