"""Build an image that runs a quantized graph on CMSIS-NN.

Layers of 4 bits use the s4 kernels, which have no codebook: `uniform` makes a network for them. All
others use the int8 kernels. The network's weights, multipliers and zero points are used unchanged,
so its outputs must equal the integer interpreter's in every byte. Every node is one call, and calls
can be counted one by one. Each tensor has separate memory, since CMSIS-NN does no planning.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from console_image import GCC, PREFIX, Sizes, archive, link, write_configuration
from numpy.typing import NDArray

import microlut
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.linear import QLinear
from microlut.ops.mean import QMean
from microlut.ops.pool2d import QPool2D
from microlut.ops.reshape import QReshape
from microlut.ops.softmax import QSoftmax
from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window

CALLER = f"{PREFIX}_run"
_PARTS = (
    *("Convolution", "FullyConnected", "Pooling", "Softmax", "BasicMath", "Transpose", "NNSupport"),
)
_ADD_LEFT_SHIFT = 20  # of TensorFlow Lite's int8 addition
_SCRATCH_BYTES = 1 << 16

_OPERATORS = (QLinear, QAdd, QPool2D, QMean, QSoftmax, QReshape)

_SOURCE = """#include "model.h"
#include "arm_nnfunctions.h"
#include "arm_nnsupportfunctions.h"
_Alignas(16) uint8_t rival_arena[RIVAL_ARENA_BYTES];
static const cmsis_nn_context context = {{rival_arena, RIVAL_ARENA_BYTES}};
{data}
/* CMSIS-NN has no mean: this is what TensorFlow Lite Micro runs instead. */
static __attribute__((noinline, unused)) void mean_s8(const int8_t *in, int32_t in_point,
    int32_t pixels, int32_t channels, int32_t multiplier, int32_t shift, int32_t point, int8_t *out)
{{
    for (int32_t c = 0; c < channels; c++) {{
        int32_t total = -in_point * pixels;
        for (int32_t i = 0; i < pixels; i++) {{
            total += in[i * channels + c];
        }}
        total = arm_nn_requantize(total, multiplier, shift) + point;
        out[c] = (int8_t)CLAMP(total, 127, -128);
    }}
}}
static int8_t *rival_init(void *arena, size_t bytes)
{{
    (void)arena, (void)bytes;
#if defined(ARM_MATH_MVEI)
{sums}
#endif
    return {input};
}}
const int8_t *rival_run(void *arena);
const int8_t *rival_run(void *arena)
{{
    (void)arena;
{calls}
    return {output};
}}
RIVAL_TENSORS
const mlut_model_t rival_model = {{"rival", RIVAL_SIZES, rival_init, rival_run, NULL}};
"""


def build_library(
    checkout: Path, board: microlut.Board, folder: Path, optimization: str = "-O3"
) -> Path:
    """Compile CMSIS-NN's integer kernels for a board into a static library."""
    sources = [
        str(file.resolve())
        for part in _PARTS
        for file in sorted((checkout / "Source" / f"{part}Functions").glob("*.c"))
        if not file.stem.endswith(("f16", "f32"))
    ]
    folder.mkdir()
    include = f"-I{(checkout / 'Include').resolve()}"
    options = [optimization, "-ffunction-sections", "-fdata-sections", "-w", include]
    subprocess.run([GCC, *board.flags, *options, "-c", *sources], cwd=folder, check=True)
    return archive(folder, "libcmsis_nn.a")


def build_image(
    graph: QuantizedGraph, board: microlut.Board, checkout: Path, library: Path, folder: Path
) -> Path:
    """Return the image of microlut's console application with the network on CMSIS-NN."""
    folder.mkdir()
    sizes = Sizes(
        _SCRATCH_BYTES,
        math.prod(graph.inputs[0].shape),
        math.prod(graph.shape_of(graph.outputs[0])),
    )
    write_configuration(board, sizes, folder)
    model = folder / "model.c"
    model.write_text(source(graph), encoding="utf-8")
    return link(board, folder, [model, library], [f"-I{checkout / 'Include'}"])


