"""Movements: their loops, what costs nothing, and files that are damaged."""

from dataclasses import replace

import numpy as np
import pytest
from engine_batch import HOST
from harness import Case, check_c, check_tflite_micro

from microlut.ops.arrays import Shape
from microlut.ops.move import Moving, QMove
from microlut.ops.movement import Axis, Movement, Strides, taken, transposed, whole
from microlut.ops.slice import Slice
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.transpose import Transpose
from microlut.plan import make_plan


class Any(Moving):
    """A movement as an operator."""

    def __init__(self, made: Movement) -> None:
        self.made = made

    def movement(self, shape: Shape) -> Movement:
        return self.made


def random_movement(seed: int) -> tuple[Shape, Movement]:
    """Return a movement of all kinds at a time, and the shape of its input."""
    rng = np.random.default_rng([seed, 7])
    rank = int(rng.integers(1, 6))
    source = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 5], rank))
    axes = []
    for size in source:
        places = rng.integers(0, size)
        step = int(rng.choice([-2, -1, 0, 1, 2]))
        room = (size - 1 - places if step > 0 else places) // abs(step) if step else 2
        axis = Axis(int(places), step, int(rng.integers(1, room + 2)))
        axes.append(axis if rng.random() < 0.5 else whole(size))
    order = tuple(int(i) for i in rng.permutation(rank))
    sizes = tuple(axes[i].size for i in order)
    return source, Movement(source, tuple(axes), order, sizes)


def random_case(seed: int) -> Case:
    source, made = random_movement(seed)
    return Case(f"random{seed}", Any(made), (source,), dtype=("int8", "int16")[seed % 4 == 3])


RANDOM = tuple(map(random_case, range(40)))


@pytest.mark.parametrize("case", RANDOM, ids=lambda case: case.name)
def test_random_movements_equal_tflite_micro(case):
    if case.quantized.nodes[0].op.movement.strides.loops:
        check_tflite_micro(case)


def test_random_movements_in_c(tmp_path):
    check_c(RANDOM, tmp_path, HOST)


@pytest.mark.parametrize("seed", range(60))
def test_loops_and_merged_movements_move_the_same(seed):
    source, made = random_movement(seed)
    made.check(source)
    x = np.arange(2 * np.prod(source)).reshape(2, *source)
    wanted = made.evaluate(x)
    np.testing.assert_array_equal(made.merged().evaluate(x), wanted)
    strides = made.strides
    at = np.array([strides.start])
    for size, step in strides.loops:
        at = (at[:, None] + step * np.arange(size)).ravel()
    np.testing.assert_array_equal(x.reshape(2, -1)[:, at], wanted.reshape(2, -1))


def test_neighbours_are_one_loop():
    assert transposed((3, 4, 5, 6), (2, 3, 0, 1)).strides == Strides(0, ((30, 1), (12, 30)))
    assert taken((4, 5, 6), (Axis(1, 1, 2), whole(5), whole(6))).strides == Strides(30, ((60, 1),))


@pytest.mark.parametrize(
    "op",
    [
        Slice((Axis(1, 1, 2), whole(4), whole(1))),
        Slice((Axis(2, 1, 1), Axis(0, 1, 3), whole(1))),
        Transpose((2, 0, 1)),
        Transpose((0, 2, 1)),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_parts_in_one_piece_and_moved_ones_are_not_copied(op, dtype):
    graph = Case("alias", op, ((4, 4, 1),), dtype=dtype).quantized
    (step,) = make_plan(graph).steps
    assert not step.is_called


def test_scattered_parts_are_copied():
    case = Case("part", Slice((whole(4), Axis(1, 1, 2), whole(3))), ((4, 5, 3),))
    (step,) = make_plan(case.quantized).steps
    assert step.is_called


SOUND = transposed((2, 3), (1, 0))


@pytest.mark.parametrize(
    "changes",
    [
        {"source": (2, 4)},
        {"source": (-2, -3)},
        {"axes": (whole(2),)},
        {"axes": (whole(2), Axis(1, 1, 3))},
        {"axes": (whole(2), Axis(0, 1, 0))},
        {"axes": (whole(2), Axis(-1, 1, 3))},
        {"order": (0, 0)},
        {"order": (0,)},
        {"order": (0, 1, 2)},
        {"shape": (3, 3)},
        {"shape": (-3, -2)},
    ],
)
def test_damaged_movements_are_refused(changes):
    with pytest.raises(ValueError, match="not there"):
        QMove(replace(SOUND, **changes)).shapes([(2, 3)])


def test_unlike_scales_are_refused():
    tensors = [Tensor("x", (2, 3), "int8", Quantization(scale, 0)) for scale in (1.0, 2.0)]
    with pytest.raises(ValueError, match="scales"):
        QMove(SOUND).check(tensors[:1], tensors[1:])
