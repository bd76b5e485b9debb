"""The exported file under tflite-runtime 2.14.0 with NumPy 1.26, in a separate environment."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from forms import FEW, interpreter_outputs

import microlut
from digits_example import conversion, samples
from microlut.importers.samples import load_samples
from microlut.ops.tensor import quantize_array
from sweeps import in_sweeps

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
ENVIRONMENT = CHECKOUT / ".venv-tflite-runtime"
NAME = "MICROLUT_TFLITE_RUNTIME_PYTHON"
VERSIONS = (
    "from importlib.metadata import version; print(version('tflite-runtime'), version('numpy'))"
)


@pytest.fixture(scope="module")
def old_python() -> str:
    """Return the interpreter that has tflite-runtime; skip where there cannot be one."""
    python = os.environ.get(NAME, str(ENVIRONMENT / "bin" / "python"))
    asked = None
    if Path(python).is_file():
        asked = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True)
    if asked is not None and asked.returncode == 0:
        assert asked.stdout.split() == ["2.14.0", "1.26.4"]
        return python
    if sys.version_info >= (3, 12):
        pytest.skip(
            "the exported file is not run under tflite-runtime, whose last release is for Python "
            f"3.11: put that release into an environment of Python 3.11 and set {NAME} to its "
            "interpreter"
        )
    reason = f"tflite-runtime 2.14.0 is not in {ENVIRONMENT}: run `make setup-dev`, or set {NAME}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(f"the exported file is not run under tflite-runtime: {reason}")


def assert_equal_under_old_runtime(project, inputs, old_python) -> None:
    folder = project.path.parent
    x = quantize_array(inputs.x, project.graph.inputs[0].quantized)
    np.save(folder / "x.npy", x)
    script = HERE / "run_tflite_runtime.py"
    files = (project.path / "model.tflite", folder / "x.npy", folder / "y.npy")
    done = subprocess.run([old_python, script, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(files[-1]), interpreter_outputs(project, inputs))


@pytest.mark.parametrize("granularity", ["channel", *in_sweeps("tensor")])
@pytest.mark.parametrize("bits", [8, 4, *in_sweeps(2)])
def test_old_runtime_runs_digits(bits, granularity, old_python, tmp_path):
    project = microlut.write(conversion(bits, granularity), tmp_path / "out")
    assert_equal_under_old_runtime(project, samples(200), old_python)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "data"),
    [("kws_dscnn_savedmodel", "kws01"), ("resnet8_cifar10.h5", "cifar10")],
    ids=["kws", "resnet8"],
)
@pytest.mark.parametrize("bits", [8, *in_sweeps(4)])
def test_old_runtime_runs_real_models(model, data, bits, old_python, shared_data, converted):
    calibration = shared_data / f"{data}_calibration.npz"
    project = converted(shared_data / model, calibration, bits, count=FEW)
    inputs = load_samples(shared_data / f"{data}_test.npz", project.graph.inputs, 40)
    assert_equal_under_old_runtime(project, inputs, old_python)
