"""Collect the C files that all formats share, at the places of a format's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microlut.codegen.render import ABI, SOURCES
from microlut.errors import InvalidInput
from microlut.exporters.formats import Layout
from microlut.project import Project

Files = dict[str, bytes]

_ENGINE = "microlut"  # folder of the engine beside the models
_INCLUDE = '#include "model.h"\n'  # in model.c
_WEIGHTS = '#include "weights.h"\n'


def source_files(projects: Sequence[Project], layout: Layout) -> Files:
    """Return the models' C files, named after the models, and one engine.

    Raises:
        InvalidInput: A model's folder lacks a source, or has those of another engine.
    """
    files = _engine_files(projects[0], layout)
    for project in projects:
        for name, data in _model_files(project, layout).items():
            if name in files:
                raise InvalidInput(
                    f"{project.path}: its file {name} is another model's too; "
                    "convert one of them with another --name"
                )
            files[name] = data
    return files


def _model_files(project: Project, layout: Layout) -> Files:
    prefix = project.prefix
    header, code, arrays, weights = (_read(project, name).decode() for name in SOURCES)
    if f"#if MLUT_ABI != {ABI}\n" not in header or code.count(_INCLUDE) != 1:
        raise InvalidInput(
            f"{project.path}: its sources are not those that this version of microlut writes "
            f"(MLUT_ABI {ABI}); run `microlut convert` again, into a new folder"
        )
    # All models are in one folder, so the files have the models' names.
    code = code.replace(_INCLUDE, f'#include "{prefix}.h"\n')
    code, weights = (
        text.replace(_WEIGHTS, f'#include "{_ENGINE}/{prefix}_weights.h"\n')
        for text in (code, weights)
    )
    return {
        f"{layout.headers}/{prefix}.h": header.encode(),
        f"{layout.sources}/{prefix}.c": code.encode(),
        f"{layout.sources}/{_ENGINE}/{prefix}_weights.h": arrays.encode(),  # not public
        f"{layout.sources}/{prefix}_weights.c": weights.encode(),
    }


def _engine_files(project: Project, layout: Layout) -> Files:
    engine = project.path / "engine"
    public, private = engine / "include" / "microlut", engine / "src"
    _bytes(public / "microlut.h")  # where there is no such file, there is no engine
    files = {f"{layout.headers}/{_ENGINE}/{file.name}": _bytes(file) for file in public.glob("*.h")}
    for file in private.rglob("*.[ch]"):
        files[f"{layout.sources}/{_ENGINE}/{file.relative_to(private).as_posix()}"] = _bytes(file)
    return files


def _read(project: Project, name: str) -> bytes:
    return _bytes(project.path / name)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file}: cannot be read ({error.strerror}); "
            "run `microlut convert` again, into a new folder"
        ) from error
