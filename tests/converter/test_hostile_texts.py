"""Texts that could act as code or commands where microlut writes them: refused or harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import microlut
from fake_keras import FakeModel, dense
from microlut.board.board import Board, load_board
from microlut.cli.failures import describe
from microlut.codegen.environment import environment
from microlut.codegen.names import comment
from microlut.errors import InvalidBoard, InvalidInput, MicrolutError
from microlut.exporters import ExportFormat
from microlut.machine.tools import HOST_CC, find_tool
from microlut.show.pictures.histogram import draw_fit
from microlut.support.texts import is_plain
from microlut.toolchain import build as toolchain

SEEN = (  # each is one line of characters that can be seen
    *('"', "'", ";", "#", "%s", "$(id)", "`id`", "${HOME}", "$x$", "a b", "a,b=c", "a=b", "a:b"),
    *("*/ x /*", "/*", "//", "??/", "\\", "a\\", "..", "../x", "/etc/passwd", "-x", "--port=1"),
    *("{{ 7 }}", "{% x %}", "@x", "&&", "|x", "<x>", "~", "!", "*", "?", "[x]", "é", "字"),
)
UNSEEN = (
    *('x\npython "0"', "x\r", "\n", "\t", "a\x00b", "\x1b[31m", "\x7f", "\x85", "a\x0bb"),
    *("\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\u00a0", "\ue000"),
)

# A board with every key that there is.
FULL = {
    "id": "full",
    "title": "Full",
    "mcu": "none",
    "core": "cortex-m3",
    "port": "stm32/f4",
    "clock_hz": 25_000_000,
    "oscillator": {"hz": 8_000_000, "bypass": True},
    "stack_bytes": 2_048,
    "interrupts": 82,
    "memory": {
        "flash": {"origin": 0, "size": 65_536, "cost": 2.0},
        "ram": {"origin": 0x2000_0000, "size": 16_384, "cost": 1.0},
        "preload": {"origin": 0x6000_0000, "size": 16_384, "cost": 1.0},
        "code_origin": 0x4000_0000,
        "others": {},  # do not go with code_origin
    },
    "console": {"uart": "USART2", "baud": 115_200, "tx": "PA2", "rx": "PA3", "function": 7},
    "emulators": {
        "renode": {"platform": "stm32f4", "mips": 100},
        "qemu": {"machine": "mps2-an385"},
        "native": {},
        "labwired": {"chip": "rp2040", "uart": "uart0"},
    },
    "probe": {"usb": ["0483:374b"]},
    "uf2": {"family": 1},
    "flash_tools": [
        {"name": "openocd", "config": ["interface/stlink.cfg"]},
        {"name": "pyocd", "target": "stm32f446re"},
        {"name": "st-flash"},
        {"name": "esptool", "chip": "esp32c3", "address": 0},
    ],
}
TEXTS = {("title",), ("mcu",)}  # for people; all others go into scripts, paths and command lines

Path_ = tuple[str | int, ...]


def leaves(value: object, path: Path_ = ()) -> Iterator[tuple[Path_, object]]:
    """Yield every value that is no table and no list, with the keys that lead to it."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from leaves(item, (*path, key))
        else:
            yield (*path, key), item


STRINGS = [path for path, value in leaves(FULL) if isinstance(value, str)]


def changed(path: Path_, value: str) -> dict:
    copy = json.loads(json.dumps(FULL))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


def toml(table: dict, folder: Path) -> Path:
    """Write a board's file, by inline tables; JSON's strings are TOML's."""

    def text(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} = {text(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        return json.dumps(value).replace("\x7f", "\\u007f")

    lines = [f"{key} = {text(value)}" for key, value in table.items() if key != "id"]
    file = folder / f"{table['id']}.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def generated(board: Board, folder: Path) -> dict[str, str]:
    """Return all that is generated of a board's file."""
    job = toolchain._Job(folder, "net", board, folder, "speed", profile=False, arena="ram")
    toolchain._write_config(job, board)
    texts = {file.name: file.read_text() for file in job.config.iterdir()}
    facts = {"folder": "/tmp/x", "preload": 1, "vectors": 2, "probes": (3, 4)}
    facts |= {"ready": "m-ready", "command": "x%", "silence_seconds": 5}
    template = environment().get_template("renode.resc.j2")
    return texts | {"renode.resc": template.render(board=board, **facts)}


def test_full_board_has_every_key(tmp_path):
    board = load_board(toml(FULL, tmp_path))
    assert json.loads(board.model_dump_json()) == FULL
    assert len(STRINGS) == 20


@pytest.mark.parametrize("path", STRINGS, ids=lambda path: ".".join(map(str, path)))
def test_text_of_a_board_is_refused_or_has_no_effect(path, tmp_path):
    expected = generated(load_board(toml(FULL, tmp_path)), tmp_path)
    for hostile in (*SEEN, *UNSEEN):
        if path == ("id",) and re.search(r"[/\0]", hostile):
            continue  # no file can be called so
        file = toml(changed(path, hostile), tmp_path)
        if path in TEXTS and hostile in SEEN:
            assert generated(load_board(file), tmp_path) == expected
            continue
        with pytest.raises(InvalidBoard) as caught:
            load_board(file)
        message, code = describe(caught.value)
        assert (code, is_plain(message)) == (4, True)


def test_names_of_memories_are_plain(tmp_path):
    memory = {"flash": FULL["memory"]["flash"], "ram": FULL["memory"]["ram"]}
    other = {"origin": 0x2001_0000, "size": 4_096, "kind": "ram"}
    table = FULL | {"memory": memory | {"others": {"sram": other}}}
    assert load_board(toml(table, tmp_path)).memory.size_of("ram") == 20_480
    for hostile in ("Sram", "a_b", "a.b", "1a", "ram", "a" * 17):
        table["memory"]["others"] = {hostile: other}
        text = toml(table, tmp_path)
        text.write_text(text.read_text().replace(f"{hostile} = {{", f'"{hostile}" = {{'))
        with pytest.raises(InvalidBoard):
            load_board(text)


def test_board_called_dots_is_refused(tmp_path):
    # its folder would be the project's own
    file = toml(FULL | {"id": ".."}, tmp_path)
    assert file.name == "...toml"
    with pytest.raises(InvalidBoard, match=r"id: found '\.\.'; the file's name .* rename the file"):
        load_board(file)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("clock_hz",), 2**32, "clock_hz: found 4294967296"),
        (("oscillator", "hz"), 10**30, "oscillator.hz: found"),
        (("stack_bytes",), 2**40, "stack_bytes: found"),
        (("memory", "ram", "origin"), 2**32 - 8, "memory.ram: ends at 0x100003ff8; addresses"),
        (("memory", "code_origin"), 2**32 - 8, "ends at 0x100003ff8; addresses have 32 bits"),
        (("emulators", "renode", "mips"), 10**9, "emulators.renode.mips: found"),
    ],
)
def test_number_of_a_board_fits_its_place(path, value, message, tmp_path):
    with pytest.raises(InvalidBoard, match=message):
        load_board(toml(changed(path, value), tmp_path))


