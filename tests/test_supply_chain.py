"""What is installed: lock files with hashes that agree with pyproject.toml, and licences."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS = CHECKOUT / "requirements"
sys.path.insert(0, str(CHECKOUT / "scripts"))

import list_licences  # noqa: E402

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("base.txt", "dev.txt", "tflite-runtime.txt")
EXTRAS = PROJECT["optional-dependencies"]
NEEDED = {
    "base.txt": PROJECT["dependencies"],
    "dev.txt": PROJECT["dependencies"] + [each for extra in EXTRAS.values() for each in extra],
    "oldest.txt": PROJECT["dependencies"]
    + [each for name, extra in EXTRAS.items() if name not in ("all", "dev") for each in extra],
}


def entries(lock: str) -> list[str]:
    """Return each requirement of a lock with its hashes, in one line."""
    text = (REQUIREMENTS / lock).read_text(encoding="utf-8").replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; Pythons may differ in them."""
    found: dict[str, set[str]] = {}
    for line in entries(lock):
        name, pinned = line.split(";")[0].split()[0].split("==")
        found.setdefault(canonicalize_name(name), set()).add(pinned)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_everything_with_hashes_and_names_no_index(lock):
    for line in entries(lock):
        assert re.match(r"[A-Za-z0-9][\w.-]*==[\w.]+ ", line), line
        assert "--hash=sha256:" in line, line
        assert "://" not in line and "--index" not in line, line


def pins_for(lock: str, python: str) -> dict[str, str]:
    """Return the version of each package for one Python on Linux."""
    found = {}
    for line in entries(lock):
        requirement = Requirement(line.split(" --hash")[0].strip())
        if applies(requirement, python):
            (pinned,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = pinned.version
    return found


def applies(requirement: Requirement, python: str) -> bool:
    """Return whether a requirement is one of a Python on Linux."""
    versions = {"python_version": python, "python_full_version": f"{python}.1"}
    return requirement.marker is None or requirement.marker.evaluate(versions)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("lock", NEEDED)
def test_lock_has_what_the_project_asks_for(lock, python):
    if lock == "oldest.txt" and python != "3.11":
        pytest.skip("older releases have no wheels for newer Pythons")
    pinned = pins_for(lock, python)
    for requirement in map(Requirement, NEEDED[lock]):
        if requirement.name != PROJECT["name"] and applies(requirement, python):
            each = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(each, prereleases=True), (requirement, each)


def test_locks_agree():
    developed = pins("dev.txt")
    assert all(developed[name] == versions for name, versions in pins("base.txt").items())


def test_oldest_set_is_at_the_lower_bounds():
    """Every release of the older series would satisfy a bound that nothing is tested at."""
    for requirement in map(Requirement, NEEDED["oldest.txt"]):
        if not applies(requirement, "3.11"):
            continue
        (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
        (pinned,) = pins("oldest.txt")[canonicalize_name(requirement.name)]
        if "dev" not in bound:
            assert pinned.split(".")[: bound.count(".") + 1] == bound.split("."), requirement


def page_rows() -> list[tuple[str, str, str]]:
    text = list_licences.PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^\| ([a-z0-9-]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return [row for row in found if row[0] != "package"]


def test_page_lists_every_locked_package():
    listed = {name for name, _, _ in page_rows()}
    needed = {name for name, always in list_licences.locked("dev.txt").items() if always}
    assert needed <= listed, "run scripts/list_licences.py"


def test_page_has_the_licences_of_installed_packages():
    listed = {name: licence for name, licence, _ in page_rows()}
    same = {
        name: licence
        for name, licence, _ in list_licences.rows()
        if version(name) in pins("dev.txt")[name]
    }
    assert {name: listed.get(name) for name in same} == same, "run scripts/list_licences.py"


def test_licences_are_compatible():
    assert list_licences.faults(page_rows()) == []


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        (("x", "MIT AND GPL-2.0-only", "microlut"), False),
        (("x", "MIT OR GPL-2.0-only", "microlut"), True),
        (("x", "GPL-2.0-or-later", "extra `train`"), False),
        (("x", "unknown", "development"), False),
        (("esptool", "GPL-2.0-or-later", "extra `flash`"), True),
        (("esptool", "proprietary", "extra `flash`"), False),
    ],
)
def test_incompatible_licence_is_noticed(row, fits):
    assert (list_licences.faults([row]) == []) is fits


def test_esptool_is_optional_and_never_imported():
    assert "esptool" not in pins("base.txt")
    sources = (CHECKOUT / "converter").rglob("*.py")
    imports = re.compile(r"^\s*(import|from) +esptool", re.MULTILINE)
    assert not [p for p in sources if imports.search(p.read_text(encoding="utf-8"))]
