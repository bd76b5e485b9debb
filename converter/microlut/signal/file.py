"""Read the description of a front end: the name of a known one, or a TOML file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from microlut.errors import InvalidInput
from microlut.signal.image import Format, Image, Method
from microlut.signal.mel import Filters
from microlut.signal.sensor import Sensor
from microlut.signal.spectrum import MFCC, Logarithm, Spectrum, Window
from microlut.support.arguments import PathLike, brief, is_path, path_of
from microlut.support.toml_file import Table, describe, read_toml

Front = Spectrum | Image | Sensor
KNOWN: dict[str, Front] = {"mfcc": MFCC, "log-mel": Spectrum()}

_Numbers = float | Annotated[list[float], Field(min_length=1, max_length=3)]


class _Spectrum(Table):
    kind: Literal["spectrum"]
    rate: int = 16000
    frame: int = 480
    hop: int = 320
    points: int = 0
    bands: int = 40
    low: float = 20.0
    high: float = 4000.0
    coefficients: int = 0
    power: int = 1
    offset: float = 1e-6
    logarithm: Logarithm = "natural"
    window: Window = "hann"
    filters: Filters = "tensorflow"


class _Image(Table):
    kind: Literal["image"]
    width: int
    height: int
    format: Format = "rgb"
    part: Annotated[list[int], Field(min_length=4, max_length=4)] | None = None
    method: Method = "bilinear"
    scale: _Numbers = 1.0
    offset: _Numbers = 0.0


class _Sensor(Table):
    kind: Literal["sensor"]
    scale: list[float]
    offset: list[float] = Field(default_factory=list)


_KINDS = {"spectrum": Spectrum, "image": Image, "sensor": Sensor}
_ADAPTER: TypeAdapter[_Spectrum | _Image | _Sensor] = TypeAdapter(
    Annotated[_Spectrum | _Image | _Sensor, Field(discriminator="kind")]
)


def front_of(given: Front | PathLike) -> Front:
    """Return a front end that is given as such, by the name of a known one, or as a TOML file.

    Raises:
        InvalidInput: It is none of these, or the file has something that is not allowed.
    """
    if isinstance(given, Front):
        return given
    if not is_path(given):
        raise InvalidInput(
            f"front is {brief(given)}; give {' or '.join(KNOWN)}, a TOML file, or a front end of "
            "microlut.signal"
        )
    if str(given) in KNOWN:
        return KNOWN[str(given)]
    path = path_of("front", given)
    if path.suffix != ".toml":
        raise InvalidInput(
            f"front is {brief(str(given))}; give {' or '.join(KNOWN)}, or a .toml file"
        )
    try:
        found = _ADAPTER.validate_python(read_toml(path, InvalidInput))
    except ValidationError as error:
        raise InvalidInput(f"{path}: {describe(error)}") from error
    values = found.model_dump(exclude={"kind"})
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        made: Front = _KINDS[found.kind](**values)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    return made
