"""A streamed Keras model: the outputs of whole windows, from firmware that takes frames."""

from __future__ import annotations

import numpy as np
import pytest
from engine_batch import require_tools

import microlut
from microlut.board.board import load_board
from microlut.errors import UnsupportedModel
from microlut.machine.tools import HOST_CC, find_tool

FRAMES, FEATURES, CLASSES = 18, 6, 4

pytestmark = pytest.mark.keras


def network(keras, padding: str):
    """Return a small network with dilation, strides and a pool over all frames."""
    layers = keras.layers
    x = given = keras.Input((FRAMES, FEATURES), name="frames")
    x = layers.Conv1D(8, 3, padding=padding, activation="relu")(x)
    x = layers.Conv1D(8, 4, strides=2, padding=padding, activation="relu")(x)
    y = layers.Conv1D(8, 3, dilation_rate=2, padding=padding)(x)
    if padding == "valid":
        x = layers.Cropping1D((4, 0))(x)
    x = layers.Activation("relu")(layers.Add()([x, layers.BatchNormalization()(y)]))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(given, layers.Dense(CLASSES, activation="softmax")(x), name=padding)


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(24, FRAMES, FEATURES)).astype(np.float32)


@pytest.fixture(scope="module", params=["causal", "valid"])
def models(request, keras, windows):
    """Return a network, and its conversions for whole windows and for frames."""
    keras.utils.set_random_seed(1)
    model = network(keras, request.param)
    return model, *(
        microlut.convert(model, windows, bits=8, distill=False, stream=axis) for axis in (None, 0)
    )


def test_report_says_what_a_run_takes(models):
    _, whole, streamed = models
    found = streamed.report.stream
    assert whole.report.stream is None
    assert (found.axis, found.window, found.frames, found.runs) == (0, FRAMES, 2, FRAMES // 2)
    assert found.warm_up == found.runs - 1
    assert found.kept_bytes == sum(s.tensor.bytes for s in streamed.quantized.states) > 0
    assert streamed.report.estimated_instructions < 0.7 * whole.report.estimated_instructions
    assert "#define VALID_STREAM_FRAMES 2u" in streamed.sources["model.h"].replace(
        "CAUSAL", "VALID"
    )


def test_firmware_gives_the_outputs_of_whole_windows(models, windows):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    model, whole, streamed = models
    real = model.predict(windows, verbose=0)
    labels = real.argmax(axis=-1)
    found, wanted = (
        microlut.run(made, "host", windows, labels=labels) for made in (streamed, whole)
    )
    assert found.bit_exact and wanted.bit_exact
    assert np.array_equal(found.outputs, wanted.outputs)
    assert found.samples == len(windows)
    assert found.top1 == wanted.top1 > 80
    np.testing.assert_allclose(found.values, real, atol=0.05)


def test_all_forms_of_a_streamed_model_agree(models, windows):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    outcome = microlut.verify(models[2], windows[:3], "host")
    assert outcome.bit_exact
    assert {form.samples for form in outcome.forms} == {3 * FRAMES // 2}


@pytest.mark.qemu
def test_emulated_firmware_begins_each_window_anew(models, windows):
    board = load_board("mps2-an386")
    require_tools(board)
    outcome = microlut.run(models[2], board, windows[:3], count="nothing")
    assert outcome.bit_exact
    assert outcome.outputs.shape == (3, CLASSES)


def test_model_that_cannot_be_streamed_is_refused_before_it_is_quantized(keras, windows):
    done = []
    with pytest.raises(UnsupportedModel, match=r"conv1d\w*: cannot be streamed: it pads after"):
        microlut.convert(
            network(keras, "same"), windows, stream=0, progress=lambda *step: done.append(step)
        )
    assert {stage for stage, *_ in done} == {"import"}
