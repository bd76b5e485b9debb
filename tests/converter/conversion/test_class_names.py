"""Names of classes: from files and lists into the C code, and what is refused."""

from pathlib import Path

import pytest

from digits_example import CALIBRATION, MODEL
from microlut import read, write
from microlut.conversion.class_names import class_names_of
from microlut.conversion.pipeline import convert
from microlut.errors import InvalidInput

NAMES = ["zero", 'o"ne', "two\\", "drei??/", "fünf", "5", "six six", "MLUT_PAIR(1, 2)", "8", "*/"]


def test_names_of_a_file_are_those_of_its_lines(tmp_path: Path):
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufeffcat\r\n Größe 3 \r\ndog\r\n\r\n".encode())
    assert class_names_of(file) == class_names_of(str(file)) == ("cat", "Größe 3", "dog")
    assert class_names_of(None) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no names"),
        (b"\n \n", "has no names"),
        (b"cat\n\ndog", "class 1 is ''"),
        (b"cat\na\x07b", r"class 1 is 'a\\x07b'"),
        (b"cat\n\xff", "not UTF-8 at byte 4"),
        (b"a\n" * 600_000, "more than 1 MiB"),
    ],
)
def test_files_that_have_no_names(data: bytes, message: str, tmp_path: Path):
    file = tmp_path / "classes.txt"
    file.write_bytes(data)
    with pytest.raises(InvalidInput, match=message) as caught:
        class_names_of(file)
    assert str(file) in str(caught.value)


def test_missing_files_and_other_values():
    for given in ("none.txt", Path("none.txt"), [], [3], ["a", ""], 3, {"a": 1}, b"ab"):
        with pytest.raises(InvalidInput, match=r"class_names|none\.txt"):
            class_names_of(given)


def test_number_of_names_is_checked_before_time_is_spent():
    with pytest.raises(
        InvalidInput, match=r"class_names: 3 names, but of the outputs .* has 10 values"
    ):
        convert(MODEL, CALIBRATION, class_names=["a", "b", "c"])


def test_names_come_into_the_code_and_back(tmp_path: Path):
    made = convert(MODEL, CALIBRATION, distill=False, class_names=NAMES)
    assert read(write(made, tmp_path / "out").path).graph.class_names == tuple(NAMES)
    code = made.sources["model.c"]
    assert '    "o\\"ne",\n    "two\\\\",\n    "drei\\?\\?/",\n    "f\\303\\274nf",\n' in code
    plain = convert(MODEL, CALIBRATION, distill=False).sources
    assert "_class_names" not in plain["model.c"] + plain["model.h"]
    both = [
        text.split("_CRC32 ")[1].split("\n")[0]
        for text in (made.sources["model.h"], plain["model.h"])
    ]
    assert both[0] == both[1]


def test_settings_have_names_or_their_file(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("\n".join(map(str, range(10))))
    for said in ('"classes.txt"', str([*map(str, range(10))])):
        settings = tmp_path / "microlut.toml"
        settings.write_text(f"class_names = {said}\n")
        found = convert(MODEL, CALIBRATION, distill=False, settings=settings)
        assert found.quantized.class_names == tuple("0123456789")
    settings.write_text('class_names = ["a", ""]\n')
    with pytest.raises(
        InvalidInput, match=r"microlut\.toml: class_names: the name of class 1 is ''"
    ):
        convert(MODEL, CALIBRATION, settings=settings)
