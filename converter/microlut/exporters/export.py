"""Export one or more converted models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microlut.codegen.front import render_front
from microlut.codegen.names import identifier
from microlut.errors import InvalidInput
from microlut.exporters.application import application_files
from microlut.exporters.formats import ExportFormat, format_of
from microlut.exporters.output import write_archive, write_folder
from microlut.exporters.package import package_files
from microlut.integer import QuantizedGraph
from microlut.project import Model, Project, project_of
from microlut.signal.file import Front, front_of
from microlut.support.arguments import PathLike, check_flag, check_text, path_of
from microlut.support.files import check_file, write_file
from microlut.support.shown import Shown


@dataclass(frozen=True, slots=True, repr=False)
class Exported(Shown):
    """The files that an export wrote.

    Attributes:
        format: The format.
        path: The folder or file.
        name: The package's name.
        bytes: Size of the file, or of all files in the folder.
        files: Paths in the folder or archive; none if the file is the model itself.
    """

    format: ExportFormat
    path: Path
    name: str
    bytes: int
    files: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the attributes as JSON values."""
        place = "folder" if self.path.is_dir() else "file"
        facts: dict[str, object] = {"format": self.format.value, "name": self.name}
        facts |= {place: str(self.path), "bytes": self.bytes}
        return facts | ({"files": list(self.files)} if self.files else {})


def export(  # noqa: PLR0913 (what the user may say, by name)
    models: Model | Sequence[Model],
    to: ExportFormat | str,
    output: PathLike,
    name: str | None = None,
    *,
    front: Front | PathLike | None = None,
    app: bool = False,
    force: bool = False,
) -> Exported:
    """Write converted models in another tool's format.

    Args:
        models: One, or several that one program runs side by side; they share the engine. Each is
            the folder of a converted model, a project or a conversion.
        to: The format.
        output: Folder to write; a file for `zip` and `tflite`, and if it ends in .zip.
        name: The package's name; the first model's by default.
        front: A front end whose C code goes along: "mfcc", "log-mel", a TOML file, or one of
            `microlut.signal`.
        app: Whether to write a whole application: the model behind a console, as in the firmware
            of `build`, which the ecosystem's own command builds for any of its boards.
        force: Whether to replace an earlier export of which files have been changed since.

    Raises:
        InvalidInput: the models or the name cannot be used, or `output` is in use.
    """
    to, output = format_of(to), path_of("output", output)
    given = models if isinstance(models, list | tuple) else (models,)
    projects = [project_of(model) for model in given]
    if not projects:
        raise InvalidInput("there is no model to export; give at least one")
    check_text("name", name)
    check_flag("force", force)
    check_flag("app", app)
    if app and front is not None:
        raise InvalidInput("an application takes inputs from its console: leave the front end out")
    name = projects[0].prefix if name is None else _checked(name)
    code = {} if front is None else render_front(front_of(front), _only_for_front(projects))
    if to is ExportFormat.TFLITE and not app:
        if code:
            raise InvalidInput("a .tflite file has no code, so no front end; leave it out")
        data = _tflite(_only(projects))
        check_file(output, _is_ours, "a .tflite file")
        write_file(output, data)
        return Exported(to, output, name, len(data), ())
    if app:
        files = application_files(projects, to, name)
    else:
        files = package_files(projects, to, name, code)
    if to is ExportFormat.ZIP or output.suffix == ".zip":
        size = write_archive(files, name, output, force)
    else:
        write_folder(files, output, force)
        size = sum(map(len, files.values()))
    return Exported(to, output, name, size, tuple(files))


def _only_for_front(projects: Sequence[Project]) -> QuantizedGraph:
    if len(projects) > 1:
        raise InvalidInput(
            f"a front end makes the input of one model, and {len(projects)} were given; export the "
            "others one by one"
        )
    return projects[0].graph


def _tflite(project: Project) -> bytes:
    found = project.tflite
    if found is None:
        raise InvalidInput(
            f"{project.path}: has no .tflite file, since TensorFlow Lite has no "
            f"{project.graph.tflite_lacks()}; export its C sources, for example with --to zip"
        )
    return found


def _is_ours(tflite: bytes) -> bool:
    """Return whether a .tflite file has the description that conversions write."""
    return tflite[4:8] == b"TFL3" and b"\0microlut " in tflite


def _checked(name: str) -> str:
    """Return the name if build systems, folders and C accept it."""
    if identifier(name) != name:
        raise InvalidInput(
            f"name {name!r} cannot be used; allowed are lower-case letters, digits and underscores "
            f"that are no word of C, such as {identifier(name)!r}"
        )
    return name


def _only(models: Sequence[Project]) -> Project:
    if len(models) > 1:
        raise InvalidInput(
            f"a .tflite file holds one model, and {len(models)} were given; export them one by one"
        )
    return models[0]
