"""The temporal convolution of Silicon Labs' mltk."""

import numpy as np
import pytest

from fake_keras import FakeLayer, FakeModel
from microlut.errors import InvalidInput
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model

RNG = np.random.default_rng(6)


def model(scales, stride=1, frames=10, channels=3):
    kernels = tuple(RNG.normal(size=(n, 1, channels, 1)).astype(np.float32) for n in scales)
    config = {"name": "layer", "stride": stride, "scales": list(scales)}
    layer = FakeLayer("MultiScaleTemporalConvolution", config, kernels)
    return FakeModel("m", (frames, 1, channels), (layer,))


@pytest.mark.keras
@pytest.mark.parametrize("frames", [9, 10])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("scales", [(9,), (9, 7, 5, 3), (3, 5)])
def test_is_the_sum_of_convolutions(scales, stride, frames, tf_keras):
    given = model(scales, stride, frames)
    x = RNG.normal(size=(2, frames, 1, 3)).astype(np.float32)
    wanted = 0.0
    for kernel in given.layers[0].weights:
        layer = tf_keras.layers.DepthwiseConv2D(
            (len(kernel), 1), stride, padding="same", use_bias=False
        )
        layer.build(x.shape)
        layer.set_weights([kernel])
        wanted += np.asarray(layer(x))
    np.testing.assert_allclose(evaluate(import_model(given), x), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scales", [(), (4,), (1, 3)])
def test_filters_of_other_lengths_are_refused(scales):
    with pytest.raises(InvalidInput, match="expected odd numbers from 3 on"):
        import_model(model(scales))
