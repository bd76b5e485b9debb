"""Find the data folders (boards, firmware, templates) and the licence in a wheel or checkout."""

from pathlib import Path

from microlut.errors import MicrolutError

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folder(name: str) -> Path:
    """Return the folder `boards`, `firmware`, `templates` or `examples/digits` as a real path."""
    return _data(name)


def license_file() -> Path:
    """Return the file with microlut's licence, which is copied with the engine."""
    return _data("LICENSE")


def _data(name: str) -> Path:
    """Return a file or folder of the wheel's `microlut/_data`, or of the checkout."""
    checkout = _PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "firmware").is_dir():
        return checkout / name
    if (_PACKAGE / "_data" / name).exists():
        return _PACKAGE / "_data" / name
    raise MicrolutError(
        f"microlut's {name} is neither in {_PACKAGE / '_data'} nor in {checkout}; "
        "install microlut again"
    )
