"""The Python interface: the names of the package, and the same results as the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST, conversion, samples
from microlut.machine.tools import HOST_CC, find_tool

PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]


def command_line(*arguments: object) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "microlut", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )
    return json.loads(done.stdout)


@pytest.fixture
def host():
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    return microlut.load_board("host")


def test_package_has_all_its_names():
    assert [name for name in microlut.__all__ if not hasattr(microlut, name)] == []


def test_names_are_those_of_the_verbs_and_types():
    assert {"convert", "write", "read", "build", "run", "verify", "deploy"} <= set(microlut.__all__)


def test_convert_and_write_equal_the_command_line(tmp_path):
    files = ("--calibration", CALIBRATION, "-o", tmp_path / "cli", "--bits", 6)
    command_line("convert", MODEL, *files, "--granularity", "tensor")
    made = microlut.convert(MODEL, CALIBRATION, bits=6, granularity="tensor")
    microlut.write(made, tmp_path / "api")
    for file in (tmp_path / "api").rglob("*"):
        if file.is_file():
            other = tmp_path / "cli" / file.relative_to(tmp_path / "api")
            assert file.read_bytes() == other.read_bytes(), file


def test_deploy_equals_the_command_line(tmp_path, host):
    files = ("--calibration", CALIBRATION, "--inputs", TEST, "--limit", 20, "-o", tmp_path / "cli")
    said = command_line("deploy", MODEL, "--board", "host", *files)
    made = microlut.convert(MODEL, CALIBRATION, core=host.core.value)
    outcome = microlut.deploy(made, host, tmp_path / "api", samples(20))
    assert said["top1"] == outcome.run.top1
    assert said["float_top1"] == outcome.float_top1
    assert said["integer_top1"] == outcome.integer_top1
    assert said["bit_exact"] is outcome.run.bit_exact is True
    reports = [json.loads((tmp_path / way / "report.json").read_text()) for way in ("api", "cli")]
    assert reports[0] == reports[1]


def test_run_equals_the_command_line(tmp_path, host):
    project = microlut.write(conversion(), tmp_path / "out")
    outcome = microlut.run(project, host, microlut.load_samples(TEST, project.graph.inputs, 10))
    file = tmp_path / "y.npz"
    options = ("--inputs", TEST, "--limit", 10, "--outputs", file)
    command_line("run", tmp_path / "out", "--board", "host", *options)
    with np.load(file) as arrays:
        np.testing.assert_array_equal(arrays["y_int8"], outcome.outputs)


@pytest.mark.keras
def test_the_whole_line_from_a_model_in_memory(keras, tmp_path, host):
    with np.load(CALIBRATION) as arrays:
        made = microlut.convert(keras.saving.load_model(MODEL), arrays["x"], bits=5)
    project = microlut.read(microlut.write(made, tmp_path / "out").path)
    assert microlut.build(project, host).elf.is_file()
    assert microlut.run(project, host, samples(10)).bit_exact
    assert microlut.verify(project, samples(10), [host]).bit_exact


def test_every_error_is_a_microlut_error(tmp_path):
    with pytest.raises(microlut.MicrolutError):
        microlut.convert(tmp_path / "none.keras", CALIBRATION)
    with pytest.raises(microlut.MicrolutError):
        microlut.read(tmp_path)
    with pytest.raises(microlut.MicrolutError):
        microlut.load_board("none")
