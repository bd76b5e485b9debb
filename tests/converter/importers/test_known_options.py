"""Options that Keras writes: each is declared as read or without effect; others are refused."""

import json

import numpy as np
import pytest

from keras_zoo import PICTURE
from microlut.errors import UnsupportedModel
from microlut.importers import import_model
from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.config import KerasModel, Layer, parse_config
from microlut.importers.keras.known_options import KNOWN, is_known
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.options import check_policy
from microlut.importers.keras.recurrent import RECURRENT
from microlut.importers.keras.time_distributed import TIME_DISTRIBUTED
from microlut.importers.keras.translate import to_graph

pytestmark = pytest.mark.keras

GIVEN = {
    "Activation": ("relu",),
    "AveragePooling1D": (2,),
    "AveragePooling2D": (2,),
    "Conv1D": (2, 3),
    "Conv1DTranspose": (2, 3),
    "CenterCrop": (2, 2),
    "Conv2D": (2, 3),
    "Conv2DTranspose": (2, 3),
    "Dense": (2,),
    "DepthwiseConv1D": (3,),
    "DepthwiseConv2D": (3,),
    "Dot": (1,),
    "InputLayer": ((3,),),
    "MaxPooling1D": (2,),
    "MaxPooling2D": (2,),
    "Permute": ((2, 1),),
    "RepeatVector": (2,),
    "Rescaling": (0.5,),
    "Reshape": ((-1,),),
    "SeparableConv1D": (2, 3),
    "SeparableConv2D": (2, 3),
    "Resizing": (2, 2),
}
CELLS = ("GRUCell", "LSTMCell", "SimpleRNNCell")
GIVEN |= dict.fromkeys((*CELLS, "GRU", "LSTM", "SimpleRNN"), (2,))
WRAPPERS = {
    "Bidirectional": lambda layers: layers.Bidirectional(layers.LSTM(2)),
    "RNN": lambda layers: layers.RNN(layers.LSTMCell(2)),
    "TimeDistributed": lambda layers: layers.TimeDistributed(layers.ReLU()),
}
ONLY_IN = {"ThresholdedReLU": "tf_keras", "RMSNormalization": "keras"}


def test_known_options_name_every_supported_layer():
    handled = {*LAYERS, *AFFINE, *RECURRENT, *TIME_DISTRIBUTED}
    assert {*handled, *CELLS, "InputLayer"} == set(KNOWN)


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("class_name", KNOWN)
def test_every_option_of_keras_is_known(class_name, keras_name, request):
    keras = request.getfixturevalue(keras_name)
    layers = keras.layers
    if ONLY_IN.get(class_name, keras_name) != keras_name:
        return
    if class_name == "SyncBatchNormalization":
        if keras_name == "keras":
            return  # BatchNormalization(synchronized=True)
        layers = keras.layers.experimental
    if class_name in WRAPPERS:
        layer = WRAPPERS[class_name](layers)
    else:
        layer = getattr(layers, class_name)(*GIVEN.get(class_name, ()))
    unknown = [key for key in layer.get_config() if not is_known(class_name, key)]
    assert not unknown, f"declare in known_options.py what {unknown} of {class_name} do"


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
def test_options_of_the_latest_lora_are_known(keras_name, request):
    keras = request.getfixturevalue(keras_name)
    if keras_name == "keras":
        layer = keras.layers.Dense(2, lora_rank=2)
        assert all(is_known("Dense", key) for key in layer.get_config())


def with_option(keras, value):
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(2, name="out")(x))
    config = json.loads(model.to_json())
    config["config"]["layers"][-1]["config"]["gate"] = value
    arrays = {("out",): tuple(np.asarray(weight) for weight in model.get_weights())}
    return KerasModel(parse_config(json.dumps(config), "m"), arrays, "m")


@pytest.mark.parametrize("value", [True, 1, 0.5, "tanh", [1], {"a": 1}])
def test_an_unknown_option_in_use_is_refused(value, keras):
    with pytest.raises(UnsupportedModel, match=r"layer 'out' \(Dense\): option gate=") as caught:
        to_graph(with_option(keras, value), "m")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_an_unknown_option_out_of_use_is_ignored(value, keras):
    assert len(to_graph(with_option(keras, value), "m").nodes) == 1


@pytest.mark.parametrize("kind", ["GPTQDTypePolicy", "AWQDTypePolicy"])
def test_layers_that_are_quantized_otherwise_are_refused(kind):
    policy = {"class_name": kind, "config": {"mode": "gptq/4/128", "source_name": "float32"}}
    layer = Layer(("dense",), "Dense", {"units": 8, "dtype": policy}, {}, "net")
    with pytest.raises(UnsupportedModel, match=f"dtype policy '{kind} None'"):
        check_policy(layer)


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
def test_a_nested_model_hands_training_on(keras_name, request):
    keras = request.getfixturevalue(keras_name)
    x = keras.Input(PICTURE)
    norm = keras.layers.BatchNormalization(name="norm")
    inner = keras.Model(x, norm(keras.layers.Conv2D(2, 1)(x)), name="inner")
    x = keras.Input(PICTURE)
    assert len(import_model(keras.Model(x, inner(x, training=False))).nodes) == 2
    with pytest.raises(UnsupportedModel, match=r"'inner/norm'.*training=True"):
        import_model(keras.Model(x, inner(x, training=True)))
    norm.trainable = False  # Keras then normalizes by the moving statistics
    assert len(import_model(keras.Model(x, inner(x, training=True))).nodes) == 2
