"""The command line as its users see it: output, exit codes, errors, and what stays untouched."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest

import command_line
import microlut
from command_line import Answer
from digits_example import CALIBRATION, MODEL, SHAPE, TEST, conversion, samples
from graphs import output_of
from microlut.codegen.contents import contents_of
from microlut.codegen.structures import macros
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, find_tool
from microlut.ops.tensor import dequantize_array
from microlut.support import resources
from sweeps import in_sweeps

VERBS = (
    "demo",
    "init",
    "analyze",
    "convert",
    "tune",
    "search",
    "fit",
    "build",
    "run",
    "verify",
    "compare",
    "report",
    "deploy",
    "export",
    "flash",
    "monitor",
    "boards",
    "doctor",
)
PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]

call = command_line.call  # a fixture


def start(*arguments: object, **environment: str) -> Answer:
    """Call the command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "microlut", *map(str, arguments)],
        capture_output=True,
        text=True,
        # strict, as Python's own streams are in all languages but C
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE_PARENT),
            "PYTHONIOENCODING": "utf-8:strict",
            **environment,
        },
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def need(*tools) -> None:
    for tool in tools:
        if find_tool(tool) is None:
            pytest.skip(f"not tested: {tool.name} is missing ({tool.apt_command})")


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> Path:
    """Return a converted digits model, not to be changed."""
    folder = tmp_path_factory.mktemp("converted") / "digits"
    microlut.write(conversion(), folder)
    return folder


@pytest.fixture
def project(converted, tmp_path) -> Path:
    """Return a converted digits model of the test's own."""
    return shutil.copytree(converted, tmp_path / "project" / "digits")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes() if file.is_file() else b"(folder)"
        for file in folder.rglob("*")
    }


def save_npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


DEPLOY = ("deploy", MODEL, "--board", "host", "--calibration", CALIBRATION)


