"""The Arduino library: the rules of its specification (rev. 2.2); the sketch, run and compiled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sketch import assert_sketch_is_right, compile_sketch_for_arm

CATEGORIES = {
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing"),
    *("Data Storage", "Data Processing", "Other"),
}
REQUIRED = {
    *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"),
    "architectures",
}


@pytest.fixture
def library(exported) -> Path:
    return exported("arduino")


@pytest.fixture
def properties(library) -> dict[str, str]:
    lines = (library / "library.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_properties_are_complete_and_allowed(properties):
    assert all(value.strip() == value != "" for value in properties.values())
    assert set(properties) == REQUIRED | {"includes", "dot_a_linkage"}
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9 _.-]{0,62}", properties["name"])
    assert not properties["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    assert properties["category"] in CATEGORIES
    assert properties["url"].startswith("https://")
    assert properties["architectures"] == "*"
    assert properties["dot_a_linkage"] == "true"
    assert not properties["paragraph"].startswith(properties["sentence"])


def test_includes_are_the_headers_beside_which_nothing_is_public(library, properties):
    assert properties["includes"] == "digits.h,second.h"
    assert {file.name for file in (library / "src").glob("*.h")} == {"digits.h", "second.h"}


def test_root_holds_no_sources_and_what_the_format_knows(library):
    names = {path.name for path in library.iterdir()}
    files = {"library.properties", "keywords.txt", "LICENSE", "README.md", "microlut.json"}
    assert names == files | {"src", "examples"}


def test_keywords_are_separated_by_one_tab_and_stand_in_the_headers(library):
    headers = "".join(file.read_text() for file in (library / "src").glob("*.h"))
    lines = (library / "keywords.txt").read_text().splitlines()
    words = dict(line.split("\t") for line in lines)
    assert len(words) == len(lines) == 26
    assert set(words.values()) == {"KEYWORD2", "LITERAL1"}
    assert [word for word in words if not re.search(rf"\b{word}\b", headers)] == []


def test_sketch_has_the_name_of_its_folder(library):
    sketches = [path.relative_to(library).as_posix() for path in library.rglob("*.ino")]
    assert sketches == ["examples/pair/pair.ino"]


def test_sketch_gives_the_bytes_that_microlut_computed(library, tmp_path):
    assert_sketch_is_right(library, library / "examples/pair/pair.ino", tmp_path)


def test_library_and_sketch_compile_for_arm(library, tmp_path):
    compile_sketch_for_arm(library, library / "examples/pair/pair.ino", tmp_path)
