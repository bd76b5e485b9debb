"""Run an int8 .tflite file with TensorFlow Lite's kernels, the reference for microlut.

`tflite-micro` has the kernels that run on devices; they are authoritative. In some operators the
kernels of the desktop runtime (`ai-edge-litert`, or `tflite-runtime` with NumPy 1) round once where
the device kernels round twice; docs/internals/design.md says which.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import RunFailed, ToolMissing
from microlut.support.progress import Progress, silent

Int8 = NDArray[np.int8]

TFLITE_MICRO = "tflite-micro"
_DESKTOP = ("ai-edge-litert", "tflite-runtime")
# tflite-micro allocates its arena from this; far more than any model on a microcontroller needs.
_ARENA_BYTES = 64 << 20


def run_tflite_micro(model: bytes, inputs: Int8, progress: Progress = silent) -> Int8:
    """Return the outputs [n, ...] of the on-device reference kernels for inputs [n, ...]."""
    outputs = []
    with _quiet(), _errors_of(TFLITE_MICRO):
        runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=_ARENA_BYTES)
    with _errors_of(TFLITE_MICRO):
        for i, x in enumerate(inputs):
            interpreter.set_input(np.ascontiguousarray(x[None]), 0)
            interpreter.invoke()
            outputs.append(np.array(interpreter.get_output(0)[0]))
            progress(TFLITE_MICRO, i + 1, len(inputs))
    return np.stack(outputs)


def run_desktop(model: bytes, inputs: Int8, progress: Progress = silent) -> Int8:
    """Return the outputs [n, ...] of the desktop runtime's plain built-in kernels."""
    name, outputs = desktop_name(), []
    for i, values in enumerate(desktop_tensors(model, inputs, last_only=True)):
        outputs.append(next(iter(values.values())))
        progress(name, i + 1, len(inputs))
    return np.stack(outputs)


def desktop_tensors(
    model: bytes, inputs: Int8, *, last_only: bool = False
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield, for every input, the runtime's tensors by name (only the output if `last_only`)."""
    name = desktop_name()
    with _quiet(), _errors_of(name):
        module = importlib.import_module(f"{name.replace('-', '_')}.interpreter")
        interpreter = module.Interpreter(
            model_content=model,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=not last_only,
        )
        interpreter.allocate_tensors()
    first = interpreter.get_input_details()[0]["index"]
    wanted = interpreter.get_output_details() if last_only else interpreter.get_tensor_details()
    for x in inputs:
        interpreter.set_tensor(first, np.ascontiguousarray(x[None]))
        interpreter.invoke()
        yield {d["name"]: np.array(interpreter.get_tensor(d["index"])[0]) for d in wanted}


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
def _errors_of(package: str) -> Iterator[None]:
    """Turn exceptions of a runtime into errors that name it."""
    try:
        yield
    except ImportError as error:
        raise ToolMissing(
            f"{package} is not installed or cannot be loaded ({error}); "
            f"install it with: pip install --pre {package}"
        ) from error
    except (RuntimeError, ValueError, struct.error) as error:
        raise RunFailed(
            f"{package}: refuses the exported model ({error}); run `microlut convert` again"
        ) from error


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
