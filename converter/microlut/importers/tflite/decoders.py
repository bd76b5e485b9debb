"""What makes boxes or poses of outputs: the program that calls the network does that."""

from __future__ import annotations

from dataclasses import replace

from microlut.importers.tflite.file import FileOperator, TfliteFile

_DECODERS = (
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "PosenetDecoderOp",
    "TFLite_Detection_PostProcess",
)


def without_decoders(file: TfliteFile) -> tuple[TfliteFile, tuple[str, ...]]:
    """Return a file that ends with what decoders of its outputs read, and what the user must know.

    Decoders whose results the network itself reads stay.
    """
    main = file.main
    read = {n for operator in main.operators for n in operator.inputs}
    made = {n for operator in main.operators for n in operator.outputs}
    decoders = [
        operator
        for operator in main.operators
        if operator.kind in _DECODERS
        and read.isdisjoint(operator.outputs)
        and not made.isdisjoint(operator.inputs)
    ]
    if not decoders:
        return file, ()
    outputs, notes = list(main.outputs), list[str]()
    for operator in decoders:
        sources = [n for n in operator.inputs if n in made]
        place = min((outputs.index(n) for n in operator.outputs if n in outputs), default=0)
        notes.append(_note(file, operator, sources))
        outputs = [n for n in outputs if n not in operator.outputs]
        outputs[place:place] = [n for n in sources if n not in outputs]
    kept = tuple(each for each in main.operators if each not in decoders)
    changed = replace(main, operators=kept, outputs=tuple(outputs))
    return replace(file, subgraphs=(changed, *file.subgraphs[1:])), tuple(notes)


def _note(file: TfliteFile, operator: FileOperator, sources: list[int]) -> str:
    names = [file.output_names.get(n, file.main.tensors[n].name) for n in operator.outputs]
    ends = ", ".join(repr(file.main.tensors[n].name) for n in sources)
    return (
        f"outputs {', '.join(map(repr, names))} are left out ({operator.kind}): the program that "
        f"calls the network computes them of {ends}"
    )
