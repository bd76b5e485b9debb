"""Run an int8 .tflite file with TensorFlow Lite's kernels, the reference for microlut.

`tflite-micro` has the kernels that run on devices; they are authoritative. In some operators the
kernels of the desktop runtime (`ai-edge-litert`, or `tflite-runtime` with NumPy 1) round once where
the device kernels round twice; docs/internals/design.md says which.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import RunFailed, ToolMissing
from microlut.graph.batch import Batch
from microlut.integer import to_bytes
from microlut.support.progress import Progress, silent

Int8 = NDArray[np.int8]
End = Callable[[int, Mapping[str, Any], NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Ends:
    """What turns a network's inputs into those of a file, and its outputs into the network's.

    Attributes:
        given: Takes an input's place, its details in tflite-micro, and the values.
        made: Takes the same of an output.
        model: What errors call the file.
    """

    given: End
    made: End
    model: str


TFLITE_MICRO = "tflite-micro"
_DESKTOP = ("ai-edge-litert", "tflite-runtime")
# tflite-micro allocates its arena from this; far more than any model on a microcontroller needs.
_ARENA_BYTES = 64 << 20
_EXPORTED = "the exported model"


def tflite_micro_lacks() -> str | None:
    """Return why this computer cannot have tflite-micro; None if it has or could have it."""
    has_package = sys.platform == "linux" and platform.machine() == "x86_64"
    if has_package or importlib.util.find_spec("tflite_micro") is not None:
        return None
    return "there is a package for Linux on x86-64 only"


def run_tflite_micro(
    model: bytes,
    inputs: Batch,
    progress: Progress = silent,
    runs: int | None = None,
    arena_bytes: int = _ARENA_BYTES,
    ends: Ends | None = None,
) -> Int8:
    """Return the output bytes [n, bytes] of the on-device reference kernels for inputs by name.

    Of a model with states, the inputs are consecutive; every `runs` of them begin anew.
    `ends` are for files whose ends have other types.
    """
    outputs, what = [], _EXPORTED if ends is None else ends.model
    with _quiet(), _errors_of(TFLITE_MICRO, what):
        runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
    with _errors_of(TFLITE_MICRO, what):
        count, fresh = outputs_of(model), runs or int(has_variables(model))
        read, made = (0, 0) if ends is None else ends_of(model)
        known = [interpreter.get_input_details(place) for place in range(read)]
        kept = [interpreter.get_output_details(place) for place in range(made)]
        for i, sample in enumerate(inputs):
            for place, x in enumerate(sample.arrays.values()):
                given = x if ends is None else ends.given(place, known[place], x)
                interpreter.set_input(np.ascontiguousarray(given), place)
            if fresh and i % fresh == 0:
                interpreter.reset()
            interpreter.invoke()
            found = [np.array(interpreter.get_output(place)) for place in range(count)]
            if ends is not None:
                found = [ends.made(i, kept[i], values) for i, values in enumerate(found)]
            outputs.append(_flat(found))
            progress(TFLITE_MICRO, i + 1, len(inputs))
    return np.concatenate(outputs)


def outputs_of(model: bytes) -> int:
    """Return how many outputs a .tflite file has."""
    return ends_of(model)[1]


def ends_of(model: bytes) -> tuple[int, int]:
    """Return how many inputs and outputs a .tflite file has."""
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    graph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    return int(graph.InputsLength()), int(graph.OutputsLength())


def computes_unsigned(model: bytes) -> bool:
    """Return whether operators of a .tflite file compute with uint8, which tflite-micro lacks."""
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    found = schema.Model.GetRootAs(model, 0)
    graph, unsigned = found.Subgraphs(0), schema.TensorType.UINT8
    between_types = schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.QUANTIZE
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        code = found.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = (operator.Inputs(k) for k in range(operator.InputsLength()))
        types = {graph.Tensors(number).Type() for number in inputs if number >= 0}
        if unsigned in types and kind not in between_types:
            return True
    return False


def has_variables(model: bytes) -> bool:
    """Return whether operators of a .tflite file keep variables, which each run begins anew."""
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    graph = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    return any(graph.Tensors(i).IsVariable() for i in range(graph.TensorsLength()))


def _flat(outputs: list[NDArray[Any]]) -> Int8:
    """Return the bytes [1, bytes] of one sample's outputs [1, ...], one after the other."""
    return to_bytes(Batch({str(i): values for i, values in enumerate(outputs)}))


