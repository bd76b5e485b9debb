"""Read the flatbuffer of a .tflite file.

Nothing in the file is trusted: offsets that lead out of it raise, and limits bound what a file
whose tables point to each other could make of a few bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from microlut.errors import InvalidInput, ToolMissing
from microlut.importers.tflite.constants import Constants
from microlut.importers.tflite.file import LEFT_OUT, FileOperator, FileTensor, Subgraph, TfliteFile
from microlut.importers.tflite.flatbuffer import (
    MOST_DIMENSIONS,
    Damaged,
    each,
    fields_of,
    is_model,
    names_of,
    quantization_of,
    shape_of,
    text_of,
)
from microlut.support.limits import check_model_bytes
from microlut.support.unused_names import Taken

_LARGEST_FILE = 1 << 31  # which offsets can reach
_MOST_SUBGRAPHS, _MOST_ENTRIES = 64, 1 << 16  # tensors, operators, buffers
_MOST_ENDS = 1 << 18  # inputs and outputs of all operators
_LARGEST_OPTION = 64  # values of a list
_HEAD_BYTES = 128
_OLD_CODES = 127  # up to here, files have the code in another field
_DAMAGE = (
    AttributeError,
    LookupError,
    OverflowError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)


def is_tflite(path: Path) -> bool:
    """Return whether a file begins as a .tflite file does."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head, named = file.read(_HEAD_BYTES), path.suffix.lower() == ".tflite"
            size = min(os.fstat(file.fileno()).st_size, _LARGEST_FILE)  # which are reserved
            rest = file.read(size) if named and not is_model(head, named) else b""
            return is_model(head + rest, named)
    except OSError:  # the reader of other formats says what is wrong
        return False


def read(path: Path) -> TfliteFile:
    """Read a .tflite file.

    Raises:
        InvalidInput: The file is damaged.
        UnsupportedModel: Its constants are kept elsewhere.
        ToolMissing: The schema's package is not installed.
    """
    check_model_bytes(path, path.stat().st_size)
    try:
        return _Reader(schema(), path.read_bytes(), str(path)).file()
    except _DAMAGE as error:
        reason = str(error) if isinstance(error, Damaged) else "a part of it is not there"
        raise InvalidInput(
            f"{path}: cannot be read ({reason}); the file is damaged or incomplete: convert the "
            "model to .tflite again or copy the file again"
        ) from error


