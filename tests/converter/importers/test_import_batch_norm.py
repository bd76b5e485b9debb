"""Statistics of batch normalization, from a Keras file."""

import itertools

import numpy as np
import pytest

from microlut.importers import import_model
from microlut.ops.batch_norm import BatchNorm

pytestmark = pytest.mark.keras

VARIANCE = np.array([4.0, 0.25, 0.0])
EPSILON = 0.01


@pytest.mark.parametrize(("scale", "center"), itertools.product([True, False], repeat=2))
def test_import_model_reads_the_statistics_that_training_left(keras, tmp_path, scale, center):
    norm = keras.layers.BatchNormalization(epsilon=EPSILON, scale=scale, center=center)
    model = keras.Sequential([keras.Input((3,)), norm])
    gamma, beta = np.array([-2.0, 3.0, 1.0]), np.array([0.5, -1.5, 7.0])
    mean = np.array([10.0, 20.0, 30.0])
    norm.set_weights([*[gamma] * scale, *[beta] * center, mean, VARIANCE])
    model.save(tmp_path / "model.keras")
    (node,) = import_model(tmp_path / "model.keras").nodes
    assert isinstance(node.op, BatchNorm)
    assert node.op.statistics is not None
    # x has the deviation sqrt(variance), and what is divided by is a little more
    factor = np.abs(gamma) if scale else np.ones(3)
    expected = factor * np.sqrt(VARIANCE / (VARIANCE + EPSILON))
    np.testing.assert_allclose(node.op.statistics.deviation, expected, rtol=1e-6)
    np.testing.assert_allclose(node.op.statistics.mean, beta if center else 0)
