"""What other runtimes compute of an ONNX model, for the benchmark of files."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Batch
from microlut.graph.evaluate import outputs as float_outputs
from microlut.graph.ir import Graph
from microlut.importers.onnx.declared import declared_sizes
from microlut.importers.onnx.file import decode
from microlut.ops.tensor import Tensor

RUNS = 3
_SINGLE_AXIS = 13  # opset from which Hardmax is along one dimension
Array = NDArray[Any]


def error_of(pairs: Sequence[tuple[Array, Array]], *, whole: bool) -> float:
    """Return how far an output is from another runtime's in all runs."""
    found, wanted = (np.concatenate(each) for each in zip(*pairs, strict=True))
    finite = np.isfinite(wanted)
    if whole:
        power = float(np.square(wanted).mean())
        return float(np.sqrt(np.square(found - wanted).mean() / max(power, 1e-30)))
    most = max(float(np.abs(wanted[finite]).max(initial=0.0)), 1e-9)
    return float(np.abs(found - wanted)[finite].max(initial=0.0)) / most


def drawn(model: Any) -> list[dict[str, Array]]:  # noqa: ANN401 - a ModelProto
    """Return random inputs by name; a size that is left open is 1.

    Those that are quantized at once lie in the range of their quantizer.
    """
    helper = importlib.import_module("onnx.helper")
    arrays = {each.name for each in model.graph.initializer}
    ranges, known = _ranges(model), declared_sizes(model)
    rng = np.random.default_rng(0)
    runs: list[dict[str, Array]] = [{} for _ in range(RUNS)]
    for each in model.graph.input:
        if each.name in arrays:
            continue
        if each.name in known:
            for run in runs:
                run[each.name] = known[each.name]
            continue
        kind = each.type.tensor_type
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
        shape = [d.dim_value if d.HasField("dim_value") else 1 for d in kind.shape.dim]
        for run in runs:
            if dtype.kind in "iu":
                limits = np.iinfo(dtype)
                drawn = rng.integers(max(limits.min, -128), min(limits.max, 255) + 1, shape)
            elif dtype.kind == "b":
                drawn = rng.integers(0, 2, shape)
            else:
                drawn = rng.uniform(*ranges.get(each.name, (-1.0, 1.0)), shape)
            run[each.name] = np.asarray(drawn).astype(dtype)
    return runs


def _ranges(model: Any) -> dict[str, tuple[float, float]]:  # noqa: ANN401
    """Return the range of what each QuantizeLinear reads, by the names of tensors."""
    helper = importlib.import_module("onnx.numpy_helper")
    arrays = {each.name: each for each in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        read = list(node.input)
        if node.op_type == "QuantizeLinear" and all(name in arrays for name in read[1:]):
            scale, *zero = (helper.to_array(arrays[name]) for name in read[1:])
            point = zero[0].ravel()[:1] if zero else np.zeros(1, np.uint8)
            limits = np.iinfo(point.dtype)
            ends = (float((n - float(point[0])) * scale.flat[0]) for n in (limits.min, limits.max))
            found[read[0]] = tuple(ends)
    return found  # type: ignore[return-value]


def unrounded(model: Any) -> bool:  # noqa: ANN401
    """Take the pairs of quantizers out of a model, and return whether there were any.

    What is quantized to no negative values is a ReLU, which exporters leave out there.
    """
    ranges, made = _ranges(model), set()
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] in ranges:
            node.op_type = "Identity" if ranges[node.input[0]][0] else "Relu"
            made.add(node.output[0])
        elif node.op_type == "DequantizeLinear" and node.input[0] in made:
            node.op_type = "Identity"
        else:
            continue
        del node.input[1:]
        del node.attribute[:]
    ends = {each.name for each in model.graph.output} & made
    for each in model.graph.output:
        if each.name in ends:
            each.type.tensor_type.elem_type = 1
    del model.graph.value_info[:]
    return bool(made)


def original(
    model: Any,  # noqa: ANN401
    runs: Sequence[Mapping[str, Array]],
) -> list[dict[str, Array]]:
    """Return what another runtime computes: outputs by name, of each run."""
    names = [each.name for each in model.graph.output]
    try:
        runtime = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        judge = runtime.InferenceSession(model.SerializeToString(), options)
        return [dict(zip(names, judge.run(names, dict(x)), strict=True)) for x in runs]
    except Exception:  # noqa: BLE001 - it may lack an operator
        mended = decode(model.SerializeToString(), "the file")
        evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator
        reference = evaluator(mended, new_ops=_few_bits())
        return [dict(zip(names, reference.run(None, dict(x)), strict=True)) for x in runs]