def schema() -> ModuleType:
    """Import the schema, which takes a moment, only when a file is read.

    Raises:
        ToolMissing: Its package is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise ToolMissing(
            f"ai-edge-litert is not installed or cannot be loaded ({error}); it has the schema of "
            ".tflite files; install it with: pip install ai-edge-litert"
        ) from error
    found: ModuleType = schema_py_generated
    return found


class _Reader:
    def __init__(self, schema: ModuleType, content: bytes, source: str) -> None:
        self._schema, self._source, self._content = schema, source, content
        self._ends = 0
        self._constants = Constants(schema, source)
        self._builtins = names_of(schema.BuiltinOperator)
        self._types = names_of(schema.TensorType)
        self._tables = {**names_of(schema.BuiltinOptions)}, {**names_of(schema.BuiltinOptions2)}

    def file(self) -> TfliteFile:
        """Return the whole file."""
        if not is_model(self._content, named=True):
            raise Damaged("it does not begin as such a file does")
        model = self._schema.Model.GetRootAs(self._content, 0)
        self._constants.begin(model)
        codes = [
            self._code(code)
            for code in each(model.OperatorCodes, model.OperatorCodesLength(), _MOST_ENTRIES)
        ]
        count = model.SubgraphsLength()
        if count < 1:
            raise Damaged("it has no network")
        subgraphs = each(model.Subgraphs, count, _MOST_SUBGRAPHS)
        found = tuple(self._subgraph(model, graph, codes) for graph in subgraphs)
        names = self._signature(model, found[0])
        return TfliteFile(self._source, found, *names, text_of(model.Description()))

    def _signature(self, model: Any, main: Subgraph) -> tuple[dict[int, str], dict[int, str]]:  # noqa: ANN401
        """Return the names of inputs and outputs in the first signature of the network."""
        for signature in each(model.SignatureDefs, model.SignatureDefsLength(), _MOST_SUBGRAPHS):
            if signature.SubgraphIndex() == 0:
                return tuple(
                    {
                        item.TensorIndex(): text_of(item.Name()) or main.tensors[number].name
                        for item in each(get, count, _MOST_ENTRIES)
                        if (number := item.TensorIndex()) < len(main.tensors)
                    }
                    for get, count in (
                        (signature.Inputs, signature.InputsLength()),
                        (signature.Outputs, signature.OutputsLength()),
                    )
                )  # type: ignore[return-value]
        return {}, {}

    def _code(self, code: Any) -> tuple[str, bool]:  # noqa: ANN401
        """Return the name of an operator, and whether it is a custom one."""
        old, new = code.DeprecatedBuiltinCode(), code.BuiltinCode()
        number = new if old == _OLD_CODES else max(old, new)
        name = self._builtins.get(number)
        if name is None:
            return f"operator {number}", True
        custom = name == "CUSTOM"
        return (text_of(code.CustomCode()) or "custom" if custom else name), custom

    def _subgraph(self, model: Any, graph: Any, codes: list[tuple[str, bool]]) -> Subgraph:  # noqa: ANN401
        names = Taken()
        tensors = tuple(
            self._tensor(model, number, tensor, names)
            for number, tensor in enumerate(
                each(graph.Tensors, graph.TensorsLength(), _MOST_ENTRIES)
            )
        )
        operators = tuple(
            self._operator(operator, codes, tensors)
            for operator in each(graph.Operators, graph.OperatorsLength(), _MOST_ENTRIES)
        )
        inputs = self._numbers(graph.InputsAsNumpy(), len(tensors))
        outputs = self._numbers(graph.OutputsAsNumpy(), len(tensors))
        if LEFT_OUT in (*inputs, *outputs):
            raise Damaged("an input or output of the network is left out")
        return Subgraph(tensors, operators, inputs, outputs)

    def _tensor(self, model: Any, number: int, tensor: Any, names: Taken) -> FileTensor:  # noqa: ANN401
        dtype = self._types.get(tensor.Type(), "unknown").lower()
        shape = shape_of(tensor.ShapeAsNumpy())
        signature = tensor.ShapeSignatureAsNumpy() if tensor.ShapeSignatureLength() else ()
        # Fused operators have the names of all of their parts.
        name = names.take(text_of(tensor.Name()).split(";")[0] or f"tensor_{number}")
        scales, zero_points, axis = quantization_of(tensor.Quantization(), name)
        axis = 0 if len(shape) == 1 else axis  # of biases, whatever the file says
        known = 0 <= axis < len(shape) and shape[axis] == len(scales)
        if len(scales) > 1 and not known:
            raise Damaged(f"{name!r} has {len(scales)} scales for shape {list(shape)}")
        return FileTensor(
            number=number,
            name=name,
            shape=shape,
            dtype=dtype,
            scales=scales,
            zero_points=zero_points,
            axis=axis,
            unknown=tuple(i for i, n in enumerate(signature[:MOST_DIMENSIONS]) if n < 0),
            constant=self._constants.of(tensor, dtype, shape, name),
            is_variable=bool(tensor.IsVariable()),
        )

    def _operator(
        self,
        operator: Any,  # noqa: ANN401
        codes: list[tuple[str, bool]],
        tensors: tuple[FileTensor, ...],
    ) -> FileOperator:
        kind, custom = codes[operator.OpcodeIndex()]
        inputs = self._numbers(operator.InputsAsNumpy(), len(tensors))
        outputs = self._numbers(operator.OutputsAsNumpy(), len(tensors))
        if LEFT_OUT in outputs:
            raise Damaged("an output of an operator is left out")
        options: dict[str, Any] = {}
        for table, number, names in zip(
            (operator.BuiltinOptions(), operator.BuiltinOptions2()),
            (operator.BuiltinOptionsType(), operator.BuiltinOptions2Type()),
            self._tables,
            strict=True,
        ):
            if table is not None and names.get(number, "NONE") != "NONE":
                options.update(self._options(table, names[number]))
        name = tensors[outputs[0]].name if outputs else kind
        return FileOperator(kind, options, inputs, outputs, name, custom)

    def _options(self, table: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
        kind = getattr(self._schema, name)
        options = kind()
        options.Init(table.Bytes, table.Pos)
        for field, is_list in fields_of(kind):
            if is_list:
                if getattr(options, f"{field}Length")() > _LARGEST_OPTION:
                    raise Damaged(f"the option {field} has too many values")
                values = getattr(options, f"{field}AsNumpy")()
                yield field, () if isinstance(values, int) else tuple(values.tolist())
            else:
                value = getattr(options, field)()
                yield field, text_of(value) if isinstance(value, bytes) else value

    def _numbers(self, values: Any, count: int) -> tuple[int, ...]:  # noqa: ANN401
        """Return numbers of tensors; a vector that is not there is a 0."""
        found = () if isinstance(values, int) else values.tolist()
        self._ends += len(found)
        if self._ends > _MOST_ENDS:
            raise Damaged("its operators have too many inputs")
        if any(not LEFT_OUT <= n < count for n in found):
            raise Damaged("an operator has a tensor that is not there")
        return tuple(found)
