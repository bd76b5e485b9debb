"""Fixtures that every test may use: the shared models and data, and the two Kerases."""

import os
import tempfile
from pathlib import Path

import pytest

from compiler_cache import keep_objects

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Only its kernels take channels_first on a processor, and not every one has them on by itself.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # else threads of several processes wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests start microlut some thousand times, and compiling its modules takes a quarter of a start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_CHECKOUT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Let CMake compile each file of the firmware once, in all processes of the tests."""
    if "MLUT_TEST_OBJECTS" not in os.environ:  # which the processes of xdist inherit
        folder = tempfile.TemporaryDirectory(prefix="microlut-objects-")
        config.add_cleanup(folder.cleanup)
        keep_objects(Path(folder.name))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real models and data, or skip."""
    folder = Path(os.environ.get("MICROLUT_DATA", _CHECKOUT.parent / "shared" / "data"))
    if not (folder / "resnet8_cifar10.h5").is_file():
        pytest.skip(
            f"the real models are not in {folder}; put them there or set MICROLUT_DATA to their "
            "folder"
        )
    return folder


@pytest.fixture(scope="session")
def keras():
    """Return Keras 3, or skip."""
    return pytest.importorskip("keras", reason="needs Keras 3; install it: pip install tensorflow")


@pytest.fixture(scope="session")
def tf_keras():
    """Return Keras 2, or skip."""
    return pytest.importorskip("tf_keras", reason="needs Keras 2; install it: pip install tf-keras")
