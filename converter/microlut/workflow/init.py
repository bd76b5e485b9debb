"""Write a configuration file with which `microlut deploy` needs no arguments."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import jinja2

from microlut.board.board import Board, board_of
from microlut.codegen.environment import environment
from microlut.conversion.analysis import Analysis, BoardEstimate
from microlut.conversion.settings import SETTINGS_FILE
from microlut.errors import DoesNotFit, InvalidInput, MicrolutError, UnsupportedModel
from microlut.importers.sample_files import check_file
from microlut.support.arguments import PathLike, number_pair, path_of
from microlut.support.files import write_file
from microlut.support.shown import Record, Shown
from microlut.support.texts import is_plain
from microlut.workflow.analyze import analyze

_BITS = (4, 3, 2)  # the first that fits
_LISTED = 60  # layers
_WITH_RANGES = (".tflite", ".onnx")  # if they hold integers; `deploy` asks for them if not


@dataclass(frozen=True, slots=True, repr=False)
class Started(Shown):
    """What `init` wrote.

    Attributes:
        path: The configuration file.
        output: The folder that `deploy` will write.
        bits: Bits per weight: the most, up to 4, with which the model fits on the board.
        estimate: What the board needs for the model then.
    """

    path: Path
    output: Path
    bits: int
    estimate: BoardEstimate

    def records(self) -> list[Record]:
        """Return it as one record."""
        facts = {"path": str(self.path), "output": str(self.output), "bits": self.bits}
        return [facts | self.estimate.records()[0]]


def init(  # noqa: PLR0913 (the user's options, by name)
    model: PathLike,
    board: Board | PathLike,
    *,
    calibration: PathLike | None = None,
    input_range: tuple[float, float] | None = None,
    inputs: PathLike | None = None,
    output: PathLike | None = None,
    config: PathLike = SETTINGS_FILE,
) -> Started:
    """Check that a model converts and fits on a board, and write a configuration file for it.

    Args:
        model: The model's file or folder.
        board: A board, its id, or the path of its .toml file.
        calibration: Some hundred inputs like those in use: an .npz or .npy.
        input_range: The least and the largest value of the inputs; needed without `calibration`,
            unless the file itself has ranges.
        inputs: What `deploy` is to run, with class numbers `y` for the accuracy.
        output: The folder that `deploy` is to write; by default build/ and the model's name.
        config: The configuration file, which must not be there yet.

    Raises:
        MicrolutError: One of its subclasses: the model cannot be converted, does not fit, or a
            file is missing; nothing is written then.
    """
    path, source = path_of("config", config), path_of("model", model)
    if path.exists():
        raise InvalidInput(f"{path}: is there; edit it, or choose another file with --output")
    if calibration is None and input_range is None and needs_range(source):
        raise InvalidInput(
            "neither calibration inputs nor an input range are given; give --calibration FILE "
            "(some hundred inputs like those in use), or --input-range LOW HIGH"
        )
    target = board_of(board)
    files = [
        None if file is None else path_of(what, file)
        for what, file in (("calibration", calibration), ("inputs", inputs))
    ]
    for file in files:
        check_file(file)
    ends = None if input_range is None else number_pair("input range", input_range)
    folder = Path("build") / (source.stem or "model")
    if output is not None:
        folder = path_of("output", output)
    found, bits = _fitting(source, target)
    given = {
        "model": source,
        "calibration": files[0],
        "inputs": files[1],
        "board": board if _is_file(board) else target.id,
        "output": folder,
    }
    here = path.parent
    values = {
        key: _quoted(str(value) if key == "board" and value == target.id else _from(here, value))
        for key, value in given.items()
        if value is not None
    }
    layers = [layer.name for layer in found.layers if layer.bits and is_plain(layer.name)]
    text = _template().render(
        values=values,
        input_range=None if calibration is not None else ends,
        bits=bits,
        layers=layers[:_LISTED],
        more=max(0, len(layers) - _LISTED),
        quoted=_quoted,
    )
    write_file(path, text.encode())
    return Started(path, folder, bits, found.boards[0])


def needs_range(model: Path) -> bool:
    """Return whether a file of this kind never has the ranges of its tensors."""
    return model.suffix.lower() not in _WITH_RANGES


def _fitting(model: Path, board: Board) -> tuple[Analysis, int]:
    """Return the analysis for a board, with the most bits, up to 4, with which it fits."""
    for bits in _BITS:
        found = analyze(model, board=board, bits=bits)
        if not found.convertible:
            raise _obstructed(model, found)
        if found.boards[0].fits is not False:
            return found, bits
    lacking = found.boards[0]
    others = analyze(model, bits=_BITS[-1])
    fit = [each.board for each in others.boards if each.fits]
    where = f"it fits on {', '.join(fit)}" if fit else "it fits on none of the known boards"
    needs = {"flash": lacking.lacking_flash, "RAM": lacking.lacking_ram}
    lacks = " and ".join(f"{count:,} bytes of {what}" for what, count in needs.items() if count)
    raise DoesNotFit(f"{board.id}: lacks {lacks} for {model}, even at {_BITS[-1]} bits; {where}")


def _obstructed(model: Path, found: Analysis) -> MicrolutError:
    """Return the error for a model that cannot be converted."""
    first, others = found.obstacles[0], len(found.obstacles) - 1
    more = f" ({others} more: microlut analyze lists them)" if others else ""
    damaged = any(obstacle.damaged for obstacle in found.obstacles)
    kind = InvalidInput if damaged else UnsupportedModel
    return kind(f"{model}: {first.text}{more}")


def _is_file(board: Board | PathLike) -> bool:
    return not isinstance(board, Board) and str(board).endswith(".toml")


def _from(folder: Path, path: object) -> str:
    """Return a path as it is seen from a folder; absolute ones to other places stay so."""
    text, base = Path.cwd() / str(path), Path.cwd() / folder
    outside = not text.is_relative_to(base)
    return str(text if Path(str(path)).is_absolute() and outside else os.path.relpath(text, base))


def _quoted(text: str) -> str:
    """Return a text as a string of TOML.

    Raises:
        InvalidInput: It has a character that TOML cannot hold.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{text!r}: is not UTF-8, which configuration files are; rename the file"
        ) from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _template() -> jinja2.Template:
    return environment().get_template("microlut.toml.j2")
