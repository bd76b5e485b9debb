"""`microlut compare`: layers beside the float network's, and read from firmware."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import microlut
from digits_example import MODEL, TEST, conversion
from microlut import cli
from microlut.errors import InvalidInput
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, find_tool
from microlut.running.device import Device
from sweeps import in_sweeps

BOARDS = ["host", pytest.param("mps2-an386", marks=pytest.mark.qemu)]


@pytest.fixture(scope="module", autouse=True)
def _tools():
    for tool in (HOST_CC, ARM_GCC, NEWLIB, QEMU):
        if find_tool(tool) is None:
            pytest.skip(f"firmware not compared: {tool.name} is missing ({tool.apt_command})")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> microlut.Project:
    return microlut.write(conversion(), tmp_path_factory.mktemp("compare") / "digits")


def inverted_residuals(folder: Path) -> tuple[Path, np.ndarray]:
    """Return a network whose layers run in bands, with a sum that its convolution computes."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    x = given = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for stride in (1, 2, 1):
        before = x
        x = layers.Conv2D(48, 1, activation="relu")(x)
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", activation="relu")(x)
        x = layers.Conv2D(8, 1)(x)
        x = layers.Add()([before, x]) if stride == 1 else x
    model = keras.Model(given, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
    path = folder / "net.keras"
    model.save(path)
    return path, np.random.default_rng(0).normal(size=(60, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize("board", BOARDS)
def test_firmware_has_every_layer_of_a_small_network(board, project):
    found = microlut.compare(project, TEST, MODEL, board=board, limit=20)
    read = [each for each in found.layers if each.firmware_differs is not None]
    assert found.bit_exact
    assert (found.samples, found.measured_on, found.firmware_samples) == (20, board, 1)
    assert len(read) == len([n for n in project.graph.nodes if n.op.kind != "reshape"])


@pytest.mark.parametrize("board", ["host", *in_sweeps("mps2-an386")])
def test_bands_and_merged_sums_are_left_out(board, tmp_path):
    path, x = inverted_residuals(tmp_path)
    made = microlut.convert(path, x, bits=4, distill=False, optimize="ram")
    project = microlut.write(made, tmp_path / "net")
    assert made.plan.segments
    found = microlut.compare(project, x, path, board=board)
    read = {each.name for each in found.layers if each.firmware_differs is not None}
    inside = {p.node.name for s in made.plan.segments for p in s.parts[:-1]}
    merged = {step.node.name for step in made.plan.steps if step.sum is not None}
    assert found.bit_exact
    assert read
    assert not read & (inside | merged)


def test_wrong_firmware_is_found_at_its_layer(project, monkeypatch):
    dump, calls = Device.dump, []

    def wrong(self: Device, *place: int) -> np.ndarray:
        values = dump(self, *place)
        calls.append(place)
        return values ^ 1 if len(calls) == 3 else values

    monkeypatch.setattr(Device, "dump", wrong)
    found = microlut.compare(project, TEST, MODEL, board="host", limit=2)
    assert not found.bit_exact
    differing = [each.name for each in found.layers if each.firmware_differs]
    assert len(differing) == 1


def test_original_is_found_by_its_name(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"digits\.keras, is neither here nor beside"):
        microlut.compare(project, TEST)
    (tmp_path / "digits.keras").write_bytes(MODEL.read_bytes())
    assert microlut.compare(project, TEST, limit=3).samples == 3
    (tmp_path / "digits.keras").write_bytes(b"other")
    with pytest.raises(InvalidInput, match="neither here"):
        microlut.compare(project, TEST)


def test_streamed_networks_are_refused(tmp_path):
    layers = keras.layers
    model = keras.Sequential([keras.Input((20, 3)), layers.Conv1D(4, 3), layers.Conv1D(2, 3)])
    model.save(tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(60, 20, 3)).astype(np.float32)
    made = microlut.convert(tmp_path / "net.keras", x, stream=0, distill=False)
    with pytest.raises(InvalidInput, match="compare a conversion without --stream"):
        microlut.compare(microlut.write(made, tmp_path / "out"), x, tmp_path / "net.keras")


@pytest.fixture
def call(monkeypatch, capfd):
    """Call the command line in this process: its exit code, and what it wrote to both streams."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["microlut", "compare", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), *capfd.readouterr()

    return run


FILES = ("--inputs", TEST, "--model", MODEL, "--limit", 20)


def test_text_says_where_noise_begins_and_what_firmware_has(call, project):
    code, out, err = call(project.path, *FILES, "--board", "host")
    assert (code, err) == (0, "")
    assert "adds the most noise" in out
    assert "layers of one input: equal" in out.splitlines()[-1]


def test_layer_is_shown_in_detail(call, project):
    code, out, err = call(project.path, *FILES, "--layer", "body")
    assert (code, err) == (0, "")
    assert "Worst channels: " in out
    assert "+4 or more" in out
    code, _, err = call(project.path, *FILES, "--layer", "no")
    assert code == 2
    assert "no layer 'no'; give one of stem, body" in err


def test_json_has_the_documented_keys(call, project):
    _, out, _ = call(project.path, *FILES, "--json")
    found = json.loads(out)
    assert set(found) == {
        *("samples", "begins_at", "measured_on", "firmware_samples", "bit_exact", "layers")
    }
    assert found["measured_on"] is None
    assert [layer["name"] for layer in found["layers"]][:2] == ["stem", "body"]


def test_port_without_a_board_is_refused(call, project):
    code, _, err = call(project.path, *FILES, "--port", "x")
    assert code == 2
    assert "a port is given without the board at it" in err
