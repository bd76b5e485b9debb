"""Run ONNX's own tests of its operators, as far as networks of convolutions can need them.

    .venv/bin/python benchmarks/onnx_suite.py [--write] [NAME ...]

Each case is a model with inputs and outputs, from the package onnx. It is converted in float, and
its outputs are compared. Where an operator needs constants, such as weights, inputs become those.
--write saves the status of each case to results/onnx_suite.json, of which
scripts/list_onnx_operators.py makes docs/reference/onnx-operators.md.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import MicrolutError, UnsupportedModel
from microlut.graph.evaluate import outputs
from microlut.graph.passes import run_passes
from microlut.importers.onnx.file import decode
from microlut.importers.onnx.operators import HANDLERS
from microlut.importers.onnx.translate import translate
from microlut.importers.samples import as_samples

RESULTS = Path(__file__).parent / "results" / "onnx_suite.json"
# Operators that a network of convolutions may have but that are not translated.
_REFUSED = frozenset(
    {"Col2Im", "ConvInteger", "CumSum", "DynamicQuantizeLinear", "GridSample", "Hardmax", "LRN"}
    | {"LpPool", "MatMulInteger", "MaxUnpool", "Round"}
)
_SHAPES = frozenset({"Constant", "ConstantOfShape", "Shape", "Size"})
REACH = frozenset(HANDLERS) | _REFUSED | _SHAPES
# Of what these make, none is a real number of a network.
_OTHERS = frozenset({"Cast", "CastLike"})
_FLOATS = ("float16", "float32", "float64")
_MIXED = ("DequantizeLinear", "QuantizeLinear", "QLinearConv", "QLinearMatMul")
_TOLERANCE = 1e-4

Array = NDArray[Any]


def cases() -> Iterator[Any]:
    """Yield the cases within reach."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(collect_testcases(None))
    for case in found:
        kinds = {node.op_type for node in case.model.graph.node}
        domains = {node.domain for node in case.model.graph.node}
        if kinds <= REACH and domains <= {"", "ai.onnx"} and kinds - _OTHERS and _is_real(case):
            yield case


def _is_real(case: Any) -> bool:  # noqa: ANN401 - a case of the package onnx
    """Return whether a case computes real numbers of real numbers."""
    if not case.data_sets:
        return False
    given, made = case.data_sets[0]
    if any(node.op_type in _MIXED for node in case.model.graph.node):
        known = ("int8", "uint8", "int16", "uint16", "float32", "float16")
        return all(np.asarray(x).dtype.name in known for x in (given[0], *made))
    arrays = [x for x in (*given[:1], *made) if isinstance(x, np.ndarray)]
    return bool(arrays) and all(x.dtype.name in _FLOATS for x in arrays)


def status(case: Any) -> dict[str, str]:  # noqa: ANN401
    """Return what becomes of a case: "equal", "refused" or "different", and why."""
    reasons = []
    for kept in (len(case.model.graph.input), 1, 0):
        try:
            model, given = _with_constants(case, kept)
            found = _difference(model, given, case)
        except MicrolutError as error:
            reasons.append(_reason(error))
            continue
        if found > max(_TOLERANCE, case.rtol):
            return {"status": "different", "reason": f"error {found:.1e}"}
        return {"status": "equal"}
    told = [each for each in reasons if "the network's inputs" not in each]
    return {"status": "refused", "reason": next(iter(told), reasons[0])}


def _reason(error: MicrolutError) -> str:
    first = next(iter(error.obstacles), None)
    return first.found if first is not None else str(error).split("; ")[0].rpartition(": ")[2]


def _with_constants(case: Any, kept: int) -> tuple[Any, Mapping[str, Array]]:  # noqa: ANN401
    """Return the model with all inputs but the first ones as constants, and what it is given."""
    from onnx import ModelProto, numpy_helper

    model = ModelProto()
    model.CopyFrom(case.model)
    names = [each.name for each in model.graph.input]
    arrays = dict(zip(names, case.data_sets[0][0], strict=True))
    for name in names[kept:]:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(arrays[name]), name))
    del model.graph.input[kept:]
    return model, {name: np.asarray(arrays[name]) for name in names[:kept]}


def _difference(model: Any, given: Mapping[str, Array], case: Any) -> float:  # noqa: ANN401
    """Return the largest difference of an output, relative to the largest value."""
    if not given:
        raise MicrolutError("no input is left")
    read = decode(model.SerializeToString(), case.name)
    graph = translate(read, case.name, case.name).checked()
    with contextlib.suppress(UnsupportedModel):  # nothing is left to compute
        graph = replace(run_passes(graph), inputs=graph.inputs)
    x = {}
    for tensor, values in zip(graph.inputs, given.values(), strict=True):
        shape = tensor.shape
        own = tuple(shape[i] for i in tensor.order) if tensor.order else shape
        x[tensor.name] = values if values.shape[1:] in (shape, own) else values.reshape(1, *own)
    found = outputs(graph, as_samples(x, graph.inputs).inputs).arrays
    step = _step(case)
    names = [each.name for each in case.model.graph.output]
    wanted = dict(zip(names, case.data_sets[0][1], strict=True))
    errors = []
    for (name, y), order in zip(found.items(), graph.output_orders, strict=True):
        moved = y if order is None else y.transpose(0, *(i + 1 for i in order))
        right = np.asarray(wanted[name], np.float64)
        if step is not None:  # integers, which the float network has as real values
            (scale, zero), ends = step, np.iinfo(np.asarray(wanted[name]).dtype)
            moved = np.clip(moved / scale + zero, ends.min, ends.max)
        errors.append(float(np.abs(moved.reshape(right.shape) - right).max(initial=0.0)))
        if step is not None:
            errors[-1] = 0.0 if errors[-1] <= 1.0 else errors[-1]  # steps
        errors[-1] /= max(1.0, float(np.abs(right).max(initial=0.0)))
    return max(errors)


def _step(case: Any) -> tuple[Array, Array] | None:  # noqa: ANN401
    """Return the scale and zero point of the output, if it is one of integers."""
    places = {"QuantizeLinear": 1, "QLinearConv": 6, "QLinearMatMul": 6}
    place = places.get(case.model.graph.node[-1].op_type)
    if place is None:
        return None
    arrays = [np.asarray(each, np.float64) for each in case.data_sets[0][0]]
    return arrays[place], arrays[place + 1] if len(arrays) > place + 1 else np.zeros(())


def _packed(found: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Return the names of equal cases, and for each other one why it is not."""
    reasons: dict[str, dict[str, str]] = {"different": {}, "refused": {}}
    for name, each in sorted(found.items()):
        if each["status"] != "equal":
            reasons[each["status"]][name] = each["reason"]
    equal = sorted(name for name, each in found.items() if each["status"] == "equal")
    return {"equal": equal, **reasons}


def main() -> None:
    """Run the cases, print those that are not equal, and the counts."""
    names = [each for each in sys.argv[1:] if each != "--write"]
    found = {}
    for case in cases():
        if names and not any(name in case.name for name in names):
            continue
        state = found[case.name.removeprefix("test_")] = status(case)
        if state["status"] != "equal":
            print(f"{case.name.removeprefix('test_'):60} {state['status']}: {state['reason']}")
    counts = Counter(each["status"] for each in found.values())
    print(", ".join(f"{count} {name}" for name, count in counts.items()), f"of {len(found)}")
    if "--write" in sys.argv:
        RESULTS.write_text(json.dumps(_packed(found), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
