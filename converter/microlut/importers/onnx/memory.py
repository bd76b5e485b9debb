"""PyTorch modules in memory, exported by the PyTorch that made them; it is never imported here."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers.onnx import file
from microlut.support.arguments import brief

_LONGEST = 200  # characters of PyTorch's error
_EXAMPLE = "give example_input: a tensor or array [batch, ...] like its inputs, or a tuple of them"


@dataclass(frozen=True, slots=True)
class Exported:
    """A module as an ONNX model.

    Attributes:
        model: The model, as the package onnx has it.
        name: The module's class.
    """

    model: Any
    name: str


def is_module(model: object) -> bool:
    """Return whether an object is a module of PyTorch, if that has been imported at all."""
    kind = getattr(getattr(sys.modules.get("torch"), "nn", None), "Module", None)
    return isinstance(kind, type) and isinstance(model, kind)


def with_example(model: object, example: object) -> object:
    """Return a model, exported if it is a module of PyTorch.

    Args:
        model: Any model that a function of microlut takes.
        example: What the module is called with: a tensor or an array, or a tuple of them; None for
            other models.

    Raises:
        InvalidInput: The module has no example, or another model has one.
        UnsupportedModel: PyTorch cannot export the module.
        ToolMissing: The package onnx is not installed.
    """
    if not is_module(model):
        if example is not None:
            raise InvalidInput(
                f"example_input is for a torch.nn.Module, and the model is {brief(model)}; leave "
                "it out"
            )
        return model
    name = type(model).__name__
    if example is None:
        raise InvalidInput(f"model is the PyTorch module {name}; {_EXAMPLE}")
    torch = sys.modules["torch"]
    tensors = tuple(
        _tensor(torch, each) for each in (example if isinstance(example, tuple) else (example,))
    )
    file.library()  # before the export takes time
    with tempfile.TemporaryDirectory() as folder, _inference(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "module.onnx"
        try:
            _export(torch, model, tensors, path)
        except Exception as error:
            text = " ".join(str(error).split())[:_LONGEST]
            raise UnsupportedModel(
                f"module {name}: PyTorch cannot export it ({text}); change it until "
                "torch.onnx.export writes a file"
            ) from error
        return Exported(file.read(path), name)


def _export(torch: Any, model: object, tensors: tuple[Any, ...], path: Path) -> None:  # noqa: ANN401
    """Let PyTorch write a file: by its own choice of exporter, or by the older one if that fails.

    The newer one needs a package that PyTorch does not bring.
    """
    try:
        torch.onnx.export(model, tensors, str(path), verbose=False)
    except Exception as first:  # noqa: BLE001 - whatever PyTorch raises
        try:
            torch.onnx.export(model, tensors, str(path), verbose=False, dynamo=False)
        except Exception:  # noqa: BLE001 - likewise
            raise first from None


def _tensor(torch: Any, value: object) -> Any:  # noqa: ANN401
    """Return an example as a tensor of PyTorch."""
    if isinstance(value, torch.Tensor):
        return value
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        array = np.zeros((), np.float32)
    if array.ndim < 2:
        raise InvalidInput(f"example_input is {brief(value)}; {_EXAMPLE}")
    return torch.as_tensor(array)


@contextmanager
def _inference(module: Any) -> Iterator[None]:  # noqa: ANN401
    """Export a module as it computes at inference, and leave it as it was."""
    training = bool(getattr(module, "training", False))
    module.eval()
    try:
        yield
    finally:
        module.train(training)