def uniform(graph: QuantizedGraph) -> QuantizedGraph:
    """Return a network of 4 bits with the nearest of the levels -8 to 7 instead of its own.

    Levels are 16 times smaller, so sums are scaled by another 16. Dense layers get one factor for
    all units, because their s4 kernel has only one. Shapes and ranges are kept, accuracy is not.
    """
    nodes = [
        replace(node, op=_uniform(node.op)) if isinstance(node.op, QLinear) else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def _uniform(op: QLinear) -> QLinear:
    stage, levels = op.output, np.arange(-8, 8, dtype=np.int8)
    stage = replace(stage, bias=stage.bias >> 4, shift=stage.shift + np.int8(4))
    if isinstance(op, QDense):
        first = {"multiplier": stage.multiplier[0], "shift": stage.shift[0]}
        stage = replace(stage, **{k: np.full_like(getattr(stage, k), v) for k, v in first.items()})
    nearest = np.clip(np.round(op.weights.int8() / 16), -8, 7).astype(np.int8)
    indices = (nearest + 8).astype(np.uint8).reshape(op.weights.indices.shape)
    weights = replace(op.weights, indices=indices, codebook=levels, overlap=0)
    return replace(op, weights=weights, output=stage)


def supports(graph: QuantizedGraph) -> bool:
    """Return whether CMSIS-NN has all operators of a network."""
    return all(isinstance(node.op, _OPERATORS) for node in graph.nodes)


def called(graph: QuantizedGraph) -> list[QNode]:
    """Return the nodes that make a call, in call order."""
    return [node for node in graph.nodes if not isinstance(node.op, QReshape)]


def source(graph: QuantizedGraph) -> str:
    """Return the C code that runs a network on CMSIS-NN."""
    names = {graph.inputs[0].name: "t0"}
    data = [_buffer("t0", graph.inputs[0].shape)]
    calls, sums = [], []
    for i, node in enumerate(graph.nodes, start=1):
        inputs = [names[name] for name in node.inputs]
        if isinstance(node.op, QReshape):
            names[node.name] = inputs[0]
            continue
        names[node.name] = f"t{i}"
        data.append(_buffer(f"t{i}", node.shape))
        if isinstance(node.op, QLinear):
            data += _constants(node.op, i)
        if isinstance(node.op, QDense) and node.op.weights.bits != 4:
            data.append(f"static int32_t k{i}[{node.shape[-1]}];")
            sums.append(f"    {_sums(node.op, i, graph.quantization_of(node.inputs[0]))};")
        # A block each, so that all structures of arguments share their place on the stack.
        calls.append(f"    {{ {_call(graph, node, i, inputs)}; }}")
    return _SOURCE.format(
        data="\n".join(data),
        calls="\n".join(calls),
        sums="\n".join(sums),
        input=names[graph.inputs[0].name],
        output=names[graph.outputs[0]],
    )


def _buffer(name: str, shape: Sequence[int]) -> str:
    return f"static _Alignas(16) int8_t {name}[{math.prod(shape)}];"


def _constants(op: QLinear, number: int) -> list[str]:
    stage: OutputStage = op.output
    weights = _stored(op.weights)
    arrays = (
        ("int8_t", "w", weights),
        ("int32_t", "b", stage.bias),
        ("int32_t", "m", stage.multiplier),
        ("int32_t", "s", stage.shift),
    )
    return [
        f"static const _Alignas(16) {type_} {name}{number}[] = "
        f"{{{','.join(map(str, np.ravel(values).tolist()))}}};"
        for type_, name, values in arrays
    ]


def _stored(weights: QuantizedWeights) -> NDArray[np.int8]:
    """Return the bytes of a layer's weights: int8, or pairs of int4 of which the first is low."""
    values = np.ravel(weights.int8())
    if weights.bits != 4:
        return values
    low, high = np.append(values, np.zeros(values.size % 2, np.int8)).reshape(-1, 2).T
    return (low & 15 | high << 4).astype(np.int8)


def _suffix(op: QLinear) -> str:
    return "s4" if op.weights.bits == 4 else "s8"


def _call(graph: QuantizedGraph, node: QNode, i: int, inputs: Sequence[str]) -> str:
    points = [graph.quantization_of(name).zero_point for name in node.inputs]
    shape, out = graph.shape_of(node.inputs[0]), f"t{i}"
    point = node.quantization.zero_point
    match node.op:
        case QConv2D(window=window) as op:
            params = _struct("conv_params", -points[0], point, *_moves(window), _limits(op.output))
            filters = _dims(node.shape[-1], *window.size, shape[-1])
            return _weighted(
                f"convolve_wrapper_{_suffix(op)}",
                i,
                params,
                (shape, inputs[0], filters),
                node.shape,
            )
        case QDepthwiseConv2D(window=window, depth_multiplier=times) as op:
            rest = (*_moves(window), _limits(op.output))
            params = _struct("dw_conv_params", -points[0], point, times, *rest)
            filters = _dims(1, *window.size, node.shape[-1])
            parts = (shape, inputs[0], filters)
            return _weighted(f"depthwise_conv_wrapper_{_suffix(op)}", i, params, parts, node.shape)
        case QDense() as op:
            params = _struct("fc_params", -points[0], 0, point, _limits(op.output))
            return _dense(op, i, params, (shape, inputs[0]))
        case QAdd() as op:
            return _add(op, points, point, (*inputs, out), math.prod(shape))
        case QPool2D(window=window) as op:
            stride, padding, _ = _moves(window)
            params = _struct("pool_params", stride, padding, _limits(op))
            kind = "avgpool" if op.mode == "average" else "max_pool"
            size, wide = _dims(1, *window.size, 1), _dims(1, *node.shape)
            ins = f"{_dims(1, *shape)}, {inputs[0]}"
            return f"arm_{kind}_s8(&context, {params}, {ins}, {size}, {wide}, {out})"
        case QMean(multiplier=multiplier, shift=shift):
            places = _list((points[0], math.prod(shape[:2]), shape[2], multiplier, shift, point))
            return f"mean_s8({inputs[0]}, {places}, {out})"
        case QSoftmax() as op:
            rows, numbers = math.prod(shape[:-1]), (op.multiplier, op.left_shift)
            facts = _list((rows, shape[-1], *numbers, op.minimum_difference))
            return f"arm_softmax_s8({inputs[0]}, {facts}, {out})"
    raise SystemExit(f"{node.name}: no call of CMSIS-NN is known for {node.op.kind}")


def _weighted(
    kind: str,
    i: int,
    params: str,
    parts: tuple[Sequence[int], str, str],
    out_shape: Sequence[int],
) -> str:
    in_shape, data, filters = parts
    quant = f"&(cmsis_nn_per_channel_quant_params){{(int32_t *)m{i}, (int32_t *)s{i}}}"
    ins = f"{_dims(1, *in_shape)}, {data}, {filters}, w{i}"
    bias = f"{_dims(1, 1, 1, out_shape[-1])}, b{i}"
    return f"arm_{kind}(&context, {params}, {quant}, {ins}, {bias}, {_dims(1, *out_shape)}, t{i})"


def _sums(op: QDense, i: int, source: Quantization) -> str:
    """Return the row sums that int8 kernels for MVE need before the first inference."""
    units, columns = op.weights.shape
    values = _list((f"k{i}", columns, units, f"w{i}", -source.zero_point, 0, f"b{i}"))
    return f"arm_vector_sum_s8({values})"


def _dense(op: QDense, i: int, params: str, parts: tuple[Sequence[int], str]) -> str:
    shape, data = parts
    vectors, units = math.prod(shape[:-1]), op.weights.shape[0]
    ins = f"{_dims(vectors, 1, 1, shape[-1])}, {data}"
    weights = f"{_dims(shape[-1], 1, 1, units)}, w{i}"
    outs = f"{_dims(1, 1, 1, units)}, b{i}, {_dims(vectors, 1, 1, units)}, t{i}"
    if op.weights.bits == 4:
        factor = _list((op.output.multiplier[0], op.output.shift[0]))
        quant = f"&(cmsis_nn_per_tensor_quant_params){{{factor}}}"
        kind = "fully_connected_s4"
    else:
        quant = f"&(cmsis_nn_quant_params){{(int32_t *)m{i}, (int32_t *)s{i}, 1}}"
        kind = "fully_connected_wrapper_s8"
    context = "&context" if op.weights.bits == 4 else f"&(cmsis_nn_context){{k{i}, sizeof k{i}}}"
    return f"arm_{kind}({context}, {params}, {quant}, {ins}, {weights}, {outs})"


def _add(op: QAdd, points: Sequence[int], point: int, tensors: tuple[str, ...], count: int) -> str:
    first, second, out = tensors
    left, right = op.input_multipliers
    terms = _list((-points[0], *left, -points[1], *right, _ADD_LEFT_SHIFT))
    stage = _list((point, *op.output_multiplier, op.minimum, op.maximum, count))
    return f"arm_elementwise_add_s8({first}, {second}, {terms}, {out}, {stage})"


def _moves(window: Window) -> tuple[str, str, str]:
    """Return stride, padding and dilation, each as width, then height."""
    pairs = (window.strides, (window.padding.top, window.padding.left), window.dilation)
    stride, padding, dilation = (f"{{{across}, {down}}}" for down, across in pairs)
    return stride, padding, dilation


def _limits(stage: OutputStage | QPool2D) -> str:
    return f"{{{stage.minimum}, {stage.maximum}}}"


def _dims(*values: int) -> str:
    return f"&(cmsis_nn_dims){{{_list(values)}}}"


def _struct(name: str, *values: object) -> str:
    return f"&(cmsis_nn_{name}){{{_list(values)}}}"


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
