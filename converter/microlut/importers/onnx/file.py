"""Read an ONNX file, or its bytes, into a model that is checked; no code in it is run."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any

from microlut.errors import InvalidInput, ToolMissing, UnsupportedModel
from microlut.importers.onnx.mending import OLDEST, STANDARD, check_texts, mend, raised
from microlut.support.limits import Quota, check_model_bytes

LEAST_OPSET, LARGEST_OPSET = 1, 28
_WITHOUT = 18  # the opset of models without operators of ONNX's own
_UNKNOWN = "No Op registered"  # what the checker says
_LONGEST = 200  # characters of a library's message
_AGAIN = "export the model again"


def library() -> ModuleType:
    """Return the package onnx, which is imported only for ONNX models.

    Raises:
        ToolMissing: It is not installed, or cannot be loaded.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.external_data_helper
        import onnx.helper
        import onnx.inliner
        import onnx.numpy_helper
        import onnx.reference
        import onnx.reference.op_run
        import onnx.version_converter
    except ImportError as error:
        raise ToolMissing(
            f"the package onnx is not installed or cannot be loaded ({error}); it reads ONNX "
            "models: install it with: pip install 'microlut[onnx]'"
        ) from error
    return onnx


def read(path: Path) -> Any:  # noqa: ANN401 - a ModelProto, whose package is optional
    """Return the model in a file, with the arrays in the files beside it.

    Raises:
        InvalidInput: The file, or one beside it, is missing or damaged.
        UnsupportedModel: It uses operators of an unknown version.
        ToolMissing: The package onnx is not installed.
    """
    check_model_bytes(path, path.stat().st_size)
    return decode(path.read_bytes(), str(path), path.parent)


def encode(model: Any) -> bytes:  # noqa: ANN401
    """Return a model as bytes."""
    return bytes(model.SerializeToString())


def decoded(content: bytes, source: str) -> Any:  # noqa: ANN401
    """Return the model in bytes that `encode` made of a model that was checked."""
    try:
        return library().load_model_from_string(content)
    except Exception as error:
        raise _damaged(source, error) from error


def decode(content: bytes, source: str, folder: Path | None = None) -> Any:  # noqa: ANN401
    """Return the model in bytes; `folder` is where arrays outside them are."""
    onnx = library()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise _damaged(source, error) from error
    if not model.HasField("graph"):
        raise InvalidInput(f"{source}: no ONNX model, or a damaged one (it has no graph); {_AGAIN}")
    if not model.graph.output:
        raise InvalidInput(f"{source}: the ONNX model has no outputs; {_AGAIN}")
    try:
        check_texts(model)
        mend(model, _WITHOUT)
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(source, error) from error
    old = _check_opset(model, source) < OLDEST
    if model.ir_version > onnx.IR_VERSION:
        raise _newer(source, f"IR version {model.ir_version}", onnx)
    _load_arrays(onnx, model, source, folder)
    if old:
        model = raised(onnx, model)
        if _check_opset(model, source) < OLDEST:
            raise _old(source, _check_opset(model, source))
    try:
        onnx.checker.check_model(model)
        return onnx.inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:
        if _UNKNOWN in str(error):
            raise _newer(source, _line(error), onnx) from error
        raise _damaged(source, error) from error


def _newer(source: str, found: str, onnx: ModuleType) -> UnsupportedModel:
    return UnsupportedModel(
        f"{source}: {found}, which the package onnx {onnx.__version__} does not know; update it, "
        "or export the model with opset_version=18"
    )


def array_of(tensor: Any, source: str) -> Any:  # noqa: ANN401 - a TensorProto, and its NumPy array
    """Return an array in a model.

    Raises:
        InvalidInput: Its type or its values are not those of an array.
    """
    try:
        return library().numpy_helper.to_array(tensor)
    except Exception as error:
        raise InvalidInput(
            f"{source}: array {tensor.name!r} of type {tensor.data_type} cannot be read "
            f"({_line(error)}); {_AGAIN}"
        ) from error


def _check_opset(model: Any, source: str) -> int:  # noqa: ANN401
    """Return the version of ONNX's own operators."""
    found = [each.version for each in model.opset_import if each.domain in STANDARD]
    if not found:
        raise InvalidInput(
            f"{source}: no version of ONNX's operators is named; export the model again"
        )
    if not LEAST_OPSET <= found[0] <= LARGEST_OPSET:
        raise UnsupportedModel(
            f"{source}: opset {found[0]}; supported are {LEAST_OPSET} to {LARGEST_OPSET}: export "
            "the model with opset_version=18"
        )
    return int(found[0])


def _old(source: str, opset: int) -> UnsupportedModel:
    return UnsupportedModel(
        f"{source}: opset {opset}, which the package onnx cannot raise to {OLDEST}: export the "
        "model with opset_version=18"
    )


def _load_arrays(onnx: ModuleType, model: Any, source: str, folder: Path | None) -> None:  # noqa: ANN401
    """Read the arrays that are in other files."""
    helper = onnx.external_data_helper
    quota = Quota()
    held = [each.t for node in model.graph.node for each in node.attribute if each.HasField("t")]
    outside = filter(helper.uses_external_data, [*model.graph.initializer, *held])
    for tensor in outside:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        place = entries.get("location", "")
        if folder is None:
            raise InvalidInput(
                f"{source}: array {tensor.name!r} is in another file; export the model into one"
            )
        quota.take(_bytes_of(onnx, tensor, source), source)
        try:
            helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:
            raise InvalidInput(
                f"{source}: array {tensor.name!r} is in the file {place!r}, which cannot be read "
                f"({_line(error)}); put it beside the model, whole and under this name"
            ) from error
        tensor.data_location = onnx.TensorProto.DEFAULT  # as newer releases of onnx do
        del tensor.external_data[:]


def _bytes_of(onnx: ModuleType, tensor: Any, source: str) -> int:  # noqa: ANN401
    """Return the bytes of an array in another file, by its shape and its type."""
    try:
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return math.prod(map(int, tensor.dims)) * int(kind.itemsize)
    except Exception as error:
        raise _damaged(source, error) from error


def _damaged(source: str, error: Exception) -> InvalidInput:
    return InvalidInput(f"{source}: no ONNX model, or a damaged one ({_line(error)}); {_AGAIN}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
