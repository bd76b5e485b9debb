"""The first verbs: the example, the configuration file, deploying by it, and completion."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path

import pytest
import test_cli
from test_cli import assert_refused, start

import microlut
from digits_example import CALIBRATION, MODEL, TEST
from microlut.cli import start as first_verbs
from microlut.errors import DoesNotFit, InvalidInput, UnsupportedModel
from microlut.machine.tools import HOST_CC, find_tool
from microlut.workflow import init as starting

call = test_cli.call  # a fixture
GIVEN = ("--calibration", CALIBRATION, "--board", "host")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def need_cc() -> None:
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")


def test_init_writes_what_deploy_then_does(here, call):
    need_cc()
    answer = call("init", MODEL, *GIVEN, "--inputs", TEST, "--deploy-to", here / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "Next: microlut deploy" in answer.out
    answer = call("deploy", "--json")
    assert answer.code == 0
    facts = json.loads(answer.out)
    assert (facts["board"], facts["bit_exact"], facts["samples"]) == ("host", True, 597)
    assert (here / "out" / "report.json").is_file()


def test_options_win_over_the_file_and_a_model_sets_it_aside(here, call):
    need_cc()
    call("init", MODEL, *GIVEN, "--inputs", TEST)
    shutil.copy(MODEL, here / "other.keras")
    assert_refused(
        call("deploy", here / "other.keras"), 2, "--board: is not given", "microlut.toml"
    )
    answer = call("deploy", "--output", here / "mine", "--limit", 3, "--json")
    assert (answer.code, json.loads(answer.out)["samples"]) == (0, 3)
    assert (here / "mine").is_dir()
    assert not (here / "build").exists()


def test_paths_are_seen_from_the_file(here):
    folder = here / "net"
    folder.mkdir()
    shutil.copy(MODEL, folder / "net.keras")
    microlut.init(folder / "net.keras", "host", calibration=CALIBRATION, config=folder / "m.toml")
    said = tomllib.loads((folder / "m.toml").read_text())
    assert said["project"]["model"] == "net.keras"
    assert said["project"]["output"] == os.path.relpath("build/net", folder)
    assert said["defaults"] == {"bits": 4}


def test_file_without_calibration_has_the_range(here):
    microlut.init(MODEL, "host", input_range=(0, 16), config=here / "m.toml")
    assert tomllib.loads((here / "m.toml").read_text())["project"]["input_range"] == [0, 16]


def test_strange_names_stay_strings(here):
    name = 'a"b\\c\x7f\n# [x].keras'
    shutil.copy(MODEL, here / name)
    microlut.init(here / name, "host", input_range=(0, 16), config=here / "m.toml")
    said = tomllib.loads((here / "m.toml").read_text())
    assert said["project"]["model"] == name
    assert set(said) == {"project", "defaults"}


def test_bits_are_the_most_that_fit(here, monkeypatch):
    real = starting.analyze
    asked = []

    def analyze(model, *, bits, **options):
        asked.append(bits)
        found = real(model, bits=bits, **options)
        if bits > 2 and len(found.boards) == 1:
            object.__setattr__(found.boards[0], "fits", False)
        return found

    monkeypatch.setattr(starting, "analyze", analyze)
    started = microlut.init(MODEL, "microbit", input_range=(0, 16))
    assert (started.bits, asked) == (2, [4, 3, 2])


def test_model_that_does_not_fit_names_boards_that_it_fits_on(here, monkeypatch):
    real = starting.analyze

    def analyze(model, **options):
        found = real(model, **options)
        if len(found.boards) == 1:
            object.__setattr__(found.boards[0], "fits", False)
            object.__setattr__(found.boards[0], "lacking_flash", 1000)
        return found

    monkeypatch.setattr(starting, "analyze", analyze)
    with pytest.raises(DoesNotFit, match=r"lacks 1,000 bytes of flash.*it fits on .*mps2-an386"):
        microlut.init(MODEL, "microbit", input_range=(0, 16))
    assert list(here.iterdir()) == []


def test_model_with_an_obstacle_is_refused(here):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4, 4, 4, 2)), keras.layers.Conv3D(2, 3)])
    model.save(here / "net.keras")
    with pytest.raises(UnsupportedModel, match="Conv3D"):
        microlut.init(here / "net.keras", "host", input_range=(0, 1))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("init",), "MODEL: is not given"),
        (("init", MODEL), "--board: is not given"),
        (("init", MODEL, "--board", "host"), "neither calibration inputs nor an input range"),
        (("init", "none.keras", *GIVEN), "none.keras"),
        (("init", MODEL, "--calibration", "none.npz", "--board", "host"), "none.npz"),
        (("deploy",), "MODEL: is not given"),
    ],
)
def test_what_is_missing_is_named(here, call, words, told):
    assert_refused(call(*words), 2, told)
    assert list(here.iterdir()) == []


def test_init_keeps_the_file_that_is_there(here):
    (here / "microlut.toml").write_text("[defaults]\nbits = 2\n")
    with pytest.raises(InvalidInput, match="is there; edit it"):
        microlut.init(MODEL, "host", input_range=(0, 16))


def test_answers_in_a_terminal_take_the_place_of_options(here, call, monkeypatch):
    for file, name in ((MODEL, "net.keras"), (CALIBRATION, "calibration.npz"), (TEST, "test.npz")):
        shutil.copy(file, here / name)
    asked = []

    def answered(question, default):
        asked.append(default)
        return {"mps2-an386": "host"}.get(default, default)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(first_verbs.typer, "prompt", answered)
    assert call("init").code == 0
    assert asked == ["net.keras", "calibration.npz", "test.npz", "mps2-an386"]
    said = tomllib.loads((here / "microlut.toml").read_text())["project"]
    assert said == {
        "model": "net.keras",
        "calibration": "calibration.npz",
        "inputs": "test.npz",
        "board": "host",
        "output": "build/net",
    }


def test_demo_runs_on_this_computer_without_a_compiler_for_boards(here, call, monkeypatch):
    need_cc()
    monkeypatch.setattr(first_verbs, "find_tool", lambda tool: None)
    answer = call("demo", "-o", here / "demo")
    assert answer.code == 0
    assert answer.out.startswith("$ microlut deploy ")
    assert "bit-exact with the integer model          yes" in answer.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("microlut re", ["report"]),
        ("microlut run --board riscv", ["riscv-virt"]),
        ("microlut deploy --out", ["--output"]),
    ],
)
def test_shells_complete_words(monkeypatch, words, found):
    monkeypatch.setenv("_MICROLUT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert start().out.split() == found


@pytest.mark.shared
def test_integers_of_a_file_need_no_calibration(here, shared_data):
    model = shared_data / "kws_dscnn_int8.tflite"
    microlut.init(model, "host", config=here / "m.toml")
    said = tomllib.loads((here / "m.toml").read_text())["project"]
    assert {"calibration", "input_range"}.isdisjoint(said)