# --- help and the like


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_verb_tells_its_usage(verb, call):
    answer = call(verb, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: microlut {verb}")
    assert "--json" in answer.out
    assert answer.err == ""


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_all_verbs_and_exit_codes(arguments, call):
    answer = call(*arguments)
    assert answer.code == 0
    assert re.findall(r"^  (\w+)  +\S", answer.out, re.MULTILINE) == list(VERBS)
    for number in ("0 done", "1 outputs disagree", "5 does not fit", "70 internal"):
        assert number in " ".join(answer.out.split())


def test_help_fits_a_terminal_of_80_columns(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for verb in ("", *VERBS):
        lines = call(*verb.split(), "--help").out.splitlines()
        assert max(map(len, lines)) <= 80
        assert not any(line.endswith("...") for line in lines[1:])  # nothing is cut short


def test_version_is_printed(call):
    assert call("--version") == Answer(0, f"microlut {microlut.__version__}\n", "")


def test_boards_lists_every_board(call):
    lines = call("boards").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(microlut.list_boards())


def test_boards_as_json(call):
    boards = call("boards", "--json").json["boards"]
    assert [board["id"] for board in boards] == list(microlut.list_boards())


def test_boards_shows_one(call, tmp_path):
    assert "core                cortex-m4f" in call("boards", "mps2-an386").out.splitlines()
    path = board_file(tmp_path / "mine.toml", 65536, 4096)
    assert "ram                 4,096 bytes at 0x20000000" in call("boards", path).out.splitlines()
    assert [board["id"] for board in call("boards", "host", "--json").json["boards"]] == ["host"]


def test_run_refuses_an_emulator_that_the_board_lacks(call, earlier):
    files = ("run", earlier.out, "--inputs", TEST)
    answer = call(*files, "--board", "mps2-an386", "--emulator", "native")
    assert_refused(answer, 4, "mps2-an386", "found 'native'; it runs in renode, qemu")


def test_doctor_as_json_names_every_tool(call):
    answer = call("doctor", "--json")
    tools = answer.json["tools"]
    assert {"cmake", "ninja", "cc", "arm-none-eabi-gcc"} <= {tool["name"] for tool in tools}
    lacking = [tool for tool in tools if tool["path"] is None and not tool["optional"]]
    assert answer.code == (6 if lacking else 0)


def test_doctor_without_tools_says_how_to_install_them(monkeypatch, call, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = call("doctor")
    assert answer.code == 6
    assert "MISSING" in answer.out
    assert "sudo apt-get install -y qemu-system-arm" in answer.out


# --- what the verbs do, in processes of their own


@pytest.mark.qemu
def test_deploy_runs_the_whole_line(tmp_path):
    need(ARM_GCC, NEWLIB, QEMU, HOST_CC)
    out = tmp_path / "out"
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "-o", out)
    answer = start("deploy", MODEL, "--board", "mps2-an386", *files)
    assert answer.code == 0
    assert answer.err == ""
    assert re.search(r"^accuracy, firmware on mps2-an386 +9\d\.\d\d %$", answer.out, re.MULTILINE)
    assert re.search(r"^bit-exact .* yes$", answer.out, re.MULTILINE)
    assert re.search(r"^mps2-an386: flash [\d,]+ of 4,194,304 bytes, RAM", answer.out, re.MULTILINE)
    assert not any(line.endswith(" ") for line in answer.out.splitlines())
    assert sorted(path.name for path in out.iterdir()) == [
        *("build", "engine", "microlut.json", "model.c", "model.h"),
        *("model.json", "model.tflite", "report.html", "report.json", "weights.c", "weights.h"),
    ]


@pytest.mark.qemu
def test_deploy_takes_any_path(tmp_path):
    need(ARM_GCC, NEWLIB, QEMU, HOST_CC)
    name = "a;b\"c'd\\e|f$g #h (i)*\nj \u00e4 \udce9"
    model, calibration, inputs = (
        shutil.copy(file, tmp_path / f"{name}{file.suffix}{number}")
        for number, file in enumerate((MODEL, CALIBRATION, TEST))
    )
    files = ("--calibration", calibration, "--inputs", inputs, "--limit", 2, "-o", tmp_path / name)
    files += ("--bits", 8, "--no-distill")
    answer = start("deploy", model, "--board", "mps2-an386", *files)
    assert (answer.code, answer.err) == (0, "")
    assert "bit-exact with the integer model          yes" in answer.out
    answer = start("deploy", model, "--board", "mps2-an386", *files)
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.qemu
def test_deploy_as_json_has_the_documented_keys(tmp_path):
    need(ARM_GCC, NEWLIB, QEMU, HOST_CC)
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "-o", tmp_path / "out")
    answer = start("deploy", MODEL, "--board", "mps2-an386", *files, "--limit", 20, "--json")
    assert answer.code == 0
    assert answer.err == ""
    found = answer.json
    assert (found["samples"], found["bits"], found["bit_exact"]) == (20, 4, True)
    assert (found["top1"], found["float_top1"], found["integer_top1"]) == (100.0, 100.0, 100.0)
    for key in ("weight_bytes", "flash_bytes", "ram_bytes", "arena_bytes", "instructions"):
        assert isinstance(found[key], int)
        assert found[key] > 0
    assert Path(found["elf"]).is_file()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0 < found["stack_bytes"]["measured"] <= found["stack_bytes"]["used"]
    assert {key: found[key] for key in report} == report


def test_convert_then_the_other_verbs(tmp_path):
    need(HOST_CC)
    out = tmp_path / "out"
    files = ("--calibration", CALIBRATION, "-o", out)
    made = start("convert", MODEL, *files, "--bits", 3, "--no-distill")
    assert (made.code, made.err) == (0, "")
    assert f"Wrote {out}" in made.out
    built = start("build", out, "--board", "host")
    assert (built.code, built.err) == (0, "")
    ran = start("run", out, "--board", "host", "--inputs", TEST, "--limit", 5)
    assert (ran.code, ran.err) == (0, "")
    verified = start("verify", out, "--board", "host", "--inputs", TEST, "--limit", 5)
    assert (verified.code, verified.err) == (0, "")
    assert verified.out.splitlines()[-1].split() == ["bit-exact", "yes"]


# --- JSON


def test_convert_as_json_has_the_documented_keys(call, tmp_path):
    answer = call(
        *("convert", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / "out"),
        *("--bits", 5, "--granularity", "tensor", "--name", "My Net", "--json"),
    )
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    assert (found["bits"], found["granularity"], found["prefix"]) == (5, "tensor", "my_net")
    assert found["weight_bytes"] == sum(layer["weight_bytes"] for layer in found["layers"])
    assert found["arena_bytes"] > 0
    assert found["calibration_samples"] == 200
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found == report | {"output_folder": str(tmp_path / "out")}


@pytest.mark.qemu
def test_build_as_json_has_the_documented_keys(call, project):
    need(ARM_GCC, NEWLIB)
    answer = call("build", project, "--board", "mps2-an385", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    assert found["board"] == "mps2-an385"
    assert found["flash_bytes"] > found["weight_bytes"] > 0
    assert found["ram_bytes"] > found["arena_bytes"] > 0
    for ending in ("elf", "bin", "hex", "map"):
        assert Path(found[ending]).suffix == f".{ending}"
        assert Path(found[ending]).is_file()


def test_convert_keeps_to_the_memory_allowed(call, tmp_path):
    command = ("convert", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / "out")
    assert_refused(call(*command, "--max-ram", 500), 5, "at least", "--max-ram is 500")
    assert not (tmp_path / "out").exists()
    found = call(*command, "--optimize", "size", "--max-ram", 8000, "--json").json
    assert (found["optimize"], found["max_ram"]) == ("size", 8000)
    assert conversion().report.arena_bytes < found["arena_bytes"] <= 8000


def test_convert_estimates_for_a_core(call, tmp_path):
    command = ("convert", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / "out")
    assert_refused(call(*command, "--core", "cortex-a7"), 2, "core cortex-a7", "cortex-m0plus")
    assert not (tmp_path / "out").exists()
    found = call(*command, "--core", "cortex-m0plus", "--json").json
    assert found["core"] == "cortex-m0plus"
    assert found["estimated_instructions"] > 2 * conversion().report.estimated_instructions


def test_run_as_json_has_the_documented_keys(call, project):
    need(HOST_CC)
    files = ("--inputs", TEST, "--model", MODEL)
    answer = call("run", project, "--board", "host", *files, "--limit", 50, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    assert (found["board"], found["samples"], found["bits"]) == ("host", 50, 4)
    assert (found["top1"], found["float_top1"]) == (100.0, 100.0)
    assert found["bit_exact"] is True
    assert found["first_difference"] is None
    assert found["weight_bytes"] == conversion().report.weight_bytes
    assert found["arena_bytes"] == conversion().report.arena_bytes


@pytest.mark.qemu
def test_run_profiles_kernel_calls(call, project):
    need(ARM_GCC, NEWLIB, QEMU, HOST_CC)
    files = ("--board", "mps2-an386", "--inputs", TEST, "--limit", 1, "--profile")
    found = call("run", project, *files, "--json").json
    profile = found["profile"]
    calls = sum(layer["instructions"] for layer in profile["layers"])
    assert calls + profile["outside"] == profile["instructions"] == found["instructions"]
    lines = call("run", project, *files).out.splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(profile["layers"])]] == [
        layer["name"] for layer in profile["layers"]
    ]


def test_run_without_labels_has_no_accuracy(call, project, tmp_path):
    need(HOST_CC)
    inputs = save_npz(tmp_path / "x.npz", x=np.zeros((2, *SHAPE), np.uint8))
    found = call("run", project, "--board", "host", "--inputs", inputs, "--json").json
    assert (found["samples"], found["top1"], found["float_top1"]) == (2, None, None)


def test_run_writes_outputs(call, project, tmp_path):
    need(HOST_CC)
    file = tmp_path / "y.npz"
    arguments = ("--inputs", TEST, "--limit", 30, "--outputs", file)
    assert call("run", project, "--board", "host", *arguments).code == 0
    with np.load(file) as arrays, np.load(TEST) as test:
        integers, real, labels = arrays["y_int8"], arrays["y"], test["y"][:30]
    assert integers.dtype == np.int8
    np.testing.assert_array_equal(integers.argmax(axis=1), labels)
    quantization = output_of(conversion().quantized).quantized
    np.testing.assert_array_equal(real, dequantize_array(integers, quantization))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "y.npz"]


