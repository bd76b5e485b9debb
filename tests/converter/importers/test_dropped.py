"""Layers that do nothing at inference: dropped where Keras's own outputs show that."""

import inspect

import numpy as np
import pytest

from keras_zoo import PICTURE
from microlut.importers import import_model
from microlut.importers.keras.dropped import DROPPED
from microlut.ops.identity import Identity

pytestmark = pytest.mark.keras

ARGUMENTS = {
    "ActivityRegularization": (0.1,),
    "RandomCrop": PICTURE[:2],
    "RandomPosterization": (3,),
    "RandomTranslation": (0.2, 0.2),
    **dict.fromkeys(
        ("AugMix", "CutMix", "Identity", "MixUp", "RandAugment", "RandomColorJitter"), ()
    ),
    **dict.fromkeys(("RandomElasticTransform", "RandomErasing", "RandomFlip"), ()),
    **dict.fromkeys(("RandomGaussianBlur", "RandomGrayscale", "RandomInvert"), ()),
    **dict.fromkeys(("RandomPerspective", "RandomShear"), ()),
}
SHAPES = {"SpatialDropout1D": (5, 3), "SpatialDropout3D": (2, 3, 4, 3)}


def one_layer(k, name):
    layer = getattr(k.layers, name)(*ARGUMENTS.get(name, (0.2,)))
    x = k.Input(SHAPES.get(name, PICTURE))
    return k.Model(x, layer(x))


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", DROPPED)
def test_keras_passes_inputs_on_and_so_do_we(name, keras_name, request):
    k = request.getfixturevalue(keras_name)
    if not hasattr(k.layers, name):
        pytest.skip(f"this {keras_name} has none")
    model = one_layer(k, name)
    shape = SHAPES.get(name, PICTURE)
    for low, high in ((0, 1), (0, 255), (-3, 3)):
        x = np.random.default_rng(1).uniform(low, high, (3, *shape)).astype(np.float32)
        assert np.array_equal(np.asarray(model(x, training=False)), x)
    graph = import_model(model)
    assert [type(node.op) for node in graph.nodes] == [Identity]
    assert graph.nodes[0].shape == shape


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
def test_no_layer_of_the_kind_is_forgotten(keras_name, request):
    k = request.getfixturevalue(keras_name)
    classes = {name for name, _ in inspect.getmembers(k.layers, inspect.isclass)}
    kinds = ("Random", "Dropout", "Noise", "Regularization", "Mix", "RandAugment")
    assert {name for name in classes if any(kind in name for kind in kinds)} <= DROPPED.keys()
