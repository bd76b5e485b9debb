"""DS-CNN from a SavedModel folder: keyword spotting, with depthwise convolutions."""

import numpy as np
import pytest
from forms import FEW, QEMU_BOARDS, accuracy, assert_forms_equal, need_host, need_qemu

from microlut.importers import import_model
from microlut.importers.samples import load_samples
from microlut.ops.tensor import quantize_array
from sweeps import in_sweeps

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture
def files(shared_data):
    return shared_data / "kws_dscnn_savedmodel", shared_data / "kws01_calibration.npz"


@pytest.fixture
def sounds(shared_data, files):
    inputs = import_model(files[0]).inputs
    return lambda limit=None: load_samples(shared_data / "kws01_test.npz", inputs, limit)


@pytest.mark.parametrize("bits", [8, 4, 2, *in_sweeps(6, 3)])
def test_kws_forms_are_equal(bits, files, sounds, converted):
    need_host()
    assert_forms_equal(converted(*files, bits, count=FEW), sounds(40), "host")


@pytest.mark.qemu
@pytest.mark.parametrize("boards", [("mps2-an386",), *in_sweeps((QEMU_BOARDS,))])
def test_kws_is_equal_on_boards(boards, files, sounds, converted):
    need_qemu()
    assert_forms_equal(converted(*files, 4), sounds(10), *boards)


@pytest.mark.parametrize(("bits", "points"), [(8, 1.0), (4, 4.0)])
def test_kws_keeps_its_accuracy(bits, points, files, sounds, converted):
    found = accuracy(converted(*files, bits), files[0], sounds())
    assert found.real > 90
    # 400 inputs are few: an honest limit would fail one time in six at its very edge without this
    assert found.lost <= points + found.standard_error


def test_kws_quantizes_inputs_like_the_benchmark(shared_data, files, converted):
    # the inputs as the benchmark sends them, scale 0.5847029 and zero point 83 (data's README)
    project = converted(*files, 8)
    with np.load(shared_data / "kws01_test.npz") as arrays:
        real, sent = arrays["x"], arrays["x_int8"]
    ours = quantize_array(real, project.graph.inputs[0].quantized).reshape(sent.shape)
    scale = project.graph.inputs[0].scale
    back = (ours.astype(float) - project.graph.inputs[0].zero_point) * scale
    theirs = (sent.astype(float) - 83) * 0.5847029
    unclipped = (np.abs(ours.astype(int)) < 127) & (np.abs(sent.astype(int)) < 127)
    assert np.max(np.abs(back - theirs)[unclipped]) <= 0.5 * scale + 0.5 * 0.5847029 + 1e-3
