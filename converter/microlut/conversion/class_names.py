"""Read the names of a classifier's classes, and find the outputs that have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microlut.errors import InvalidInput
from microlut.graph.network import AnyNodeT, Network
from microlut.support.arguments import PathLike, brief, is_path, path_of
from microlut.support.texts import is_plain

_MOST_BYTES = 1 << 20  # of a file: names of 20,000 classes have a fifth of it

ClassNames = PathLike | Sequence[str]


def class_names_of(given: ClassNames | None, where: str = "class_names") -> tuple[str, ...]:
    """Return the names of classes, in the order of their numbers; none without any.

    Args:
        given: The names, or a text file with one per line, in UTF-8.
        where: What has them, for errors.

    Raises:
        InvalidInput: The file cannot be read, or a name is empty or no line of visible characters.
    """
    if given is None:
        return ()
    if is_path(given):
        path = path_of(where, given)
        where, names = str(path), _lines(path)
    elif isinstance(given, Sequence):
        names = list(given)
    else:
        raise InvalidInput(f"{where} is {brief(given)}; give a list of names, or a text file")
    if not names:
        raise InvalidInput(f"{where}: has no names; give one per class")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name or not is_plain(name):
            raise InvalidInput(
                f"{where}: the name of class {number} is {brief(name)}; give a line of visible "
                "characters"
            )
    return tuple(names)


def check_class_names(class_names: Sequence[str], graph: Network[AnyNodeT]) -> None:
    """Raise InvalidInput unless an output has as many classes as there are names."""
    sizes = {name: tensor.shape[-1] for name, tensor in graph.output_tensors().items()}
    if class_names and len(class_names) not in sizes.values():
        found = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise InvalidInput(
            f"class_names: {len(class_names)} names, but of the outputs {found} values per answer; "
            "give one name per value"
        )


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file without the blanks around them and empty lines at its end."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InvalidInput(f"{path}: has more than 1 MiB; give one name per line")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from None
    return [line.strip() for line in text.rstrip().split("\n")] if text.strip() else []
