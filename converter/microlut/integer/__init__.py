"""The quantized graph: what the integer interpreter runs and the planner lays out.

It is saved as one JSON file, which is checked when it is read.
"""

from microlut.integer.arrays import Float32Array, Int8Array, Int32Array, UInt8Array
from microlut.integer.compact import CompactStage, compact_stage, folded_bias
from microlut.integer.file import load, save
from microlut.integer.graph import (
    FitReport,
    Granularity,
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QMean,
    QNode,
    QOp,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    Quantization,
    QuantizedGraph,
    QuantizedWeights,
    WeightedOp,
    weights_by_channel,
)
from microlut.integer.overlap import INDEX_BITS, engine_overlap, pair_table
from microlut.integer.values import dequantize_array, quantize_array, quantized_range

__all__ = [
    "INDEX_BITS",
    "CompactStage",
    "FitReport",
    "Float32Array",
    "Granularity",
    "Int8Array",
    "Int32Array",
    "OutputStage",
    "QAdd",
    "QClamp",
    "QConv2D",
    "QDense",
    "QDepthwiseConv2D",
    "QMean",
    "QNode",
    "QOp",
    "QPad",
    "QPool2D",
    "QReshape",
    "QSoftmax",
    "Quantization",
    "QuantizedGraph",
    "QuantizedWeights",
    "UInt8Array",
    "WeightedOp",
    "compact_stage",
    "dequantize_array",
    "engine_overlap",
    "folded_bias",
    "load",
    "pair_table",
    "quantize_array",
    "quantized_range",
    "save",
    "weights_by_channel",
]
