"""Find the model that a folder was converted from."""

from __future__ import annotations

from pathlib import Path

from microlut.conversion.conversion import source_hash
from microlut.project import Project


def original_file(project: Project) -> Path | None:
    """Return the file that has the original's name and contents, here or beside the folder."""
    name = str(project.report["source"])
    for folder in (Path(), project.path.parent):
        path = folder / name
        if name and path.exists() and is_original(path, project):
            return path
    return None


def is_original(model: Path | str | object, project: Project) -> bool:
    """Return whether a model has the contents that were converted, as far as they are known."""
    return project.report["source_sha256"] in ("", source_hash(model))


def original_lacks(project: Project) -> str:
    """Return that the original model was not found, and what to do."""
    name = project.report["source"]
    return f"{name}, is neither here nor beside this folder; give it with --model"