def _few_bits() -> list[type]:
    """Return QONNX's quantizers as its page defines them, and batch normalization at inference.

    That of the reference evaluator takes old opsets for training.
    """
    base = importlib.import_module("onnx.reference.op_run").OpRun

    def quant(  # noqa: PLR0913
        self: Any,  # noqa: ANN401
        x: Array,
        scale: Array,
        zero: Array,
        bits: Array,
        narrow: int = 0,
        rounding_mode: str = "ROUND",
        signed: int = 1,
    ) -> tuple[Array]:
        del self
        n = float(np.asarray(bits).ravel()[0])
        low = -(2 ** (n - 1)) + narrow if signed else 0
        high = 2 ** (n - 1) - 1 if signed else 2**n - 1 - narrow
        rounded = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}[rounding_mode.upper()]
        y = rounded(np.clip(x / scale + zero, low, high))
        return (((y - zero) * scale).astype(np.float32),)

    def bipolar(self: Any, x: Array, scale: Array) -> tuple[Array]:  # noqa: ANN401
        del self
        return ((scale * np.where(x >= 0, 1, -1)).astype(np.float32),)

    def batch_norm(  # noqa: PLR0913
        self: Any,  # noqa: ANN401
        x: Array,
        scale: Array,
        bias: Array,
        mean: Array,
        variance: Array,
        epsilon: float = 1e-5,
        **options: object,
    ) -> tuple[Array]:
        del self, options
        wide = (-1, *[1] * (x.ndim - 2))
        gain = scale / np.sqrt(variance + np.float32(epsilon))
        return (x * gain.reshape(wide) + (bias - mean * gain).reshape(wide),)

    return [type("BatchNormalization", (base,), {"op_domain": "", "_run": batch_norm})] + [
        type(name, (base,), {"op_domain": domain, "_run": run})
        for domain in ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
        for name, run in (("Quant", quant), ("BipolarQuant", bipolar))
    ]


def computed(graph: Graph, given: Sequence[Array]) -> dict[str, Array]:
    """Return the outputs of the float network, with dimensions in the order of the file's."""
    x = {t.name: _as(t, values) for t, values in zip(graph.inputs, given, strict=True)}
    count = max((len(values) for values in x.values()), default=1)
    found = float_outputs(graph, Batch({k: np.repeat(v, count // len(v), 0) for k, v in x.items()}))
    orders = graph.output_orders or (None,) * len(found.arrays)
    return {
        name: y if order is None else y.transpose(0, *(i + 1 for i in order))
        for (name, y), order in zip(found.arrays.items(), orders, strict=True)
    }


def _as(tensor: Tensor, values: Array) -> Array:
    """Return an input of the file as the network takes it, with as many samples as it has."""
    own = [tensor.shape[i] for i in tensor.order] if tensor.order else list(tensor.shape)
    samples = values.astype(np.float32).reshape(values.size // prod(own), *own)
    if not tensor.order:
        return samples
    return samples.transpose(0, *(int(i) + 1 for i in np.argsort(tensor.order)))


def given_to(model: Any, run: Mapping[str, Array]) -> list[Array]:  # noqa: ANN401
    """Return what the network reads of the inputs of a file."""
    known = declared_sizes(model)
    return [values for name, values in run.items() if name not in known and values.size]


def places(model: Any, name: str, values: Array, size: int) -> Array:  # noqa: ANN401
    """Return an output; the places of extreme values, where the network has the values."""
    for node in model.graph.node:
        if name not in node.output:
            continue
        if node.op_type == "Hardmax":
            return _hard(node, values, model.opset_import[0].version)
        if node.op_type not in ("ArgMax", "ArgMin"):
            continue
        given = {each.name: each.i for each in node.attribute}
        for whole in (values, values[0]):
            axis = given.get("axis", 0) % whole.ndim
            last = given.get("select_last_index", 0)
            turned = np.flip(whole, axis) if last else whole
            found = np.asarray(getattr(np, node.op_type.lower())(turned, axis))
            if found.size == size:
                return whole.shape[axis] - 1 - found if last else found
    return values


def _hard(node: Any, values: Array, opset: int) -> Array:  # noqa: ANN401
    """Return 1 at the first of the largest values, and 0 elsewhere."""
    given = {each.name: each.i for each in node.attribute}
    axis = given.get("axis", -1 if opset >= _SINGLE_AXIS else 1) % values.ndim
    rows = np.moveaxis(values, axis, -1) if opset >= _SINGLE_AXIS else values
    flat = rows.reshape(
        -1, values.shape[axis] if opset >= _SINGLE_AXIS else prod(values.shape[axis:])
    )
    made = (np.arange(flat.shape[1]) == flat.argmax(1)[:, None]).astype(np.float32)
    found = made.reshape(rows.shape)
    return np.moveaxis(found, -1, axis) if opset >= _SINGLE_AXIS else found


def real(model: Any, name: str, values: Array) -> Array:  # noqa: ANN401
    """Return the real values of an output, which may be integers of a quantizer."""
    arrays = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if name not in node.output or not (node.op_type.startswith(("QLinear", "QuantizeLinear"))):
            continue
        ends = list(node.input)[-2:]
        if all(end in arrays for end in ends):
            helper = importlib.import_module("onnx.numpy_helper")
            scale, zero = (helper.to_array(arrays[end]).astype(np.float64) for end in ends)
            return (values - zero.ravel()[0]) * scale.ravel()[0]  # type: ignore[no-any-return]
    return values