def run_desktop(
    model: bytes,
    inputs: Batch,
    progress: Progress = silent,
    runs: int | None = None,
    ends: Ends | None = None,
) -> Int8:
    """Return the output bytes [n, bytes] of the desktop runtime's plain built-in kernels.

    Takes what `run_tflite_micro` does.
    """
    name, outputs = desktop_name(), []
    for i, interpreter in enumerate(_desktop_runs(model, inputs, keep=False, runs=runs, ends=ends)):
        known = interpreter.get_output_details()
        found = [interpreter.get_tensor(details["index"]) for details in known]
        if ends is not None:
            found = [ends.made(k, known[k], values) for k, values in enumerate(found)]
        outputs.append(_flat(found))
        progress(name, i + 1, len(inputs))
    return np.concatenate(outputs)


def desktop_tensors(
    model: bytes, inputs: Batch, runs: int | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield, for every input, the runtime's tensors by name; takes what `run_desktop` does."""
    for interpreter in _desktop_runs(model, inputs, keep=True, runs=runs):
        found = {d["name"]: d["index"] for d in interpreter.get_tensor_details() if len(d["shape"])}
        yield {name: np.array(interpreter.get_tensor(i)[0]) for name, i in found.items()}


def _desktop_runs(
    model: bytes, inputs: Batch, *, keep: bool, runs: int | None, ends: Ends | None = None
) -> Iterator[Any]:
    """Yield the runtime's interpreter after each input; with `keep`, it has all tensors then."""
    interpreter = _desktop(model, keep)
    variables, what = has_variables(model), _EXPORTED if ends is None else ends.model
    for i, sample in enumerate(inputs):
        if variables and runs is None:
            interpreter.reset_all_variables()
        if runs is not None and i % runs == 0:  # resources are not reset
            interpreter = _desktop(model, keep)
        known = interpreter.get_input_details()
        with _errors_of(desktop_name(), what):
            for k, (details, x) in enumerate(zip(known, sample.arrays.values(), strict=True)):
                given = x if ends is None else ends.given(k, details, x)
                interpreter.set_tensor(details["index"], np.ascontiguousarray(given))
            interpreter.invoke()
        yield interpreter


def _desktop(model: bytes, keep: bool) -> Any:  # noqa: ANN401
    """Return a new interpreter of the desktop runtime."""
    name = desktop_name()
    with _quiet(), _errors_of(name):
        module = importlib.import_module(f"{name.replace('-', '_')}.interpreter")
        interpreter = module.Interpreter(
            model_content=model,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep,
        )
        interpreter.allocate_tensors()
    return interpreter


def desktop_name() -> str:
    """Return the name of the desktop runtime that is installed; raises ToolMissing without one."""
    for name in _DESKTOP:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        # The last release of tflite-runtime does not work with NumPy 2.
        if name == "ai-edge-litert" or np.lib.NumpyVersion(np.__version__) < "2.0.0":
            return name
    raise ToolMissing(
        "ai-edge-litert is not installed (needed to verify against the desktop runtime); "
        "install it with: pip install ai-edge-litert"
    )


@contextmanager
def _errors_of(package: str, what: str = _EXPORTED) -> Iterator[None]:
    """Turn exceptions of a runtime into errors that name it."""
    try:
        yield
    except ImportError as error:
        raise ToolMissing(
            f"{package} is not installed or cannot be loaded ({error}); "
            f"install it with: pip install --pre {package}"
        ) from error
    except (RuntimeError, ValueError, struct.error) as error:
        advice = "; run `microlut convert` again" if what == _EXPORTED else ""
        raise RunFailed(f"{package}: refuses {what} ({error}){advice}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the runtimes' start-up messages, which bypass sys.stderr."""
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
