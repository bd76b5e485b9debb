"""The analysis of a model beside its real conversion, and what it says about obstacles."""

import os
from pathlib import Path

import numpy as np
import pytest

import microlut
from digits_example import MODEL, conversion
from fake_keras import FakeLayer, FakeModel, dense
from microlut.board.board import boards
from microlut.conversion.code_sizes import image_sizes, measured_sizes
from microlut.plan import Goal, make_plan

BOARD = "mps2-an386"
DATA = Path(os.environ.get("MICROLUT_DATA", "missing"))


def assert_near(analysis, made: microlut.Conversion) -> None:
    """Compare with a conversion: sizes are equal, and instructions within 3 %."""
    report = made.report
    (board,) = analysis.boards
    assert analysis.convertible
    assert analysis.weight_bytes == report.weight_bytes
    assert analysis.macs == report.macs
    assert board.arena_bytes == report.arena_bytes
    assert board.instructions == pytest.approx(report.estimated_instructions, rel=0.03)
    assert analysis.parameter_bytes == pytest.approx(report.parameter_bytes, rel=0.3)
    names = [(layer.name, layer.kind, layer.shape, layer.bits) for layer in analysis.layers]
    assert names == [(each.name, each.kind, each.shape, each.bits) for each in report.layers]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_digits_are_near_their_conversion(bits):
    assert_near(microlut.analyze(MODEL, BOARD, bits=bits), conversion(bits))


@pytest.mark.keras
def test_recurrent_layers_are_near_their_conversion(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((12, 3)), layers.LSTM(5), layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(40, 12, 3)).astype(np.float32)
    assert_near(microlut.analyze(model, BOARD, bits=4), microlut.convert(model, x, bits=4))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("resnet8_cifar10.h5", "cifar10_calibration.npz"),
        ("kws_dscnn_savedmodel", "kws01_calibration.npz"),
    ],
)
def test_real_models_are_near_their_conversion(model, data):
    if not (DATA / model).exists():
        pytest.skip("real models not tested: set MICROLUT_DATA")
    with np.load(DATA / data) as arrays:
        x = arrays["x"][:20]
    made = microlut.convert(DATA / model, x, distill=False)
    assert_near(microlut.analyze(DATA / model, BOARD), made)


def test_bits_of_layers_come_from_the_settings(tmp_path):
    (tmp_path / "microlut.toml").write_text('[layers.body]\nbits = 8\n[layers."p*"]\nbits = 2\n')
    found = microlut.analyze(MODEL, BOARD, settings=tmp_path / "microlut.toml")
    bits = {layer.name: layer.bits for layer in found.layers if layer.bits}
    assert bits == {"stem": 4, "body": 8, "depthwise": 4, "pointwise": 2, "digit": 4}


def test_all_boards_are_estimated():
    found = microlut.analyze(MODEL)
    with_memory = [board.id for board in boards() if board.memory is not None]
    assert sorted(each.board for each in found.boards) == with_memory
    for each in found.boards:
        assert each.flash_bytes > found.weight_bytes
        assert each.ram_bytes > each.arena_bytes
        assert each.instructions > 100_000
    fits = {each.board: each.fits for each in found.boards}
    assert fits["mps2-an386"]
    assert fits["stm32vldiscovery"]  # 6,144 bytes of its 8 KiB of RAM, as in the image


def test_board_with_too_little_ram_does_not_fit():
    board = microlut.load_board("stm32vldiscovery")
    ram = board.memory.ram.model_copy(update={"size": 6144 - 4})
    memory = board.memory.model_copy(update={"ram": ram})
    (found,) = microlut.analyze(MODEL, board.model_copy(update={"memory": memory})).boards
    assert found.ram_bytes == 6144
    assert not found.fits


@pytest.mark.parametrize("optimize", ["speed", "size", "ram"])
def test_goal_is_that_of_the_plan(optimize):
    found = microlut.analyze(MODEL, BOARD, optimize=optimize)
    plan = make_plan(conversion().quantized, Goal(optimize))
    assert found.boards[0].arena_bytes == plan.arena_bytes
    assert (found.boards[0].instructions is None) == (optimize == "size")


def test_too_little_ram_is_told():
    with pytest.raises(microlut.MicrolutError, match="--max-ram is 100"):
        microlut.analyze(MODEL, BOARD, max_ram=100)


def test_every_board_has_been_measured():
    known = measured_sizes()["boards"]
    assert [b.id for b in boards() if b.memory is not None and b.id not in known] == []


def test_own_board_counts_as_much_as_the_largest(tmp_path):
    own = microlut.load_board(BOARD).model_copy(update={"id": "mine"})
    plan = conversion().plan
    assert image_sizes(plan, own)[0] >= image_sizes(plan, microlut.load_board(BOARD))[0]


@pytest.mark.parametrize("name", ["mps2-an386", "mps2-an385-m0plus", "riscv-virt"])
def test_sizes_are_near_those_of_an_image(name, tmp_path):
    board = microlut.load_board(name)
    try:
        image = microlut.build(conversion(), board)
    except microlut.MicrolutError as error:
        if error.exit_code != 6:
            raise
        pytest.skip(f"image not tested: {error}")
    flash, ram = image_sizes(conversion().plan, board)
    assert flash == pytest.approx(image.flash_bytes, rel=0.12)  # kernels that were not measured
    assert ram == pytest.approx(image.ram_bytes, rel=0.05)


def obstructed() -> FakeModel:
    layers = (
        dense("first", 4, 3),
        FakeLayer("Unheard", {"name": "odd"}),
        FakeLayer("Activation", {"name": "end", "activation": "foo"}),
    )
    return FakeModel("net", (4,), layers)


def test_obstacles_are_a_result():
    found = microlut.analyze(obstructed())
    assert not found.convertible
    assert found.exit_code == 3
    assert [each.layer for each in found.obstacles] == ["odd", "end"]
    rows = [(each.name, each.kind, each.shape, each.parameters) for each in found.layers]
    assert rows == [
        ("first", "Dense", (3,), 15),
        ("odd", "Unheard", None, 0),
        ("end", "Activation", None, 0),
    ]
    assert found.boards == ()
    assert found.notes == (
        "not all of 'end' could be checked, since shapes are not known behind an obstacle",
    )


def test_damage_has_the_exit_code_of_an_unusable_file():
    assert microlut.analyze(FakeModel("net", (5,), (dense("first", 4, 3),))).exit_code == 2


def test_sizes_beyond_the_engine_are_obstacles():
    layers = (FakeLayer("Softmax", {"name": "end", "axis": -1}),)
    found = microlut.analyze(FakeModel("net", (5000,), layers))
    assert found.exit_code == 3
    assert "5,000, the engine's limit is 4,095" in found.obstacles[0].found


def test_analysis_shows_itself():
    for found in (microlut.analyze(MODEL, BOARD), microlut.analyze(obstructed())):
        assert len(repr(found).splitlines()) <= 5
        assert found.records()[0]["name"] == found.layers[0].name
        assert found._repr_html_().count("<table>") == 2
