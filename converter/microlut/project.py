"""The folder that a conversion is written to, and read from by the later stages.

A folder is written beside its final place and renamed when it is whole, so that an earlier result
stays untouched until the new one is complete.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from microlut import integer as quantized
from microlut.board.schema import EcosystemName
from microlut.codegen.names import identifier
from microlut.conversion.conversion import Conversion
from microlut.conversion.report import ConvertReport
from microlut.errors import InvalidInput
from microlut.integer import QuantizedGraph
from microlut.integer.stream import window_inputs
from microlut.ops.tensor import Tensor
from microlut.support.arguments import PathLike, brief, check_flag, is_path, path_of
from microlut.support.files import check_place
from microlut.support.resources import data_folder
from microlut.support.shown import Record, Shown
from microlut.support.working_folder import OLD, working_folder
from microlut.support.written import MANIFEST, foreign_file, manifest
from microlut.version import VERSION

REPORT, MODEL, TFLITE = "report.json", "model.json", "model.tflite"
_ENGINE, _BUILD = "engine", "build"
_ENGINE_PARTS = ("include", "src")
_FILES = "files"  # key of report.json: what the conversion wrote, relative to the folder
_OVERRIDDEN = "; --force (force=True in Python) replaces it"
_MADE = r"elf|map|bin|hex|uf2|json|renode\.log"  # endings of what builds and runs leave
_FOREIGN = rf"build/({'|'.join(get_args(EcosystemName))})-[^/]+/.+"  # what ecosystems build
_BUILT = (
    rf"build/|build/[^/]+/{{prefix}}\.({_MADE})|{_FOREIGN}|build/[^/]+-build\.log|"
    r"report\.(html|md)"
)
ForeignFile = Callable[[Path, bool], str | None]
_REPORT_ADAPTER: TypeAdapter[ConvertReport] = TypeAdapter(ConvertReport)


@dataclass(frozen=True, slots=True, repr=False)
class Project(Shown):
    """A converted model on disk.

    Attributes:
        path: The folder.
        prefix: C prefix of the model's names.
        graph: The quantized network.
        report: The contents of report.json: a `ConvertReport`, and what `deploy` added.
    """

    path: Path
    prefix: str
    graph: QuantizedGraph
    report: dict[str, Any]

    def records(self) -> list[Record]:
        """Return a record per layer, of what the report says about it."""
        return [dict(layer) for layer in self.report["layers"]]

    @property
    def tflite(self) -> bytes | None:
        """Return the exported .tflite file's bytes; None if TensorFlow Lite lacks an operator.

        Raises:
            InvalidInput: The file is missing.
        """
        if self.graph.tflite_lacks():
            return None
        file = self.path / TFLITE
        if not file.is_file():
            raise InvalidInput(f"{file}: is missing; {_AGAIN}")
        return file.read_bytes()

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the inputs as samples have them; those of a streamed network are whole windows."""
        return window_inputs(self.graph)

    def build_folder(self, board: str, profile: bool = False) -> Path:
        """Return where the firmware for a board goes, or the one that times every kernel call."""
        return self.path / _BUILD / (f"{board}-profile" if profile else board)


# A converted model as the functions of the package take it: a folder's path, or an object.
Model = Project | Conversion | PathLike


@contextmanager
def staged(
    output: Path, foreign: ForeignFile | None = None, *, force: bool = False
) -> Iterator[Path]:
    """Yield a new folder beside `output` that takes its place if the block succeeds.

    Args:
        output: Where the folder goes.
        foreign: Finds what must not be lost; by default what no conversion or build wrote,
            or what was changed since.
        force: Whether files that were changed may be lost.

    Raises:
        InvalidInput: `output` is a file, a folder with something else in it, or not writable.
    """
    check_replaceable(output, foreign, force=force)
    output = output.resolve()  # a link keeps pointing there
    made = [folder for folder in output.parents if not folder.exists()]
    try:
        with ExitStack() as stack:
            try:
                output.parent.mkdir(parents=True, exist_ok=True)
                work = stack.enter_context(working_folder(output))
                fresh = work / output.name
                fresh.mkdir()
            except OSError as error:
                raise _not_writable(output, error) from error
            yield fresh
            check_replaceable(output, foreign, force=force)  # building and running took their time
            _exchange(fresh, output, work / OLD)
    finally:
        if not output.exists():
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()


def _exchange(fresh: Path, output: Path, old: Path) -> None:
    """Put `fresh` in the place of `output`, or leave everything as it was."""
    try:
        if output.exists():
            output.rename(old)
        fresh.rename(output)
    except OSError as error:
        if old.exists() and not output.exists():
            old.rename(output)
        raise _not_writable(output, error) from error


def _not_writable(output: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"{output}: cannot be written ({error.strerror}); choose another output folder"
    )


