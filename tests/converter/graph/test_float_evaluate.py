"""The float interpreter: tensors by name, in order, and forgotten after their last use."""

import gc
import weakref

import numpy as np
import pytest

from graphs import make_node, net
from microlut.errors import InvalidInput
from microlut.graph.evaluate import evaluate, walk
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.identity import Identity
from microlut.ops.relu import Relu
from microlut.ops.softmax import Softmax

RELU = Relu(ActivationKind.RELU)


def chain(*ops):
    nodes = tuple(
        make_node(f"n{i}", op, (f"n{i - 1}" if i else "x",), (2,)) for i, op in enumerate(ops)
    )
    return net("chain", "x", (2,), nodes, nodes[-1].name)


def test_walk_yields_the_input_first():
    x = np.ones((1, 2), np.float32)
    (first, values), *rest = walk(chain(RELU, Softmax()), x)
    assert first is None
    assert list(values) == ["x"]
    np.testing.assert_array_equal(values["x"], x)
    assert [node.name for node, _ in rest] == ["n0", "n1"]


def test_walk_forgets_tensors_after_their_last_use():
    alive = []
    for _, made in walk(chain(RELU, Softmax(), RELU, Softmax()), np.ones((1, 2), np.float32)):
        (values,) = made.values()
        alive.append(weakref.ref(values))
    del values, made
    gc.collect()
    assert [ref() is None for ref in alive[1:-1]] == [True, True, True]


def test_walk_keeps_a_tensor_for_a_later_reader():
    nodes = (
        make_node("a", RELU, ("x",), (2,)),
        make_node("b", Softmax(), ("a",), (2,)),
        make_node("c", Add(), ("a", "a"), (2,)),
        make_node("d", Add(), ("b", "c"), (2,)),
    )
    graph = net("residual", "x", (2,), nodes, "d")
    found = evaluate(graph, np.array([[1, 1]], np.float32))
    np.testing.assert_array_equal(found, [[2.5, 2.5]])


def test_evaluate_returns_an_output_in_the_middle():
    graph = chain(RELU, Softmax())
    early = net("early", "x", (2,), graph.nodes, "n0")
    np.testing.assert_array_equal(evaluate(early, np.array([[-1, 2]], np.float32)), [[0, 2]])


def test_evaluate_computes_in_float32():
    assert evaluate(chain(Identity()), np.ones((1, 2), np.float64)).dtype == np.float32


def test_evaluate_refuses_another_shape():
    with pytest.raises(InvalidInput, match=r"shape \[1, 3\]; expected \[samples, 2\]"):
        evaluate(chain(RELU), np.ones((1, 3), np.float32))
