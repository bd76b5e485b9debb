"""Read the description of a front end: the name of a known one, or a TOML file."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from pydantic import ValidationError, create_model

from microlut.errors import InvalidInput
from microlut.signal.image import Image
from microlut.signal.sensor import Sensor
from microlut.signal.spectrum import MFCC, Spectrum
from microlut.support.arguments import PathLike, brief, check_choice, is_path, path_of
from microlut.support.toml_file import Table, describe, read_toml

Front = Spectrum | Image | Sensor
KNOWN: dict[str, Front] = {"mfcc": MFCC, "log-mel": Spectrum()}

_KINDS: dict[str, type[Front]] = {"spectrum": Spectrum, "image": Image, "sensor": Sensor}


@cache
def _table(kind: type[Front]) -> type[Table]:
    """Return the table of a kind: keys are its attributes, whose values it checks itself."""
    keys: dict[str, Any] = {
        key.name: (Any, ... if key.default is MISSING else key.default) for key in fields(kind)
    }
    return create_model(kind.__name__, __base__=Table, **keys)


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
    values = read_toml(path, InvalidInput)
    called = values.pop("kind", None)
    try:
        check_choice("kind", called, _KINDS)
        kind: Any = _KINDS[called]  # whose arguments the table has
        found: dict[str, Any] = _table(kind).model_validate(values).model_dump(exclude_unset=True)
        lists = {key: tuple(value) for key, value in found.items() if isinstance(value, list)}
        made: Front = kind(**found | lists)
        return made
    except ValidationError as error:
        raise InvalidInput(f"{path}: {describe(error)}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
