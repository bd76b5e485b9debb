"""Files for a fixed batch of several inputs: the network for one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph, TfliteFile

NOTE = "the file computes {} inputs at once: the network computes one"
# Operators that compute each input on its own, if the first dimension stays what it is.
_APART = frozenset(
    (
        *("ABS", "ADD", "AVERAGE_POOL_2D", "CEIL", "CONCATENATION", "CONV_2D", "COS"),
        *("DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EXP"),
        *("EXPAND_DIMS", "FLOOR", "FULLY_CONNECTED", "GELU", "HARD_SWISH", "L2_NORMALIZATION"),
        *("LEAKY_RELU", "LOG", "LOGISTIC", "LOG_SOFTMAX", "MAXIMUM", "MAX_POOL_2D", "MEAN"),
        *("MINIMUM", "MUL", "NEG", "PAD", "PADV2", "PRELU", "QUANTIZE", "REDUCE_MAX"),
        *("REDUCE_MIN", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
        *("RSQRT", "SIN", "SOFTMAX", "SPACE_TO_DEPTH", "SQRT", "SQUARE", "SQUARED_DIFFERENCE"),
        *("SQUEEZE", "SUB", "SUM", "TANH", "TRANSPOSE_CONV"),
    )
)

_OPERANDS = frozenset(
    (
        "ADD",
        "CONCATENATION",
        "DIV",
        "MAXIMUM",
        "MINIMUM",
        "MUL",
        "PRELU",
        "SQUARED_DIFFERENCE",
        "SUB",
    )
)


def for_one(file: TfliteFile) -> TfliteFile | None:
    """Return the file for one input instead of several; None if that is not what it computes.

    All tensors have the same first dimension then, and no operator mixes what is along it.
    """
    main = file.main
    sizes = {main.tensors[n].shape[:1] for n in main.inputs}
    if len(sizes) != 1 or any(each.kind not in _APART for each in main.operators):
        return None
    ((size, *_),) = (each or (1,) for each in sizes)
    computed = {*main.inputs, *(n for each in main.operators for n in each.outputs)}
    if size < 2 or any(main.tensors[n].shape[:1] != (size,) for n in computed):
        return None
    if any(_has_one_each(each, main.tensors) for each in main.operators):
        return None
    tensors = list(main.tensors)
    for n in computed:
        tensors[n] = replace(tensors[n], shape=(1, *tensors[n].shape[1:]))
    operators = tuple(_reshaping_one(each, tensors) for each in main.operators)
    changed = Subgraph(tuple(tensors), operators, main.inputs, main.outputs)
    return replace(file, subgraphs=(changed, *file.subgraphs[1:]))


def _has_one_each(operator: FileOperator, tensors: tuple[FileTensor, ...]) -> bool:
    """Return whether an operator has an operand with other constants for each input."""
    if operator.kind not in _OPERANDS:
        return False
    rank = len(tensors[operator.outputs[0]].shape)
    shapes = [
        tensors[n].shape for n in operator.inputs if n >= 0 and tensors[n].constant is not None
    ]
    return any(len(shape) == rank and shape[0] != 1 for shape in shapes)


def batch_of(file: TfliteFile) -> int:
    """Return the first dimension of the first input."""
    return file.main.tensors[file.main.inputs[0]].shape[0]


def _reshaping_one(operator: FileOperator, tensors: list[FileTensor]) -> FileOperator:
    """Return an operator whose constants, if they are a shape or sizes, are those of one input."""
    if operator.kind == "RESHAPE":
        shape = tensors[operator.outputs[0]].shape
        return replace(operator, inputs=operator.inputs[:1], options={"NewShape": shape})
    if operator.kind == "TRANSPOSE_CONV" and operator.inputs[0] >= 0:
        number = operator.inputs[0]
        found = tensors[number].constant
        if found is not None and found.size:
            values = np.array(found)
            values.reshape(-1)[0] = 1
            tensors[number] = replace(tensors[number], constant=values)
    return operator
