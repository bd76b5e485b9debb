"""A model made ready to be quantized, from which integer networks are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from microlut.conversion.coding import with_short_indices
from microlut.conversion.decisions import Decision
from microlut.conversion.findings import Finding
from microlut.conversion.layer_choices import LayerChoice
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.graph.passes.prune_channels import Pruned
from microlut.integer import QuantizedGraph
from microlut.quantize.divided import Divided
from microlut.quantize.figures import Quality, Task, pooled
from microlut.quantize.quality import integer_quality
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.stage import Revise, quantize, quantize_without_data
from microlut.quantize.weights import LayerConfigs


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that all quantizations of a model have in common.

    Attributes:
        graph: The float network after the passes.
        ranges: Ranges of all its tensors.
        inputs: [n, ...] inputs to quantize with: calibration inputs or synthetic ones.
        samples: [n, ...] calibration inputs, clipped to the input's range, if any; without those
            kept aside.
        layers: Choices allowed for each layer with weights, by its node's name.
        range_rule: How the ranges follow from the calibration inputs, if any.
        task: What the outputs are, for figures about them.
        findings: What was left out of the model, and problems of the calibration inputs.
        pruned: Layers that lost output channels in the passes.
        kept_int8: Layers that keep 8 bits in a network that was given 16.
        equalized: Layers whose output channels were divided to fill their tensor's range.
        measured: Least and largest value of each input among the calibration inputs, if any.
        aside: [n, ...] calibration inputs that make nothing and judge the result, if any.
        decisions: What was chosen by measuring so far.
        free_bits: Whether nobody asked for the bits of weights, so that others may be chosen.
    """

    graph: Graph
    ranges: Ranges
    inputs: Batch
    samples: Batch | None
    layers: Mapping[str, LayerChoice]
    range_rule: str | None
    task: Task = "auto"
    findings: tuple[Finding, ...] = ()
    pruned: tuple[Pruned, ...] = ()
    kept_int8: tuple[str, ...] = ()
    equalized: tuple[Divided, ...] = ()
    measured: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    aside: Batch | None = None
    decisions: tuple[Decision, ...] = ()
    free_bits: bool = False

    @property
    def configs(self) -> LayerConfigs:
        """Return the configurations of the layers if no budget chooses their bits."""
        return {name: layer.config for name, layer in self.layers.items()}

    @property
    def judges(self) -> Batch:
        """Inputs [n, ...] to compare the integer network with the float network on."""
        if self.aside is not None:
            return self.aside
        return self.inputs if self.samples is None else self.samples

    def quantize(self, configs: LayerConfigs, revise: Revise | None = None) -> QuantizedGraph:
        """Return the integer network with these configurations of its layers.

        With data, `revise` may change layers once those before them are quantized.
        """
        if _needs_data(configs):
            found = quantize(self.graph, self.ranges, self.inputs, configs, revise)
        else:
            found = quantize_without_data(self.graph, self.ranges, self.inputs, configs)
        return with_short_indices(found)

    def held_out_quality(self, configs: LayerConfigs) -> Quality:
        """Return the quality of the network on held-out inputs.

        The network is quantized with one half of the calibration inputs and judged on the other,
        and the other way round; only the ranges of activations are those of all inputs. A network
        quantized without data is judged on all calibration inputs, and with a single input on it.
        """
        if self.samples is None or len(self.samples) == 1 or not _needs_data(configs):
            return self.quality_on(configs, self.judges)
        halves = self.samples[::2], self.samples[1::2]
        return pooled(
            [
                replace(self, inputs=own).quality_on(configs, other)
                for own, other in (halves, halves[::-1])
            ]
        )

    def quality_on(self, configs: LayerConfigs, judges: Batch) -> Quality:
        """Return the quality of the network with these configurations on some inputs."""
        return integer_quality(self.graph, self.quantize(configs), judges, self.task)


def _needs_data(configs: LayerConfigs) -> bool:
    return any(config.needs_data for config in configs.values())
