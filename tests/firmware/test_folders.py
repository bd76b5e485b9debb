"""Which folders of the firmware use which."""

import re
from pathlib import Path

import pytest

from microlut.support.resources import data_folder

FIRMWARE = data_folder("firmware")
USES = {  # beside themselves
    "include": set(),
    "src": {"include"},
    "port": {"startup"},  # what starts a core has more that ports may ask for
    "common": {"port"},
    "startup": {"port", "common"},
    "app": {"port", "common", "include", "profile"},
    "profile": {"port", "common", "include"},
}
MADE = {"board_config.h", "app_config.h", "model.h"}  # written for each build


def folder_of(name: str, beside: Path) -> str:
    """Return the folder of the firmware that an included file lies in."""
    if (beside.parent / name).is_file():
        return (beside.parent / name).resolve().relative_to(FIRMWARE.resolve()).parts[0]
    found = {path.relative_to(FIRMWARE).parts[0] for path in FIRMWARE.rglob(name)}
    assert len(found) == 1, (beside, name)
    return found.pop()


@pytest.mark.parametrize("folder", USES)
def test_folder_includes_from_those_below_it_alone(folder: str):
    files = sorted((FIRMWARE / folder).rglob("*.[ch]"))
    assert files
    for file in files:
        names = set(re.findall(r'^#include "(.*)"', file.read_text(encoding="utf-8"), re.M)) - MADE
        assert {folder_of(name, file) for name in names} <= USES[folder] | {folder}, file
