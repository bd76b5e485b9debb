"""Run ONNX's own tests, as far as networks of convolutions can need them.

    .venv/bin/python benchmarks/onnx_suite.py [--suite onnx_models] [--only TEXT ...] [--write]
        [--jobs N] [--cluster tcp://HOST:PORT]

The tests are in the package onnx: those of operators (suite onnx_node), and the PyTorch-converted
cases and light networks (suite onnx_models). Each is converted in float, and its outputs are
compared; where an operator needs constants, such as weights, inputs become those. Models of opsets
below 7 are first raised to 7 by the package. What is equal is also converted at 8 bits, for its
size. --write saves a record per case to results/models/SUITE.json, of which
scripts/list_onnx_operators.py makes docs/reference/onnx-operators.md.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import case_records
import numpy as np
import spread
from case_records import BAD, Record, cost_of, reason_of
from numpy.typing import NDArray

import microlut
from microlut.errors import MicrolutError, UnsupportedModel
from microlut.graph.evaluate import outputs
from microlut.graph.passes import run_passes
from microlut.importers.onnx.declared import declared_sizes
from microlut.importers.onnx.file import LEAST_OPSET, decode
from microlut.importers.onnx.operators import HANDLERS
from microlut.importers.onnx.places import PLACES
from microlut.importers.onnx.translate import translate
from microlut.importers.samples import as_samples

# Operators that a network of convolutions may have but that are not translated.
_REFUSED = frozenset({"Col2Im", "GridSample", "MaxUnpool"})
_SHAPES = frozenset({"Constant", "ConstantOfShape", "Shape", "Size"})
# What stands for places of the largest values are the values, which is something else.
REACH = (frozenset(HANDLERS) | _REFUSED | _SHAPES) - PLACES.keys()
# Of what these make, none is a real number of a network.
_OTHERS = frozenset({"Cast", "CastLike"})
_FLOATS = ("float16", "float32", "float64")
_MIXED = ("DequantizeLinear", "QuantizeLinear", "QLinearConv", "QLinearMatMul")
_TOLERANCE = 1e-4
_IR = 4  # in which initializers need not be inputs
_BIG = "light/"  # networks of ImageNet, which no firmware is made of

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A model, what it is given, and what it has to make."""

    name: str
    model: Any
    given: Sequence[Array]
    made: Sequence[Array]
    rtol: float = 1e-3


def cases() -> Iterator[Case]:
    """Yield the cases within reach."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(collect_testcases(None))
    for case in found:
        kinds = {node.op_type for node in case.model.graph.node}
        domains = {node.domain for node in case.model.graph.node}
        if kinds <= REACH and domains <= {"", "ai.onnx"} and kinds - _OTHERS and _is_real(case):
            given, made = case.data_sets[0]
            yield Case(case.name, case.model, list(given), list(made), case.rtol)


def _is_real(case: Any) -> bool:  # noqa: ANN401 - a case of the package onnx
    """Return whether a case computes real numbers of real numbers, and at least one of each."""
    if not case.data_sets:
        return False
    given, made = case.data_sets[0]
    if any(np.asarray(x).size == 0 for x in (*given[:1], *made) if isinstance(x, np.ndarray)):
        return False  # no network computes tensors without elements
    if any(node.op_type in _MIXED for node in case.model.graph.node):
        known = ("int8", "uint8", "int16", "uint16", "float32", "float16")
        return all(np.asarray(x).dtype.name in known for x in (given[0], *made))
    arrays = [x for x in (*given[:1], *made) if isinstance(x, np.ndarray)]
    return bool(arrays) and all(x.dtype.name in _FLOATS for x in arrays)


def models() -> Iterator[Case]:
    """Yield the PyTorch-converted cases and the light networks."""
    from onnx import load, version_converter
    from onnx.backend.test.loader import DATA_DIR

    for path in sorted(Path(DATA_DIR).glob("pytorch-converted/*/model.onnx")):
        model, data = load(path), path.parent / "test_data_set_0"
        if model.opset_import[0].version < LEAST_OPSET:
            model = version_converter.convert_version(model, LEAST_OPSET)
            model.ir_version = max(model.ir_version, _IR)
        given, made = (_arrays(data, kind) for kind in ("input", "output"))
        yield Case(f"{path.parts[-3]}/{path.parts[-2]}", model, given, made)
    for path in sorted(Path(DATA_DIR).glob("light/*.onnx")):
        if "_output_" not in path.name:
            yield _light(path.stem, load(path))


def _arrays(folder: Path, kind: str) -> list[Array]:
    from onnx import TensorProto, numpy_helper

    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [numpy_helper.to_array(TensorProto.FromString(path.read_bytes())) for path in paths]


def _light(name: str, model: Any) -> Case:  # noqa: ANN401
    """Return a network with drawn inputs; ONNX Runtime tells the outputs."""
    import onnxruntime

    known = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in known]
    rng = np.random.default_rng(0)
    given = [
        rng.normal(size=[d.dim_value for d in each.type.tensor_type.shape.dim]).astype(np.float32)
        for each in inputs
    ]
    judge = onnxruntime.InferenceSession(model.SerializeToString())
    made = judge.run(None, {e.name: x for e, x in zip(inputs, given, strict=True)})
    return Case(f"light/{name}", model, given, list(made))


def status(case: Case) -> Record:
    """Return what becomes of a case."""
    reasons = []
    for kept in (len(case.model.graph.input), 1, 0):
        try:
            model, given = _with_constants(case, kept)
            found = _difference(model, given, case)
        except MicrolutError as error:
            reasons.append(reason_of(error))
            continue
        if found > max(_TOLERANCE, case.rtol):
            return Record("different", f"error {found:.1e}")
        cost = {} if case.name.startswith(_BIG) else _cost(model)
        return Record("equal", **cost)  # type: ignore[arg-type]
    told = [each for each in reasons if "the network's inputs" not in each]
    return Record("refused", next(iter(told), reasons[0]))


def _operators(model: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(sorted({node.op_type for node in model.graph.node}))


def _cost(model: Any) -> dict[str, object]:  # noqa: ANN401
    """Return what a model costs at 8 bits, or why it has no integer form."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            made = microlut.convert(path, bits=8, distill=False, input_range=(-1.0, 1.0))
        except MicrolutError as error:
            return {"reason": f"at 8 bits: {reason_of(error)}"}
    return cost_of(made)


