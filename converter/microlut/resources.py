"""Find the data folders (boards, firmware, templates) in a wheel or in a checkout."""

from pathlib import Path

from microlut.errors import MicrolutError

_PACKAGE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """Return the folder `boards`, `firmware` or `templates` as a real path.

    A wheel carries them in `microlut/_data`; an editable install uses the checkout itself.
    """
    checkout = _PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "firmware").is_dir():
        return checkout / name
    if (_PACKAGE / "_data" / name).is_dir():
        return _PACKAGE / "_data" / name
    raise MicrolutError(
        f"microlut's folder {name} is neither in {_PACKAGE / '_data'} nor in {checkout}; "
        "install microlut again"
    )
