"""The ends of a network: integers inside, and often other types at its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from microlut.errors import Obstacle
from microlut.importers.obstacles import Collected
from microlut.importers.tflite.file import FileOperator, FileTensor, TfliteFile
from microlut.importers.tflite.tensors import graph_tensor, input_problem, quantization_of
from microlut.importers.tflite.use import Value, without_batch
from microlut.ops.tensor import Tensor

_SIGNED = "has int8 instead of uint8: values are 128 less, and so is the zero point"


@dataclass(frozen=True, slots=True)
class Ends:
    """What is known of the inputs, by their numbers in the file.

    Attributes:
        inputs: Tensors of the graph.
        sources: Tensors of the file with their type: of real inputs, the integers made of them.
        ends: Numbers of tensors that only callers read.
        notes: What the user has to know about them.
    """

    inputs: Mapping[int, Tensor]
    sources: Mapping[int, FileTensor]
    ends: frozenset[int]
    notes: tuple[str, ...]

    def alias(self, operator: FileOperator, inputs: Sequence[Value | None]) -> Value | None:
        """Return the value that an operator between types only passes on, if it does so."""
        if operator.kind not in ("QUANTIZE", "DEQUANTIZE") or len(operator.outputs) != 1:
            return None
        value = inputs[0] if inputs else None
        if value is None or value.constant is not None or not value.is_integer:
            return None
        (output,) = operator.outputs
        if operator.kind == "DEQUANTIZE":
            return value if output in self.ends else None
        made = self.sources.get(output)
        if made is None:
            return None
        return value if quantization_of(made) == quantization_of(value.source) else None


def ends_of(file: TfliteFile, collected: Collected, whole: bool = False) -> Ends:
    """Return the ends of a network, and collect why inputs cannot be used.

    A run may take the `whole` of arrays for several inputs.
    """
    main = file.main
    readers: dict[int, list[FileOperator]] = {}
    for operator in main.operators:
        for number in operator.inputs:
            readers.setdefault(number, []).append(operator)
    inputs: dict[int, Tensor] = {}
    sources: dict[int, FileTensor] = {}
    notes = []
    names: set[str] = set()
    for number in main.inputs:
        tensor = main.tensors[number]
        source = _integers_of(tensor, readers.get(number, []), file)
        name = file.input_names.get(number, tensor.name)
        while name in names:
            name += "_"
        names.add(name)
        problem = input_problem(source, whole)
        if problem is not None:
            collected.add([Obstacle(name, f"input {name!r}", *problem)])
        if source.dtype == "uint8":
            notes.append(f"input {name!r} {_SIGNED}")
        inputs[number] = graph_tensor(name, without_batch(tensor.shape), source)
        sources[number] = source
    for operator in main.operators:
        if operator.kind == "QUANTIZE" and len(operator.outputs) == 1:
            sources[operator.outputs[0]] = main.tensors[operator.outputs[0]]
    notes += [
        f"output {main.tensors[n].name!r} {_SIGNED}"
        for n in main.outputs
        if main.tensors[n].dtype == "uint8"
    ]
    ends = frozenset(n for n in main.outputs if n not in readers)
    return Ends(inputs, sources, ends, tuple(notes))


def _integers_of(
    tensor: FileTensor, readers: Sequence[FileOperator], file: TfliteFile
) -> FileTensor:
    """Return the integers that all readers of a real input make of it first, or the input."""
    if tensor.dtype != "float32" or not readers:
        return tensor
    if any(each.kind != "QUANTIZE" or len(each.outputs) != 1 for each in readers):
        return tensor
    made = [file.main.tensors[each.outputs[0]] for each in readers]
    found = {quantization_of(one) for one in made}
    return made[0] if len(found) == 1 and None not in found else tensor