# --- models


@pytest.fixture(scope="module")
def hostile_model() -> FakeModel:
    """Return a model with each text as the name of a layer; JSON can hold lone surrogates too."""
    names = (*SEEN, *UNSEEN, "\ud800", "model", "x" * 500)
    layers = tuple(dense(name, 4, 4, seed) for seed, name in enumerate(names))
    return FakeModel("*/\n#error \ud800 /*", (4,), layers)


@pytest.fixture(scope="module")
def converted(hostile_model) -> microlut.Conversion:
    return microlut.convert(hostile_model, method="fitted", input_range=(0.0, 1.0), name=None)


def test_names_of_a_model_are_one_line_that_can_be_seen(hostile_model, converted):
    names = [node.name for node in converted.graph.nodes]
    assert len(names) == len(set(names)) == len(hostile_model.layers)
    assert all(map(is_plain, (*names, converted.graph.name, converted.graph.inputs[0].name)))
    assert set(SEEN) <= set(names)  # these are as they were


def test_sources_of_a_hostile_model_compile_and_run(converted, tmp_path):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    project = microlut.read(microlut.write(converted, tmp_path / "out").path)
    inputs = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    samples = microlut.as_samples(inputs, project.graph.inputs)
    outcome = microlut.verify(project, samples, [microlut.load_board("host")])
    assert outcome.bit_exact
    assert len(outcome.forms) >= 3  # TensorFlow Lite reads model.tflite


@pytest.mark.parametrize("to", list(ExportFormat))
def test_exports_of_a_hostile_model_have_its_texts_in_c_comments_only(to, converted, tmp_path):
    project = microlut.write(converted, tmp_path / "out")
    app = to is ExportFormat.PICO_SDK  # which has no libraries
    exported = microlut.export(project, to, tmp_path / "exported", app=app)
    for name in exported.files:
        if exported.path.is_dir() and not name.endswith((".json", ".c", ".h", ".cpp")):
            text = (exported.path / name).read_text(encoding="utf-8")
            assert not any(hostile in text for hostile in UNSEEN if hostile.strip())
            assert "#error" not in text


@pytest.mark.parametrize("text", [*SEEN, *UNSEEN, "\ud800", "**//", "/*/", "*\\/", "??\\/"])
def test_comment_stays_a_comment(text):
    written = f"/* {comment(text)} */"
    assert written.index("*/") == len(written) - 2
    assert written.count("/*") == 1
    assert "??/" not in written
    assert written.isascii()
    assert "\n" not in written


def test_fit_draws_a_layer_called_like_a_formula(tmp_path):
    weights = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    book = microlut.fit_codebook(weights, 3)
    draw_fit(book, weights, r"$\frac$ ^_ $", tmp_path / "fit.svg")
    assert (tmp_path / "fit.svg").stat().st_size > 0


# --- messages


@pytest.mark.parametrize("hostile", [*UNSEEN, "\ud800"])
def test_message_has_no_characters_that_drive_a_terminal(hostile):
    message, _ = describe(InvalidInput(f"found {hostile}: no"))
    assert is_plain(message)
    assert message.endswith(": no")


@pytest.mark.parametrize("hostile", [*UNSEEN, *SEEN])
def test_configuration_key_is_refused_in_one_line(hostile, tmp_path):
    file = tmp_path / "microlut.toml"
    key = json.dumps(hostile).replace("\x7f", "\\u007f")
    for text in (f"{key} = 1", f"[layers.{key}]\nbits = 99", f"[layers.{key}]\n{key} = 1"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(MicrolutError) as caught:
            microlut.convert(FakeModel("m", (4,), (dense("d", 4, 4),)), settings=file)
        assert is_plain(describe(caught.value)[0])
