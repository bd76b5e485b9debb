"""What `deploy` is to do, from the command line or from the configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from microlut.conversion.project_table import Deployment, deployment
from microlut.conversion.settings import SETTINGS_FILE, settings_of
from microlut.errors import InvalidInput

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Deploying:
    """What `deploy` is to do, from the command line or from [project] in microlut.toml."""

    model: Path
    board: str
    output: Path
    calibration: Path | None
    input_range: tuple[float, float] | None
    inputs: Path | None


def deployment_of(given: Deployment, config: Path | None) -> Deploying:
    """Return what was given and, if no model was, what the configuration file says beside it.

    Raises:
        InvalidInput: Nobody names the model, the board or the folder.
    """
    here = Path(SETTINGS_FILE)
    path = config or (here if here.is_file() else None)
    said = Deployment()
    if given.model is None and path is not None:
        said = deployment(settings_of(path).project, path.parent)
    calibration, ends = given.calibration, given.input_range
    if calibration is None and ends is None:
        calibration, ends = said.calibration, said.input_range
    return Deploying(
        model=_known("MODEL", given.model or said.model, path),
        board=_known("--board", given.board or said.board, path),
        output=_known("--output", given.output or said.output, path),
        calibration=calibration,
        input_range=ends,
        inputs=given.inputs or said.inputs,
    )


def _known(option: str, value: _Value | None, path: Path | None) -> _Value:
    if value is not None:
        return value
    key = option.lower().removeprefix("--")
    file = "microlut.toml, which `microlut init` writes" if path is None else str(path)
    raise InvalidInput(f"{option}: is not given; give it, or `{key}` under [project] in {file}")
