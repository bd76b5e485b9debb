"""Translate the temporal convolution of Silicon Labs' mltk, which has filters of several lengths.

MultiScaleTemporalConvolution adds up depthwise convolutions of one input. They have the same
strides and all pad to the same size, so that their middles lie over the same frame: the sum is one
convolution, with the shorter filters centred in the longest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.keras import options
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.importers.keras.linear import LINEAR
from microlut.ops.arrays import frozen_array

_SHORTEST = 3  # frames, below which padding may be none


def _temporal(use: LayerUse) -> tuple[Step, ...]:
    layer, channels = use.layer, use.picture()[2]
    scales = options.integers(layer, "scales")
    if not scales or any(scale < _SHORTEST or scale % 2 == 0 for scale in scales):
        raise layer.invalid(f"option scales is {list(scales)}, expected odd numbers from 3 on")
    longest = max(scales)
    kernel = np.zeros((longest, 1, channels, 1), np.float32)
    for i, scale in enumerate(scales):
        margin = (longest - scale) // 2
        part = use.array(i, f"depthwise kernel {i}", (scale, 1, channels, 1))
        kernel[margin : margin + scale] += part
    config = {
        "name": layer.name,
        "kernel_size": [longest, 1],
        "strides": options.integer(layer, "stride"),
        "padding": "same",
        "use_bias": False,
    }
    plain = replace(layer, class_name="DepthwiseConv2D", config=config)
    return LINEAR["DepthwiseConv2D"](replace(use, layer=plain, weights=(frozen_array(kernel),)))


TEMPORAL: Mapping[str, Handler] = {"MultiScaleTemporalConvolution": _temporal}
