"""Make all files of an application: a model behind the console, for another ecosystem."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.codegen.environment import environment
from microlut.errors import InvalidInput
from microlut.exporters.formats import APPLICATIONS, ExportFormat, Layout
from microlut.exporters.package import complete, fill, view_of
from microlut.exporters.sources import Files, source_files
from microlut.project import Project
from microlut.support.resources import data_folder

_PARTS = ("app", "common")  # folders of the firmware that every application has
_ENTRY = "main.c"  # which each ecosystem has of its own
_GUARD = 16  # bytes behind the arena, as in the firmware
_CONFIG = f"/* Settings of the engine. */\n#define MLUT_ARENA_GUARD {_GUARD}u\n"


def application_files(projects: Sequence[Project], to: ExportFormat, name: str) -> Files:
    """Return the files of an application called `name`, by their paths in it.

    Raises:
        InvalidInput: The format has no applications, there are several models, or the model has the
            name of a part of the application.
    """
    if to not in APPLICATIONS:
        known = ", ".join(one.value for one in APPLICATIONS)
        raise InvalidInput(f"{to.value} has no applications; export one to {known}")
    if len(projects) > 1:
        raise InvalidInput(
            f"an application runs one model, and {len(projects)} were given; export them one by one"
        )
    project, code = projects[0], APPLICATIONS[to].replace("NAME", name)
    files = _without_include_path(source_files(projects, Layout(code, code)), code)
    for place, data in _application(project, to).items():
        if f"{code}/{place}" in files:
            raise InvalidInput(
                f"{place} would be a model's file and the application's; convert the model with "
                "another --name"
            )
        files[f"{code}/{place}"] = data
    model = view_of(project)
    sources = sorted(file for file in [*files, f"{code}/port.c"] if file.endswith(".c"))
    context = {"model": model, "sources": sources}
    return complete(files | fill(f"app/{to.value}", name, [model], context), to, [model])


def _without_include_path(files: Files, code: str) -> Files:
    """Return sources of the engine that name its headers from where they are.

    Sketches have no include path, and all other ecosystems need none then.
    """
    engine = f"{code}/microlut/"
    found = {}
    for place, data in files.items():
        found[place] = data
        if place.startswith(engine):
            up = "../" * place.removeprefix(engine).count("/")
            found[place] = data.replace(b'#include "microlut/', f'#include "{up}'.encode())
    return found


def _application(project: Project, to: ExportFormat) -> Files:
    firmware, prefix = data_folder("firmware"), project.prefix
    found = [file for part in _PARTS for file in (firmware / part).glob("*.[ch]")]
    files = {file.name: file.read_bytes() for file in found if file.name != _ENTRY}
    files["port.h"] = (firmware / "port" / "port.h").read_bytes()
    config = environment().get_template("app_config.h.j2")
    text = config.render(prefix=prefix, board={"id": to.value})
    files["app_config.h"] = text.replace('"model.h"', f'"{prefix}.h"').encode()
    files["microlut/microlut_config.h"] = _CONFIG.encode()
    return files
