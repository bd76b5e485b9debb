"""The analysis of a model beside its real conversion, and what it says about obstacles."""

import re
from dataclasses import replace

import numpy as np
import pytest

import microlut
from digits_example import CALIBRATION, MODEL, conversion
from fake_keras import FakeLayer, FakeModel, dense
from microlut.board.board import Board, boards
from microlut.conversion.code_sizes import arena_room, image_sizes, measured_sizes
from microlut.conversion.source_sizes import source_of
from microlut.ops.unit_normalization import UnitNormalization
from microlut.plan import Goal, make_plan
from microlut.plan.buffers import ArenaPart
from microlut.support.resources import data_folder

BOARD = "mps2-an386"
ENGINE = data_folder("firmware") / "include" / "microlut"


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


def test_an_arena_as_large_as_the_room_for_it_fits_and_a_larger_one_does_not():
    plan = conversion(4).plan
    source = source_of(plan, measured_sizes()["types"])
    for board in boards():
        room = arena_room(board, plan.graph)
        if room is None:
            assert board.memory is None or board.memory.code_origin is not None
            continue
        _, full = image_sizes(replace(plan, parts=(ArenaPart("ram", 0, room),)), source, board)
        assert full <= board.memory.ram.size < full + 32


def test_activations_of_16_bits_are_near_their_conversion():
    made = microlut.convert(MODEL, CALIBRATION, bits=4, activations=16, distill=False)
    assert_near(microlut.analyze(MODEL, BOARD, bits=4, activations=16), made)


def test_layers_that_keep_8_bits_are_noted(monkeypatch):
    monkeypatch.setattr(UnitNormalization, "wide", "")  # all operators have a form for int16
    normalized = FakeLayer("UnitNormalization", {"name": "normal", "axis": -1})
    model = FakeModel("normalized", (5,), [dense("first", 5, 4), normalized])
    found = microlut.analyze(model, BOARD, activations=16)
    assert found.convertible
    assert [note.endswith("no form for 16: normal") for note in found.notes] == [True]


@pytest.mark.keras
@pytest.mark.parametrize("activations", [8, 16])
def test_recurrent_layers_are_near_their_conversion(keras, activations):
    layers = keras.layers
    model = keras.Sequential([keras.Input((12, 3)), layers.LSTM(5), layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(40, 12, 3)).astype(np.float32)
    made = microlut.convert(model, x, bits=4, activations=activations)
    assert_near(microlut.analyze(model, BOARD, bits=4, activations=activations), made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("resnet8_cifar10.h5", "cifar10_calibration.npz"),
        ("kws_dscnn_savedmodel", "kws01_calibration.npz"),
    ],
)
def test_real_models_are_near_their_conversion(model, data, shared_data):
    with np.load(shared_data / data) as arrays:
        x = arrays["x"][:20]
    made = microlut.convert(shared_data / model, x, distill=False)
    assert_near(microlut.analyze(shared_data / model, BOARD), made)


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


def small_board(ram_bytes: int) -> Board:
    """Return a board with some bytes of RAM."""
    board = microlut.load_board("stm32vldiscovery")
    ram = board.memory.ram.model_copy(update={"size": ram_bytes})
    memory = board.memory.model_copy(update={"ram": ram})
    return board.model_copy(update={"memory": memory})


def test_board_with_little_ram_gets_the_plan_that_deploy_makes():
    (usual,) = microlut.analyze(MODEL, small_board(8192)).boards
    board = small_board(usual.ram_bytes - 4)
    (found,) = microlut.analyze(MODEL, board).boards
    quantized = conversion().quantized
    goal = Goal(core=board.core.value, room=arena_room(board, quantized))
    assert usual.fits
    assert found.fits
    assert found.arena_bytes == make_plan(quantized, goal).arena_bytes < usual.arena_bytes
    assert found.instructions > usual.instructions


def test_board_with_too_little_ram_lacks_what_the_smallest_plan_needs():
    (found,) = microlut.analyze(MODEL, small_board(2048)).boards
    plan = make_plan(conversion().quantized, Goal("ram", core=found.core))
    assert found.arena_bytes == plan.arena_bytes
    assert not found.fits
    assert (found.lacking_flash, found.lacking_ram) == (0, found.ram_bytes - 2048)
    for more, fits in ((-4, False), (0, True)):
        (large,) = microlut.analyze(MODEL, small_board(found.ram_bytes + more)).boards
        assert (large.fits, large.ram_bytes) == (fits, found.ram_bytes)