def test_verify_as_json_lists_every_form(call, project):
    need(HOST_CC)
    answer = call("verify", project, "--board", "host", "--inputs", TEST, "--limit", 9, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    assert found["bit_exact"] is True
    assert (found["samples"], found["top1"]) == (9, 100.0)
    forms = {form["form"]: form for form in found["forms"]}
    assert list(forms)[:2] == ["interpreter", "tflite-micro"]
    assert list(forms)[3:] == ["host"]
    assert all(form["agrees"] and form["samples"] == 9 for form in forms.values())


def test_export_writes_the_tflite_file(call, project, tmp_path):
    answer = call("export", project, "--to", "tflite", "-o", tmp_path / "m.tflite", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (tmp_path / "m.tflite").read_bytes() == conversion().tflite
    assert answer.json["bytes"] == len(conversion().tflite)
    assert answer.json["file"] == str(tmp_path / "m.tflite")


def test_export_writes_a_library(call, project, tmp_path):
    answer = call(
        "export", project, "--to", "cmake", "-o", tmp_path / "lib", "--name", "net", "--json"
    )
    assert (answer.code, answer.err) == (0, "")
    files = {p.relative_to(tmp_path / "lib").as_posix() for p in (tmp_path / "lib").rglob("*.*")}
    facts = answer.json
    assert set(facts.pop("files")) == files | {"LICENSE"}
    assert facts.pop("bytes") > 50_000
    assert facts == {"format": "cmake", "name": "net", "folder": str(tmp_path / "lib")}
    answer = call("export", project, "--to", "zip", "-o", tmp_path / "lib.zip")
    assert (answer.code, answer.err) == (0, "")
    assert re.fullmatch(r"Wrote .*lib\.zip, [\d,]+ bytes; start with its README\.md\n", answer.out)


# --- outputs that differ


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Path:
    """Return the file of a board that st-flash writes to, which is a stand-in that fails."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "st-flash"
    tool.write_text('#!/bin/sh\necho "Couldn\'t find any ST-Link devices"; exit 1\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"])))
    text = (resources.data_folder("boards") / "mps2-an386.toml").read_text(encoding="utf-8")
    board = tmp_path / "bench.toml"
    board.write_text(f'{text}\n[[flash_tools]]\nname = "st-flash"\n')
    return board


def test_flash_dry_run_prints_the_command(bench, call, project):
    need(ARM_GCC, NEWLIB)
    answer = call("flash", project, "--board", bench, "--dry-run")
    image = project / "build" / "bench" / "digits.bin"
    command = f"{bench.parent}/bin/st-flash --reset write {image} 0x00000000\n"
    assert answer == Answer(0, command, "")
    found = call("flash", project, "--board", bench, "--dry-run", "--json").json
    assert found["command"][-2:] == [str(image), "0x00000000"]
    assert (found["board"], found["tool"], found["written"]) == ("bench", "st-flash", False)
    assert_refused(call("flash", project, "--board", bench), 9, "no ST-Link answers", "by hand: ")


def test_flash_refuses_a_board_without_flash_tools(call, project):
    assert_refused(call("flash", project, "--board", "mps2-an386"), 4, "has no flash_tools")


@pytest.fixture
def flipped(project) -> Path:
    """Return a converted model with one bias in weights.c changed by much."""
    file = project / "weights.c"
    text = file.read_text()
    first = r"(digits_channels_digit\[\d+\] MLUT_WEIGHTS_SECTION = \{\s*\d+,)\d+"  # factor, bias
    changed = re.sub(first, r"\g<1>32767", text, count=1)
    assert changed != text
    file.write_text(changed)
    return project


@pytest.fixture
def tampered(flipped) -> Path:
    """Return such a model whose checksum is that of the changed weights."""
    header = flipped / "model.h"
    sources = [(flipped / name).read_text() for name in ("weights.c", "model.c")]
    sources[1] = sources[1].partition("/* Integrity")[0]
    crc = contents_of(sources, macros(header.read_text())).crc
    header.write_text(re.sub(r"(_CRC32) 0x\w+", rf"\1 0x{crc:08X}", header.read_text()))
    return flipped


def test_firmware_reports_weights_that_are_not_as_converted(call, flipped):
    need(HOST_CC)
    answer = call("run", flipped, "--board", "host", "--inputs", TEST, "--limit", 4)
    assert_refused(answer, 8, "the firmware reports: weights: crc 0x")


def test_run_of_tampered_weights_tells_the_first_difference(call, tampered):
    need(HOST_CC)
    answer = call("run", tampered, "--board", "host", "--inputs", TEST, "--limit", 4)
    assert answer.code == 1
    assert re.search(r"^bit-exact .* NO$", answer.out, re.MULTILINE)
    assert re.search(
        r"^first difference +input 0, output 0: -?\d+ instead of -?\d+$", answer.out, re.MULTILINE
    )
    assert answer.err == ""


def test_run_of_tampered_weights_as_json(call, tampered):
    need(HOST_CC)
    answer = call("run", tampered, "--board", "host", "--inputs", TEST, "--limit", 4, "--json")
    assert answer.code == 1
    assert answer.json["bit_exact"] is False
    assert answer.json["first_difference"] == {
        **answer.json["first_difference"],
        "sample": 0,
        "position": 0,
    }


def test_verify_of_tampered_weights_says_no_for_that_form(call, tampered):
    need(HOST_CC)
    answer = call("verify", tampered, "--board", "host", "--inputs", TEST, "--limit", 4)
    assert answer.code == 1
    verdicts = dict(re.findall(r"^([\w-]+) +4  (yes|NO)", answer.out, re.MULTILINE))
    assert verdicts.pop("host") == "NO"
    assert set(verdicts.values()) == {"yes"}
    assert answer.out.splitlines()[-1].split() == ["bit-exact", "NO"]


def test_fit_prints_a_row_a_layer_and_draws_one(call, tmp_path):
    picture = tmp_path / "fit.svg"
    answer = call("fit", MODEL, "--layer", "digit", "--bits", 3, "-o", picture)
    assert answer.code == 0
    assert re.search(r"^digit +10x\d+ +(gaussian|laplace) ", answer.out, re.MULTILINE)
    assert b"<svg" in picture.read_bytes()


def test_fit_as_json_has_levels_and_statistics(call):
    layers = call("fit", MODEL, "--bits", 3, "--json").json["layers"]
    assert [len(layer["levels"]) for layer in layers] == [8] * len(layers)
    assert all(0 < layer["ks_gaussian"] < 1 for layer in layers)


def test_fit_picture_needs_a_layer(call, tmp_path):
    answer = call("fit", MODEL, "-o", tmp_path / "fit.svg")
    assert answer.code == 2
    assert "--layer" in answer.err


def test_verify_of_tampered_tflite_says_no_for_the_runtimes(call, project):
    file = project / "model.tflite"
    other = microlut.convert(MODEL, CALIBRATION, bits=2).tflite
    file.write_bytes(other)
    answer = call("verify", project, "--board", "host", "--inputs", TEST, "--limit", 100, "--json")
    assert answer.code == 1
    agrees = {form["form"]: form["agrees"] for form in answer.json["forms"]}
    assert (agrees["interpreter"], agrees["tflite-micro"]) == (True, False)


# --- bad inputs: one line, an exit code, and everything is as it was


@dataclass(frozen=True)
class Earlier:
    """A folder with an earlier result in it, and a check that all of it is as it was."""

    root: Path
    out: Path
    before: dict[str, bytes]

    def check(self) -> None:
        assert snapshot(self.root) == self.before


@pytest.fixture
def earlier(converted, tmp_path) -> Earlier:
    root = tmp_path / "results"
    out = shutil.copytree(converted, root / "out")
    return Earlier(root, out, snapshot(root))


def assert_refused(answer: Answer, code: int, *parts: str) -> None:
    assert answer.out == ""
    assert answer.err.startswith("microlut: ")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err
    for part in parts:
        assert part in answer.err
    assert answer.code == code


def _missing(tmp_path: Path) -> Path:
    return tmp_path / "missing.keras"


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "empty.keras").touch()
    return tmp_path / "empty.keras"


def _truncated(tmp_path: Path) -> Path:
    (tmp_path / "half.keras").write_bytes(MODEL.read_bytes()[:40_000])
    return tmp_path / "half.keras"


def _no_model(tmp_path: Path) -> Path:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return tmp_path / "picture.png"


def _empty_folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def _zip_without_model(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("hello.txt", "hello")
    return tmp_path / "other.keras"


@pytest.mark.parametrize(
    "make", [_missing, _empty, _truncated, _no_model, _empty_folder, _zip_without_model]
)
def test_deploy_refuses_what_is_no_model(make, call, earlier, tmp_path):
    model = make(tmp_path)
    files = ("--calibration", CALIBRATION, "-o", earlier.out)
    assert_refused(call("deploy", model, "--board", "host", *files), 2, str(model))
    earlier.check()


def one_layer_model(keras, layer, path: Path) -> Path:
    x = keras.Input(SHAPE)
    keras.Model(x, layer(x)).save(path)
    return path


@pytest.mark.keras
def test_convert_refuses_lambda_layer(keras, call, earlier, tmp_path):
    layer = keras.layers.Lambda(lambda t: t * 2 if __name__ else t, name="twice")
    model = one_layer_model(keras, layer, tmp_path / "m.keras")
    answer = call("convert", model, "--calibration", CALIBRATION, "-o", earlier.out)
    assert_refused(answer, 3, "'twice'", "Lambda", "DepthwiseConv2D")
    earlier.check()


@pytest.mark.keras
def test_convert_refuses_custom_layer(keras, call, earlier, tmp_path):
    class Twice(keras.layers.Layer):
        def call(self, x):
            return x * 2

    model = one_layer_model(keras, Twice(name="mine"), tmp_path / "m.keras")
    answer = call("convert", model, "--calibration", CALIBRATION, "-o", earlier.out)
    assert_refused(answer, 3, "'mine'", "Twice", "DepthwiseConv2D")
    earlier.check()


@pytest.mark.keras
def test_convert_refuses_unsupported_option(keras, call, earlier, tmp_path):
    layer = keras.layers.Conv2D(2, 3, activation="log_softmax", name="bent")
    model = one_layer_model(keras, layer, tmp_path / "m.keras")
    answer = call("convert", model, "--calibration", CALIBRATION, "-o", earlier.out)
    assert_refused(answer, 3, "bent", "log_softmax", "relu")
    earlier.check()


BAD_INPUTS = {
    "missing": (None, "no such file"),
    "shape": ({"x": np.zeros((3, 5, 5, 1), np.float32)}, "expects [samples, 8, 8, 1]"),
    "none": ({"x": np.zeros((0, *SHAPE), np.float32)}, "at least one"),
    "type": ({"x": np.zeros((3, *SHAPE), np.complex64)}, "complex64"),
    "text": ({"x": np.full((3, *SHAPE), "a")}, "real numbers"),
    "nan": ({"x": np.full((3, *SHAPE), np.nan, np.float32)}, "NaN"),
    "labels": ({"x": np.zeros((3, *SHAPE)), "y": np.zeros(4, int)}, "each of the 3"),
    "one-hot": ({"x": np.zeros((3, *SHAPE)), "y": np.zeros((3, 10))}, "argmax"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_deploy_refuses_inputs(case, call, earlier, tmp_path):
    arrays, part = BAD_INPUTS[case]
    file = tmp_path / "inputs.npz"
    if arrays is not None:
        save_npz(file, **arrays)
    assert_refused(call(*DEPLOY, "--inputs", file, "-o", earlier.out), 2, str(file), part)
    earlier.check()


@pytest.mark.parametrize("case", [case for case in BAD_INPUTS if case not in ("labels", "one-hot")])
def test_convert_refuses_calibration(case, call, earlier, tmp_path):
    arrays, part = BAD_INPUTS[case]
    file = tmp_path / "calibration.npz"
    if arrays is not None:
        save_npz(file, **arrays)
    answer = call("convert", MODEL, "--calibration", file, "-o", earlier.out)
    assert_refused(answer, 2, str(file), part)
    earlier.check()


@pytest.mark.parametrize("case", BAD_INPUTS)
@pytest.mark.parametrize("verb", ["run", "verify"])
def test_run_and_verify_refuse_inputs(verb, case, call, earlier, tmp_path):
    arrays, part = BAD_INPUTS[case]
    file = tmp_path / "inputs.npz"
    if arrays is not None:
        save_npz(file, **arrays)
    answer = call(verb, earlier.out, "--board", "host", "--inputs", file)
    assert_refused(answer, 2, str(file), part)
    earlier.check()


def test_run_refuses_another_float_model(call, keras, earlier, tmp_path):
    x = keras.Input((5, 5, 1))
    keras.Model(x, keras.layers.Flatten()(x)).save(tmp_path / "other.keras")
    files = ("--inputs", TEST, "--model", tmp_path / "other.keras")
    answer = call("run", earlier.out, "--board", "host", *files)
    assert_refused(answer, 2, "other.keras", "is not the model that was converted, digits.keras")
    earlier.check()


@pytest.mark.parametrize("verb", [("convert",), ("deploy", "--board", "host")])
def test_no_calibration_says_how_to_make_it(verb, call, earlier):
    answer = call(*verb, MODEL, "-o", earlier.out)
    assert_refused(answer, 2, "numpy.savez('calibration.npz', x=inputs)", "--calibration")
    earlier.check()


@pytest.mark.parametrize("bits", [1, 9, 0, -4])
def test_convert_refuses_bits(bits, call, earlier):
    files = ("--calibration", CALIBRATION, "-o", earlier.out)
    assert_refused(call("convert", MODEL, *files, "--bits", bits), 2, f"bits is {bits}", "2 to 8")
    earlier.check()


BAD_COMMANDS = {
    "no verb": ("--json",),
    "unknown verb": ("erase",),
    "unknown option": ("boards", "--colour"),
    "no argument": ("convert",),
    "no output": ("convert", MODEL),
    "granularity": ("convert", MODEL, "-o", "x", "--granularity", "row"),
    "bits": ("convert", MODEL, "-o", "x", "--bits", "four"),
    "limit": ("run", "x", "--board", "host", "--inputs", TEST, "--limit", "0"),
    "format": ("export", "x", "--to", "onnx", "-o", "x"),
}


@pytest.mark.parametrize("case", [case for case in BAD_COMMANDS if case != "no verb"])
def test_bad_command_is_refused(case, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = "--limit is 0; give 1 or more" if case == "limit" else "--help"
    assert_refused(call(*BAD_COMMANDS[case]), 2, told)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_bad_command_as_json(case, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call(*BAD_COMMANDS[case], "--json")
    assert answer.code == 2
    assert set(answer.json) == {"error", "exit_code"}
    assert answer.json["exit_code"] == 2
    assert answer.err == f"microlut: {answer.json['error']}\n"


def test_error_as_json_is_one_object(call, tmp_path):
    answer = call("convert", tmp_path / "none.keras", "-o", tmp_path / "out", "--json")
    assert answer.json == {"error": answer.err[len("microlut: ") : -1], "exit_code": 2}


def test_error_as_json_in_a_process_of_its_own(tmp_path):
    answer = start("build", tmp_path, "--board", "host", "--json")
    assert answer.code == 2
    assert answer.json["exit_code"] == 2
    assert answer.err == f"microlut: {answer.json['error']}\n"


# --- boards


@pytest.mark.parametrize(
    "arguments",
    [("build", "DIR"), ("run", "DIR", "--inputs", TEST), ("verify", "DIR", "--inputs", TEST)],
    ids=lambda arguments: arguments[0],
)
def test_unknown_board_gets_a_suggestion(arguments, call, earlier):
    filled = [earlier.out if argument == "DIR" else argument for argument in arguments]
    answer = call(*filled, "--board", "mps2-an368")
    assert_refused(answer, 4, "'mps2-an368'", "did you mean mps2-an38")
    earlier.check()


def test_empty_name_is_no_board(call):
    assert_refused(call("boards", ""), 4, "board '' is not known")


def test_export_to_an_unknown_format_gets_a_suggestion(call, tmp_path):
    answer = call("export", tmp_path, "--to", "ESP32", "-o", tmp_path / "out")
    assert_refused(answer, 2, "'--to'", "did you mean esp-idf?", "microlut export --help")


def test_deploy_for_unknown_board_fails_before_the_conversion(call, earlier):
    answer = call("deploy", "none.keras", "--board", "arduino", "-o", earlier.out)
    assert_refused(answer, 4, "arduino", "mps2-an386", ".toml")
    earlier.check()


def board_file(path: Path, flash: int, ram: int) -> Path:
    path.write_text(
        f"""title = "A small board"
mcu = "none"
core = "cortex-m4f"
port = "mps2"
clock_hz = 25_000_000
stack_bytes = 2048
[memory]
flash = {{ origin = 0x0000_0000, size = {flash} }}
ram = {{ origin = 0x2000_0000, size = {ram} }}
[console]
uart = "UART0"
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("sizes", "part", "help_text"),
    [
        ((4096, 65536), r"flash [\d,]+ of 4,096 bytes \(([\d,]+) too many\)", "fewer bits"),
        ((65536, 4096), r"RAM [\d,]+ of 4,096 bytes \(([\d,]+) too many\)", "smaller feature maps"),
    ],
    ids=["flash", "ram"],
)
def test_deploy_to_a_board_that_is_too_small(sizes, part, help_text, call, earlier, tmp_path):
    need(ARM_GCC, NEWLIB)
    board = board_file(tmp_path / "small.toml", *sizes)
    files = ("--calibration", CALIBRATION, "-o", earlier.out)
    answer = call("deploy", MODEL, "--board", board, *files)
    assert_refused(answer, 5, "small", help_text)
    found = re.search(part, answer.err)
    assert found is not None
    assert int(found[1].replace(",", "")) > 0
    earlier.check()


@pytest.mark.qemu
def test_deploy_without_inputs_needs_no_emulator(call, tmp_path):
    need(ARM_GCC, NEWLIB)
    board = board_file(tmp_path / "mine.toml", 65536, 65536)
    files = ("--calibration", CALIBRATION, "-o", tmp_path / "out")
    answer = call("deploy", MODEL, "--board", board, *files)
    assert (answer.code, answer.err) == (0, "")
    assert "mine: flash" in answer.out


@pytest.mark.qemu
def test_deploy_to_a_board_without_emulator_measures_on_its_core(call, tmp_path):
    need(ARM_GCC, NEWLIB, QEMU)
    board = board_file(tmp_path / "mine.toml", 65536, 65536)
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "--limit", 2, "--bits", 8)
    answer = call("deploy", MODEL, "--board", board, *files, "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "mine: flash" in answer.out
    assert "Measured on mps2-an386, an emulated machine for the same code" in answer.out


@pytest.mark.qemu
def test_deploy_that_cannot_be_measured_builds_and_tells(call, monkeypatch, tmp_path):
    need(ARM_GCC, NEWLIB)
    hide_all_but_arm_gcc(monkeypatch, tmp_path / "bin")
    board = board_file(tmp_path / "mine.toml", 65536, 65536)
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "--limit", 2, "--bits", 8, "--json")
    answer = call("deploy", MODEL, "--board", board, *files, "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (6, "")
    assert Path(answer.json["elf"]).is_file()
    assert answer.json["measured_on"] is None
    assert "qemu-system-arm is not installed" in answer.json["measured_note"]


# --- missing tools


@pytest.mark.parametrize(
    ("board", "package"), [("host", "build-essential"), ("mps2-an386", "gcc-arm-none-eabi")]
)
def test_deploy_without_compiler_says_what_to_install(
    board, package, call, monkeypatch, earlier, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(
        "microlut.workflow.deploy.convert_with", lambda *_: pytest.fail("converted")
    )
    files = ("--calibration", CALIBRATION, "-o", earlier.out)
    answer = call("deploy", MODEL, "--board", board, *files)
    assert_refused(answer, 6, "not installed", f"sudo apt-get install -y {package}")
    earlier.check()


def hide_all_but_arm_gcc(monkeypatch, folder: Path) -> None:
    """Let PATH have nothing but the Arm compiler."""
    folder.mkdir()
    for program in find_tool(ARM_GCC).parent.glob("arm-none-eabi-*"):
        wrapper = folder / program.name
        wrapper.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.qemu
def test_run_without_emulator_says_what_to_install(call, monkeypatch, earlier, tmp_path):
    need(ARM_GCC, NEWLIB, HOST_CC)
    hide_all_but_arm_gcc(monkeypatch, tmp_path / "bin")
    monkeypatch.setattr(
        "microlut.workflow.deploy.convert_with", lambda *_: pytest.fail("converted")
    )
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "--limit", 1, "-o", earlier.out)
    answer = call("deploy", MODEL, "--board", "mps2-an386", *files)
    assert_refused(answer, 6, "qemu-system-arm", "sudo apt-get install -y qemu-system-arm")
    earlier.check()


def test_verify_without_tools_says_what_it_skipped(call, monkeypatch, project, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    answer = call("verify", project, "--inputs", TEST, "--limit", 3)
    assert answer.code == 0
    assert "host: skipped, cc is missing: sudo apt-get install" in answer.out
    told = [each for each in answer.out.splitlines() if "arm-none-eabi-gcc is missing" in each]
    assert len(told) == 1  # for all boards together
    assert "mps2-an385, " in told[0]
    assert "mps2-an386, " in told[0]


# --- outputs that cannot be written


def test_output_folder_with_other_files_is_left_alone(call, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    answer = call(*DEPLOY, "-o", out)
    assert_refused(answer, 2, str(out), "thesis.tex")
    assert snapshot(tmp_path) == {"out": b"(folder)", "out/thesis.tex": b"years of work"}


def test_output_folder_with_a_file_added_by_the_user_is_left_alone(call, earlier):
    (earlier.out / "main.c").write_text("int main(void) {}")
    answer = call(*DEPLOY, "-o", earlier.out)
    assert_refused(answer, 2, str(earlier.out), "main.c")
    (earlier.out / "main.c").unlink()
    earlier.check()


@pytest.mark.parametrize("verb", [("convert", MODEL, "--calibration", CALIBRATION), DEPLOY])
def test_edited_file_in_the_output_folder_is_named_before_the_conversion(
    verb, call, earlier, monkeypatch
):
    for place in ("conversion.pipeline.convert", "workflow.deploy.convert_with"):
        monkeypatch.setattr(f"microlut.{place}", lambda *_, **__: pytest.fail("converted"))
    original = (earlier.out / "model.c").read_text()
    (earlier.out / "model.c").write_text(f"/* mine */\n{original}")
    assert_refused(call(*verb, "-o", earlier.out), 2, "holds model.c, which was changed since")
    (earlier.out / "model.c").write_text(original)
    earlier.check()


@pytest.mark.parametrize(
    "verb",
    [
        ("convert", MODEL, "--calibration", CALIBRATION, "--no-distill"),
        ("deploy", MODEL, "--board", "host", "--calibration", CALIBRATION, "--no-distill"),
        ("export", "earlier", "--to", "cmake"),
        ("export", "earlier", "--to", "zip"),
    ],
    ids=["convert", "deploy", "export", "zip"],
)
def test_edited_result_is_replaced_by_force(verb, call, project, tmp_path):
    if verb[0] == "deploy":
        need(HOST_CC)
    arguments = [project if each == "earlier" else each for each in verb]
    out = tmp_path / ("out.zip" if "zip" in verb else "out")
    assert call(*arguments, "-o", out).code == 0
    if out.is_dir():
        edited = next(out.rglob("model.c"), None) or next(out.rglob("*.c"))
        edited.write_text("/* mine */")
        advice = "--force"
    else:
        with zipfile.ZipFile(out) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in found.items():
                archive.writestr(name, b"/* mine */" if name.endswith("weights.c") else data)
        edited, advice = out, "as microlut wrote it"
    before = edited.read_bytes()
    assert_refused(call(*arguments, "-o", out), 2, advice)
    assert edited.read_bytes() == before
    assert call(*arguments, "-o", out, "--force").code == 0
    assert edited.read_bytes() != before


def test_outputs_do_not_replace_the_inputs(call, project, tmp_path):
    inputs = shutil.copy(TEST, tmp_path / "test.npz")
    files = ("--inputs", inputs, "--outputs", inputs)
    answer = call("run", project, "--board", "host", *files)
    assert_refused(answer, 2, "test.npz: is there and not outputs as microlut wrote it")
    assert inputs.read_bytes() == TEST.read_bytes()


def test_output_that_is_a_file_is_left_alone(call, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert_refused(call(*DEPLOY, "-o", tmp_path / "out"), 2, "is a file")
    assert snapshot(tmp_path) == {"out": b"mine"}


@pytest.mark.parametrize(
    "place", ["file/out", "/proc/microlut/out", "x" * 300], ids=["below-file", "proc", "long"]
)
def test_output_that_cannot_be_written(place, call, tmp_path):
    (tmp_path / "file").write_text("mine")
    answer = call("convert", MODEL, "--calibration", CALIBRATION, "-o", tmp_path / place)
    assert_refused(answer, 2, "cannot be written", "another output folder")
    assert snapshot(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("place", ["folder", "missing/y.npz"])
def test_outputs_file_that_cannot_be_written(place, call, project, tmp_path):
    need(HOST_CC)
    (tmp_path / "folder").mkdir()
    arguments = ("--inputs", TEST, "--limit", 1, "--outputs", tmp_path / place)
    assert_refused(call("run", project, "--board", "host", *arguments), 2, place, "written")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "project"]


@pytest.mark.parametrize("place", ["folder", "missing/m.tflite"])
def test_export_file_that_cannot_be_written(place, call, project, tmp_path):
    (tmp_path / "folder").mkdir()
    answer = call("export", project, "--to", "tflite", "-o", tmp_path / place)
    assert_refused(answer, 2, place, "written")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "project"]


# --- analyze


def test_analyze_shows_layers_and_boards(call):
    answer = call("analyze", MODEL, "--board", "mps2-an386", "--board", "riscv-virt", "--bits", 6)
    assert (answer.code, answer.err) == (0, "")
    assert "digits: 5,570 parameters, 258,000 MACs" in answer.out
    assert [line.split()[0] for line in answer.out.splitlines()[-2:]] == [
        "mps2-an386",
        "riscv-virt",
    ]


def test_analyze_shows_what_is_known_and_all_obstacles(call, tmp_path):
    text = json.dumps(
        {
            "class_name": "Sequential",
            "config": {
                "name": "net",
                "layers": [
                    {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}},
                    {"class_name": "Odd\n", "config": {"name": "a\x1b"}},
                    {"class_name": "Activation", "config": {"name": "b", "activation": "foo"}},
                ],
            },
        }
    )
    weights = io.BytesIO()
    h5py.File(weights, "w").close()
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights.getvalue())
    answer = call("analyze", tmp_path / "net.keras")
    assert (answer.code, answer.err) == (3, "")
    lines = answer.out.splitlines()[-4:]
    assert lines[0] == "net: 0 parameters, 2 obstacles:"
    assert lines[1].startswith("1. layer 'a\\x1b' (Odd ): the class is not supported; rebuild")
    assert lines[2].startswith("2. layer 'b' (Activation): activation 'foo'; supported are ")
    assert lines[3].startswith("Note: not all of 'b' could be checked")
    found = call("analyze", tmp_path / "net.keras", "--json")
    assert found.code == 3
    assert [each["found"] for each in found.json["obstacles"]] == [
        "the class is not supported",
        "activation 'foo'",
    ]


def test_analyze_refuses_what_is_no_model(call, tmp_path):
    assert_refused(call("analyze", tmp_path / "none.keras"), 2, "no such file")
    assert_refused(call("analyze", MODEL, "--board", "none"), 4, "none")


# --- a damaged DIR


def _without(name: str):
    return lambda folder: (folder / name).unlink()


def _with(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def _cut(folder: Path) -> None:
    data = (folder / "model.json").read_bytes()
    (folder / "model.json").write_bytes(data[: len(data) // 2])


def _flip(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"eJ', '"eK', 1))


def _without_arrays(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"zlib"', '"gzip"', 1))


def _report_of_another_model(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(report | {"prefix": "other"}))


DAMAGE = {
    "no report": _without("report.json"),
    "no model": _without("model.json"),
    "empty report": _with("report.json", ""),
    "list report": _with("report.json", "[]"),
    "short report": _with("report.json", '{"prefix": "digits"}'),
    "binary report": _with("report.json", "\x00\x01"),
    "other report": _report_of_another_model,
    "empty model": _with("model.json", ""),
    "null model": _with("model.json", "null"),
    "other model": _with("model.json", '{"name": "digits"}'),
    "cut model": _cut,
    "flipped model": _flip,
    "model without arrays": _without_arrays,
}


@pytest.mark.parametrize("case", DAMAGE)
@pytest.mark.parametrize("verb", ["build", "run", "verify", "export"])
def test_damaged_folder_is_refused(verb, case, call, project, tmp_path):
    DAMAGE[case](project)
    before = snapshot(tmp_path)
    options = {
        "build": ("--board", "host"),
        "run": ("--board", "host", "--inputs", TEST),
        "verify": ("--board", "host", "--inputs", TEST),
        "export": ("--to", "tflite", "-o", tmp_path / "m.tflite"),
    }[verb]
    assert_refused(call(verb, project, *options), 2, str(project), "microlut convert")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["model.c", "model.h", "weights.c", "weights.h"])
def test_build_without_a_source_is_refused(name, call, project):
    need(HOST_CC)
    (project / name).unlink()
    assert_refused(call("build", project, "--board", "host"), 2, str(project), name)


def test_build_with_a_broken_source_quotes_the_compiler(call, project):
    need(HOST_CC)
    with (project / "model.c").open("a") as file:
        file.write("int mlut_broken = undeclared;\n")
    answer = call("build", project, "--board", "host")
    assert_refused(answer, 7, "model.c", "undeclared", "host-build.log")
    assert (project / "build" / "host-build.log").is_file()


@pytest.mark.parametrize("verb", ["verify", "export"])
def test_missing_tflite_is_refused(verb, call, project, tmp_path):
    (project / "model.tflite").unlink()
    options = ("--to", "tflite", "-o", tmp_path / "m") if verb == "export" else ()
    options = options or ("--inputs", TEST, "--board", "host")
    assert_refused(call(verb, project, *options), 2, "model.tflite", "microlut convert")


@pytest.mark.parametrize("content", [b"", b"junk" * 100, None], ids=["empty", "junk", "cut"])
def test_verify_with_damaged_tflite_fails(content, call, project):
    file = project / "model.tflite"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2] if content is None else content)
    answer = call("verify", project, "--inputs", TEST, "--board", "host", "--limit", 2)
    assert_refused(answer, 8, "tflite-micro", "microlut convert")


# --- tracebacks, interruptions, closed pipes


def test_debug_shows_the_traceback(call, tmp_path):
    answer = call("build", tmp_path, "--board", "host", "--debug")
    assert answer.code == 2
    assert "Traceback (most recent call last)" in answer.err
    assert answer.err.splitlines()[-1].startswith("microlut: ")


def test_internal_error_is_one_line(call, monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("microlut.cli.machine.list_all", fail)
    assert_refused(call("boards"), 70, "ZeroDivisionError: two lines", "report it", "--debug")


def test_full_disk_is_one_line(call, monkeypatch):
    def fail() -> None:
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr("microlut.cli.machine.list_all", fail)
    assert_refused(call("boards"), 2, "/tmp/x: No space left on device")


def test_interruption_is_one_line(call, monkeypatch):
    def fail() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("microlut.cli.machine.list_all", fail)
    assert_refused(call("boards"), 130, "interrupted")
    assert call("boards", "--json").json == {"error": "interrupted", "exit_code": 130}


def processes_naming(text: Path) -> list[str]:
    """Return the command lines of all processes that have a text in theirs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(text) in line]


@contextlib.contextmanager
def run_while(program: str, project: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield the process of a `run` whose compiler or QEMU is at work, on many inputs.

    `folder` gets the inputs and `tmp`, the place for temporary files.
    """

    def at_work() -> bool:  # its command line names a temporary file
        return any(program in line for line in processes_naming(folder / "tmp"))

    need(ARM_GCC, NEWLIB, QEMU, HOST_CC)
    (folder / "tmp").mkdir()
    inputs = save_npz(folder / "x.npz", x=np.tile(samples().x, (10, 1, 1, 1)))
    command = ("run", project, "--board", "mps2-an386", "--inputs", inputs)
    with subprocess.Popen(
        [sys.executable, "-m", "microlut", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), "TMPDIR": str(folder / "tmp")},
        # as a terminal starts it, also where the tests themselves ignore hang-ups (nohup)
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not at_work():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("program", "number", "built"),
    [
        ("qemu-system-arm", signal.SIGTERM, ["mps2-an386"]),
        ("cc1", signal.SIGTERM, []),
        *in_sweeps(("qemu-system-arm", signal.SIGHUP, ["mps2-an386"])),
    ],
    ids=["qemu", "compiler", "qemu_hang_up"],
)
def test_termination_ends_all_and_leaves_nothing(program, number, built, project, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with run_while(program, project, folder) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, "", "microlut: terminated\n")
    assert processes_naming(tmp_path) == []
    assert sorted(path.name for path in folder.rglob("*")) == ["tmp", "x.npz"]
    assert list(project.parent.iterdir()) == [project]
    assert [path.name for path in (project / "build").iterdir()] == built


def test_ignored_hang_up_stays_ignored():
    program = (
        "import signal; from microlut.cli.failures import raise_when_terminated;"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); raise_when_terminated();"
        "signal.raise_signal(signal.SIGHUP); print('still here')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "still here\n", "")


@pytest.fixture(scope="module")
def without_litert(tmp_path_factory) -> str:
    """Return a PYTHONPATH on which ai-edge-litert cannot be imported."""
    folder = tmp_path_factory.mktemp("without_litert")
    (folder / "ai_edge_litert.py").write_text("raise ModuleNotFoundError('No ai_edge_litert')\n")
    return os.pathsep.join((str(folder), str(PACKAGE_PARENT)))


@pytest.mark.parametrize("verb", ["boards", "build"])
def test_verb_works_without_litert(verb, without_litert, project):
    need(HOST_CC)
    arguments = ("build", project, "--board", "host") if verb == "build" else (verb,)
    answer = start(*arguments, PYTHONPATH=without_litert)
    assert (answer.code, answer.err) == (0, "")


def test_doctor_works_without_litert(without_litert, call):
    answer = start("doctor", PYTHONPATH=without_litert)
    assert answer == call("doctor")


def test_convert_without_litert_says_what_to_install(without_litert, tmp_path):
    files = ("--calibration", CALIBRATION, "-o", tmp_path / "out")
    answer = start("convert", MODEL, *files, PYTHONPATH=without_litert)
    assert_refused(answer, 6, "No ai_edge_litert", "pip install ai-edge-litert")
    assert list(tmp_path.iterdir()) == []


def test_closed_pipe_is_no_error():
    command = f"{sys.executable} -m microlut boards --json | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment, check=True
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


# --- limits


@pytest.mark.parametrize("verb", ["analyze", "convert", "search", "fit", "deploy", "tune"])
def test_every_verb_that_reads_a_model_limits_its_arrays(verb, call, tmp_path):
    more = {
        "convert": ("-o", tmp_path / "out", "--calibration", CALIBRATION),
        "deploy": ("-o", tmp_path / "out", "--board", "host", "--calibration", CALIBRATION),
        "search": ("--calibration", CALIBRATION),
        "tune": ("-o", tmp_path / "out", "--data", TEST),
    }
    answer = call(verb, MODEL, *more.get(verb, ()), "--max-model-bytes", "1k")
    assert_refused(answer, 2, "at most 1,024 are read", "--max-model-bytes")


@pytest.mark.parametrize("verb", ["run", "compare"])
def test_verbs_that_read_the_original_limit_its_arrays(verb, call, earlier):
    files = (verb, earlier.out, "--inputs", TEST, "--model", MODEL, "--limit", 1)
    board = ("--board", "host") if verb == "run" else ()
    answer = call(*files, *board, "--max-model-bytes", "1k")
    assert_refused(answer, 2, "at most 1,024 are read")


@pytest.mark.parametrize("verb", ["run", "verify", "compare"])
def test_verbs_that_read_samples_limit_them(verb, call, earlier):
    board = ("--board", "host") if verb == "run" else ()
    answer = call(verb, earlier.out, "--inputs", TEST, *board, "--max-sample-bytes", "100")
    assert_refused(answer, 2, "at most 100 are read", "--max-sample-bytes")


def test_limit_that_is_no_size_is_refused(call):
    answer = call("analyze", MODEL, "--max-model-bytes", "1T")
    assert_refused(answer, 2, "--max-model-bytes", "found '1T'", "such as 64M or 2G")
