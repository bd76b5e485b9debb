"""The quantized graph: what the integer interpreter runs and the planner lays out.

It is saved as one JSON file, which is checked when it is read.
"""

from microlut.integer.compact import CompactStage, compact_stage, folded_bias
from microlut.integer.file import load, save
from microlut.integer.graph import QNode, QuantizedGraph
from microlut.integer.values import from_bytes, quantized_inputs, real_values, to_bytes

__all__ = [
    "CompactStage",
    "QNode",
    "QuantizedGraph",
    "compact_stage",
    "folded_bias",
    "from_bytes",
    "load",
    "quantized_inputs",
    "real_values",
    "save",
    "to_bytes",
]