def _with_constants(case: Case, kept: int) -> tuple[Any, Mapping[str, Array]]:
    """Return the model with all inputs but the first ones as constants, and what it is given."""
    from onnx import ModelProto, numpy_helper

    model = ModelProto()
    model.CopyFrom(case.model)
    known = {each.name for each in model.graph.initializer}
    names = [each.name for each in model.graph.input if each.name not in known]
    if known:
        return model, dict(zip(names, map(np.asarray, case.given), strict=True))
    arrays = dict(zip(names, case.given, strict=True))
    for name in names[kept:]:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(arrays[name]), name))
    del model.graph.input[kept:]
    return model, {name: np.asarray(arrays[name]) for name in names[:kept]}


def _difference(model: Any, given: Mapping[str, Array], case: Case) -> float:  # noqa: ANN401
    """Return the largest difference of an output, relative to the largest value."""
    if not given:
        raise MicrolutError("no input is left")
    read = decode(model.SerializeToString(), case.name)
    graph = translate(read, case.name, case.name).checked()
    with contextlib.suppress(UnsupportedModel):  # nothing is left to compute
        graph = replace(run_passes(graph), inputs=graph.inputs)
    x = {}
    known = declared_sizes(read)
    given = {name: v for name, v in given.items() if name not in known and np.asarray(v).size}
    for tensor, values in zip(graph.inputs, given.values(), strict=True):
        shape = tensor.shape
        own = tuple(shape[i] for i in tensor.order) if tensor.order else shape
        x[tensor.name] = values if values.shape[1:] in (shape, own) else values.reshape(1, *own)
    found = outputs(graph, as_samples(x, graph.inputs).inputs).arrays
    step = _step(case)
    names = [each.name for each in case.model.graph.output]
    wanted = dict(zip(names, case.made, strict=True))
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


def _step(case: Case) -> tuple[Array, Array] | None:
    """Return the scale and zero point of the output, if it is one of integers."""
    places = {"QuantizeLinear": 1, "QLinearConv": 6, "QLinearMatMul": 6}
    place = places.get(case.model.graph.node[-1].op_type)
    if place is None:
        return None
    arrays = [np.asarray(each, np.float64) for each in case.given]
    return arrays[place], arrays[place + 1] if len(arrays) > place + 1 else np.zeros(())


def main() -> int:
    """Run the cases, print those that are not equal, and the counts; return 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suite", choices=["onnx_node", "onnx_models"], default="onnx_node")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--write", action="store_true")
    spread.add_options(parser)
    options = parser.parse_args()
    found = case_records.load(options.suite) if options.write and options.only else {}
    asked = [
        case
        for case in (cases() if options.suite == "onnx_node" else models())
        if not options.only or any(part in case.name for part in options.only)
    ]
    for case, judged in zip(asked, spread.each(status, asked, options), strict=True):
        record = replace(judged, operators=_operators(case.model))
        found[case.name.removeprefix("test_")] = record
        if options.write:  # case by case, for a run that is stopped
            case_records.save(options.suite, found)
        if record.status != "equal" or record.reason:
            print(f"{case.name:60} {record.status}: {record.reason}", flush=True)
    counts = Counter(record.status for record in found.values())
    print(", ".join(f"{count} {name}" for name, count in counts.items()), f"of {len(found)}")
    if options.write:
        case_records.write_page()
    return int(any(record.status in BAD for record in found.values()))


if __name__ == "__main__":
    sys.exit(main())
