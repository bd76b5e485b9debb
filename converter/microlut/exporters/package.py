"""Make all files of an exported folder from converted models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microlut.codegen.environment import environment
from microlut.codegen.names import unique_identifiers
from microlut.codegen.tensors import suffixes_of
from microlut.errors import InvalidInput
from microlut.exporters.formats import LAYOUTS, ExportFormat
from microlut.exporters.sources import Files, source_files
from microlut.graph.batch import Batch
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import Tensor
from microlut.project import Project
from microlut.support.resources import data_folder, license_file
from microlut.support.written import MANIFEST, manifest
from microlut.version import VERSION

_TEMPLATES = "export"
_MOST_EXPECTED = 32  # values of an output that the example compares


@dataclass(frozen=True, slots=True)
class EndView:
    """An input or an output of a model, for the templates.

    Attributes:
        n: Its C name.
        suffix: What the names of its functions and macros end in.
        tensor: Its type and shape.
        expected: The first of the output's integers for the example's test pattern.
    """

    n: str
    suffix: str
    tensor: Tensor
    expected: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model, for the templates.

    Attributes:
        prefix: Of its C names; `macro` is the same in capitals.
        inputs: What the model reads, in order.
        outputs: What it gives, in order.
        report: The contents of report.json.
    """

    prefix: str
    inputs: tuple[EndView, ...]
    outputs: tuple[EndView, ...]
    report: Mapping[str, object]

    @property
    def macro(self) -> str:
        """Return the prefix of the model's macros."""
        return self.prefix.upper()


def package_files(
    projects: Sequence[Project], to: ExportFormat, name: str, front: Mapping[str, str]
) -> Files:
    """Return the files of a package called `name`, by their paths in it.

    `front` are the C files of a front end, by name. Equal models give equal bytes.
    """
    if to not in LAYOUTS:
        raise InvalidInput(
            f"{to.value} takes applications; give --app (app=True in Python), or export a library "
            "to cmake"
        )
    layout = LAYOUTS[to]
    files = source_files(projects, layout)
    for file, text in front.items():
        place = layout.headers if file.endswith(".h") else layout.sources
        files[f"{place}/{file}"] = text.encode()
    models = [view_of(project) for project in projects]
    context: dict[str, object] = {
        "models": models,
        "headers": layout.headers,
        "sources": sorted(file for file in files if file.endswith(".c")),
    }
    filled = fill(f"{_TEMPLATES}/{to.value}", name, models, context)
    for file in filled.keys() & files.keys():
        raise InvalidInput(f"{file} would be a model's file and an example's; give another --name")
    return complete(files | filled, to, models)


def view_of(project: Project) -> ModelView:
    """Return a model as templates see it."""
    graph = project.graph
    inputs = {tensor.name: tensor for tensor in graph.inputs}
    found = int_ops.outputs(graph, _test_pattern(graph.inputs)).arrays
    expected = {name: tuple(y.ravel()[:_MOST_EXPECTED].tolist()) for name, y in found.items()}
    outputs = _ends(graph.output_tensors(), expected)
    return ModelView(project.prefix, _ends(inputs, {}), outputs, project.report)


def _test_pattern(inputs: Sequence[Tensor]) -> Batch:
    """Return what templates/export/example.j2 writes: the pattern goes on from input to input."""
    arrays, first = {}, 0
    for tensor in inputs:
        n = np.arange(first, first + tensor.size)
        values = n * 37 % 256 - 128 if tensor.dtype == "int8" else n * 9473 % 65536 - 32768
        arrays[tensor.name] = values.astype(tensor.dtype).reshape((1, *tensor.shape))
        first += tensor.size
    return Batch(arrays)


def _ends(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]]
) -> tuple[EndView, ...]:
    names, suffixes = unique_identifiers(tensors), suffixes_of(tensors)
    return tuple(
        EndView(names[name], suffixes[name], tensor, expected.get(name, ()))
        for name, tensor in tensors.items()
    )


def fill(
    folder: str, name: str, models: Sequence[ModelView], context: Mapping[str, object]
) -> Files:
    """Fill all templates of a folder; NAME in their paths is the package's name."""
    templates = environment()
    root = data_folder("templates")
    small = all(model.report["optimize"] == "size" for model in models)
    context = {
        "name": name,
        "optimize": "-Os" if small else "-O2",
        "version": VERSION,
        **context,
    }
    files = {}
    for path in sorted((root / folder).rglob("*.j2")):
        text = templates.get_template(path.relative_to(root).as_posix()).render(context)
        place = path.relative_to(root / folder).as_posix()
        files[place.removesuffix(".j2").replace("NAME", name)] = text.encode()
    return files


def complete(files: Files, to: ExportFormat, models: Sequence[ModelView]) -> Files:
    """Return the files with the licence and the record of all, in order."""
    files = {**files, "LICENSE": license_file().read_bytes()}
    sources = {m.prefix: m.report["source_sha256"] for m in models}
    files[MANIFEST] = manifest(files, microlut=VERSION, format=to.value, models=sources)
    return dict(sorted(files.items()))