def check_replaceable(
    output: Path, foreign: ForeignFile | None = None, *, force: bool = False
) -> None:
    """Raise InvalidInput if `output` cannot be written, or must not be replaced."""
    try:
        check_place(output)
        if not output.exists():
            return
        if not output.is_dir():
            raise InvalidInput(f"{output}: is a file; choose a folder for the output")
        if Path.cwd().is_relative_to(output.resolve()):
            raise InvalidInput(
                f"{output}: is the current folder or above it, and would be replaced; "
                "choose a folder beside or below the current one"
            )
        if os.path.ismount(output.resolve()):  # Path has none on Windows
            raise InvalidInput(
                f"{output}: is where a file system is mounted, and cannot be replaced; "
                "choose a folder in it"
            )
        found = (foreign or _foreign_file)(output, force)
    except OSError as error:
        raise _not_writable(output, error) from error
    if found is not None:
        raise InvalidInput(
            f"{output}: holds {found} and would delete; move it elsewhere, or choose an empty or "
            f"new folder{_OVERRIDDEN if 'changed' in found else ''}"
        )


def _foreign_file(folder: Path, force: bool) -> str | None:
    """Return what neither a conversion nor a build wrote, or what was changed since."""
    try:
        prefix = str(json.loads((folder / REPORT).read_bytes())["prefix"])
    except (OSError, ValueError, KeyError, TypeError):
        return foreign_file(folder, force)
    built = re.compile(_BUILT.format(prefix=re.escape(prefix)))
    return foreign_file(folder, force, lambda name: built.fullmatch(name) is not None)


def write(conversion: Conversion, folder: Path) -> Project:
    """Write a conversion into an existing empty folder: sources, engine, model and report."""
    for name, text in conversion.sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    for part in _ENGINE_PARTS:
        shutil.copytree(data_folder("firmware") / part, folder / _ENGINE / part)
    if conversion.tflite is not None:
        (folder / TFLITE).write_bytes(conversion.tflite)
    quantized.save(conversion.quantized, folder / MODEL)
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    report = conversion.report.as_json() | {_FILES: sorted([*files, REPORT, MANIFEST])}
    project = Project(folder, conversion.report.prefix, conversion.quantized, report)
    write_report(project)
    return project


def write_report(project: Project) -> None:
    """Write a project's report.json, and the record of all that the conversion wrote."""
    text = json.dumps(project.report, indent=2) + "\n"
    (project.path / REPORT).write_text(text, encoding="utf-8")
    names = [name for name in project.report[_FILES] if name != MANIFEST]
    files = {name: (project.path / name).read_bytes() for name in names}
    (project.path / MANIFEST).write_bytes(manifest(files, microlut=VERSION))


def write_project(conversion: Conversion, output: PathLike, *, force: bool = False) -> Project:
    """Write a conversion to the folder `output`, which may hold an earlier one.

    With `force`, files of that one may have been changed; they are lost.
    """
    check_flag("force", force)
    if not isinstance(conversion, Conversion):
        raise InvalidInput(
            f"conversion is {brief(conversion)}; give what microlut.convert returned"
        )
    output = path_of("output", output)
    with staged(output, force=force) as folder:
        write(conversion, folder)
    return read(output)


def project_of(model: Model) -> Project:
    """Return a converted model that is given as a project, its folder or a conversion.

    A conversion that is in no folder yet is written to a temporary one, once; that folder goes with
    the conversion.
    """
    if isinstance(model, Project):
        return model
    if isinstance(model, Conversion):
        return _temporary.get(model) or _write_temporary(model)
    if not is_path(model):
        raise InvalidInput(
            f"model is {brief(model)}; give the folder of a converted model, or what "
            "microlut.convert, microlut.write or microlut.read returned"
        )
    return read(path_of("model", model))


_temporary: weakref.WeakKeyDictionary[Conversion, Project] = weakref.WeakKeyDictionary()


def _write_temporary(conversion: Conversion) -> Project:
    folder = tempfile.TemporaryDirectory(prefix="microlut-")
    weakref.finalize(conversion, folder.cleanup)  # also when Python ends
    write(conversion, Path(folder.name))
    project = _temporary[conversion] = read(folder.name)
    return project


_AGAIN = "run `microlut convert` again, into a new folder"


def _version_note(report: bytes) -> str:
    """Return what is wrong with a report that does not follow this version's schema."""
    with suppress(ValueError, KeyError, TypeError):
        version = json.loads(report)["microlut"]
        if version != VERSION:
            return f"was written by microlut {version}, and this is {VERSION}"
    return "is damaged"


def read(folder: PathLike) -> Project:
    """Read a converted model; raises InvalidInput when the folder does not hold a sound one."""
    folder = path_of("folder", folder)
    if not (folder / REPORT).is_file() or not (folder / MODEL).is_file():
        raise InvalidInput(
            f"{folder}: is not a converted model (no {REPORT} and {MODEL}); "
            f"make it with: microlut convert MODEL -o {folder}"
        )
    graph = quantized.load(folder / MODEL)
    prefix = identifier(graph.name)
    text = (folder / REPORT).read_bytes()
    try:
        checked = _REPORT_ADAPTER.validate_json(text)
        report = json.loads(text)
    except (ValidationError, ValueError) as error:
        raise InvalidInput(f"{folder / REPORT}: {_version_note(text)}; {_AGAIN}") from error
    if checked.prefix != prefix:
        raise InvalidInput(
            f"{folder / REPORT}: is about {checked.prefix} and {MODEL} is {prefix}; {_AGAIN}"
        )
    return Project(folder, prefix, graph, report)
