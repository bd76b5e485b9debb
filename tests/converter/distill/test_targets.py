"""Targets: what they look like for each kind of output, and what is said of wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from graphs import make_node
from microlut.distill.scores import mean_accuracy, variance
from microlut.distill.targets import Target, checked_targets, targets_of
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.softmax import Softmax
from microlut.ops.tensor import Tensor

CLASSES = Target("end", "classes", (4,), "scores")
POSITIONS = Target("map", "classes", (2, 3, 4), "scores")
LABELS = Target("tags", "labels", (3,), "scores")
VALUES = Target("box", "values", (2, 2), "box", squashed=False)
NUMBERS = np.arange(30).reshape(5, 2, 3) % 4


def test_outputs_are_read_before_their_last_function():
    graph = Graph(
        "ends",
        (Tensor("x", (4,)), Tensor("a", (3,))),
        (
            make_node("soft", Softmax(), ("x",), (4,)),
            make_node("flat", Reshape((4,)), ("soft",), (4,)),
            make_node("yes", Sigmoid(), ("a",), (3,)),
            make_node("plain", Reshape((3,)), ("a",), (3,)),
        ),
        ("flat", "yes", "plain"),
    )
    found = [(t.kind, t.scores, t.squashed) for t in targets_of(graph, "auto")]
    # three probabilities of three inputs are values: a picture made of a picture
    assert found == [("classes", "x", True), ("values", "yes", False), ("values", "plain", False)]
    labels = targets_of(graph, "labels")[1:]
    assert [(t.scores, t.squashed) for t in labels] == [("a", True), ("plain", False)]


def test_classes_of_each_position_as_numbers_or_one_hot():
    for y in (NUMBERS, NUMBERS[..., None], np.eye(4)[NUMBERS]):
        assert np.array_equal(POSITIONS.checked(y), NUMBERS.reshape(5, 6))


def test_one_sample_of_four_classes_is_not_taken_for_one_hot():
    assert CLASSES.checked(np.array([1, 0, 0, 0])).tolist() == [[1], [0], [0], [0]]


def test_labels_and_values_have_the_shape_of_the_output():
    assert LABELS.checked(np.eye(3)).tolist() == np.eye(3).tolist()
    assert VALUES.checked(np.zeros((7, 2, 2), int)).dtype == np.float32
    column = Target("t", "values", (1,), "t", squashed=False)
    assert column.checked([1.5, 2.5]).tolist() == [[1.5], [2.5]]


def test_values_in_the_order_of_the_model_are_turned():
    turned = Target("map", "values", (2, 3, 4), "map", squashed=False, order=(2, 0, 1))
    y = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    assert np.array_equal(turned.checked(y.transpose(0, 3, 1, 2)), y)
    assert np.array_equal(turned.checked(y), y)


@pytest.mark.parametrize(
    ("target", "y", "message"),
    [
        (CLASSES, np.full(3, 4), "class numbers up to 4, but the model has 4 outputs"),
        (CLASSES, np.array([0, -1]), "'end' has -1; expected class numbers from 0"),
        (CLASSES, np.array([0, 0.5]), "has 0.5; expected class numbers"),
        (CLASSES, np.zeros((3, 2)), r"shape \[3, 2\]; expected class numbers \[samples\]"),
        (CLASSES, np.zeros((3, 4)), r"expected class numbers or one-hot \[samples\]"),
        (POSITIONS, np.zeros((3, 2)), r"expected class numbers \[samples, 2, 3\]"),
        (LABELS, np.full((2, 3), 5.0), "values from 5 to 5; the output ends with a sigmoid"),
        (LABELS, np.zeros(3), r"shape \[3\]; expected 0 or 1 \[samples, 3\]"),
        (VALUES, np.zeros((3, 4)), r"expected values \[samples, 2, 2\]"),
        (VALUES, np.full((3, 2, 2), np.nan), "NaN or infinite"),
        (VALUES, "box", "'box'; give an array of numbers"),
    ],
)
def test_wrong_targets_are_told_in_a_line(target, y, message):
    with pytest.raises(InvalidInput, match=message) as error:
        checked_targets({target.name: y}, [target])
    assert len(str(error.value).splitlines()) == 1


def test_no_targets_are_none():
    assert checked_targets(None, [CLASSES]) is None
    assert checked_targets({"end": None}, [CLASSES]) is None


def test_figures_of_several_outputs():
    found = {"end": 80.0, "tags": 60.0, "box": 3.0}
    assert mean_accuracy(found, [CLASSES, LABELS, VALUES]) == 70.0
    assert mean_accuracy({"box": 3.0}, [VALUES]) is None
    assert variance(np.array([[0.0, 5.0], [2.0, 5.0]])) == 0.5
    assert variance(np.ones((3, 2))) == 1.0