def test_each_of_several_boards_gets_what_it_gets_alone():
    sizes = (2048, 8192, 5900, 5500)
    together = microlut.analyze(MODEL, [small_board(size) for size in sizes])
    alone = [microlut.analyze(MODEL, small_board(size)).boards[0] for size in sizes]
    assert list(together.boards) == alone
    assert len({each.arena_bytes for each in alone}) > 2


def test_curve_is_found_if_asked_for():
    plan = make_plan(conversion().quantized, curve=True)
    found = microlut.analyze(MODEL, BOARD, curve=True)
    arenas = [point.arena_bytes for point in plan.curve]
    assert len(arenas) > 2
    assert [point.arena_bytes for point in found.ram_curve] == arenas
    assert microlut.analyze(MODEL, BOARD).ram_curve == ()
    assert microlut.analyze(MODEL, BOARD, curve=True, optimize="size").ram_curve == ()


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


def test_every_kernel_and_type_has_been_measured():
    """Else `benchmarks/code_sizes.py --write` adds them."""
    around = {path.stem for path in (ENGINE.parents[1] / "src" / "signal").glob("*.c")}
    paths = [path for path in ENGINE.glob("*.h") if path.stem not in {*around, "rescale"}]
    headers = "".join(path.read_text(encoding="utf-8") for path in paths)
    functions = set(re.findall(r"^void (mlut_\w+)\(", headers, re.MULTILINE))
    types = set(re.findall(r"^(?:\}|typedef struct \w+) (mlut_\w+_t);", headers, re.MULTILINE))
    assert "mlut_conv2d" in functions
    assert types <= measured_sizes()["types"].keys()
    for sizes in measured_sizes()["cores"].values():
        assert functions <= sizes["speed"].keys()
        assert functions <= sizes["size"].keys()


def test_constants_of_a_source_are_counted():
    plan, sizes = conversion().plan, measured_sizes()["types"]
    source = source_of(plan, sizes)
    kinds = [step.node.op.kind for step in plan.steps if step.is_called]
    structures = sum(sizes[f"mlut_{kind}_t"] for kind in kinds)
    tensors = 2 * sizes["mlut_tensor_t"] + sizes["mlut_model_t"]
    assert source.calls == len(kinds)
    assert structures + tensors < source.data <= structures + tensors + 40  # and their names
    assert {"mlut_conv2d", "mlut_unpack_4_6"} <= source.functions


def test_own_board_counts_as_much_as_the_largest(tmp_path):
    own = microlut.load_board(BOARD).model_copy(update={"id": "mine"})
    plan = conversion().plan
    source = source_of(plan, measured_sizes()["types"])
    largest, known = (image_sizes(plan, source, b) for b in (own, microlut.load_board(BOARD)))
    assert largest[0] >= known[0]


def odd() -> microlut.Conversion:
    """Return a conversion of layers that the digits example, which was measured, lacks."""
    layers = (
        dense("first", 19, 70),
        FakeLayer("Activation", {"name": "tanh", "activation": "tanh"}),
        FakeLayer("Reshape", {"name": "picture", "target_shape": [7, 5, 2]}),
        FakeLayer("AveragePooling2D", {"name": "pool", "pool_size": [3, 2]}),
        FakeLayer("UpSampling2D", {"name": "larger", "size": [1, 3]}),
        FakeLayer("Flatten", {"name": "flat"}),
        dense("last", 24, 3),
    )
    model = FakeModel("odd", (19,), layers)
    return microlut.convert(model, method="fitted", input_range=(-1, 1), distill=False)


@pytest.mark.parametrize("made", [conversion, odd])
@pytest.mark.parametrize("name", ["mps2-an386", "mps2-an385-m0plus", "riscv-virt"])
def test_sizes_are_near_those_of_an_image(name, made):
    board, made = microlut.load_board(name), made()
    try:
        image = microlut.build(made, board)
    except microlut.MicrolutError as error:
        if error.exit_code != 6:
            raise
        pytest.skip(f"image not tested: {error}")
    plan = made.plan
    flash, ram = image_sizes(plan, source_of(plan, measured_sizes()["types"]), board)
    assert flash == pytest.approx(image.flash_bytes, rel=0.03)
    assert ram == image.ram_bytes


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
