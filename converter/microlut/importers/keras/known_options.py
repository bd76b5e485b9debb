"""The known options of each layer class: those that are read, or that do not affect the output.

All others are refused unless they are null, false or empty, so an option of a newer Keras is never
ignored if it is in use. A test compares these sets with both Kerases. Options of dropped layers do
not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microlut.errors import UnsupportedModel
from microlut.importers.keras.config import Layer
from microlut.importers.keras.moves import MOVING_OPTIONS
from microlut.importers.keras.registered import OPTIONS

# Options used only in training, in loading or by other devices, by the ends of their names.
_HARMLESS_ENDS = ("_initializer", "_regularizer", "_constraint")
_HARMLESS = frozenset(
    {"name", "trainable", "batch_shape", "batch_input_shape", "dynamic", "autocast", "seed"}
)
_READ = frozenset({"dtype"})

_CONV = {"kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation"}
_CONV |= {"groups", "use_bias"}
_DEPTHWISE = {"depth_multiplier"} | _CONV
_SEPARABLE = {"filters"} | _DEPTHWISE
_TRANSPOSED = {"filters", "output_padding"} | _CONV
_LORA = {"lora_rank", "lora_alpha"}
_CELL = {"units", "activation", "recurrent_activation", "use_bias", "reset_after"}
_CELL |= {"unit_forget_bias", "dropout", "recurrent_dropout", "implementation"}
_LOOP = {"return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major"}
_LOOP |= {"zero_output_for_mask", "use_cudnn"}
_POOL = {"pool_size", "strides", "padding", "data_format"}
_GLOBAL_POOL = {"data_format", "keepdims"}
_NORM = {"axis", "epsilon", "center", "scale"}
_NORM |= {"momentum", "renorm", "renorm_clipping", "renorm_momentum"}
_NORM |= {"synchronized", "fused", "virtual_batch_size"}
# Those of the above that do not matter at inference.
_TRAINING = {"dropout", "fused", "implementation", "momentum", "quantization_config"}
_TRAINING |= {"recurrent_dropout", "renorm", "renorm_clipping", "renorm_momentum", "synchronized"}
_TRAINING |= {"unit_forget_bias", "unroll", "use_cudnn", "virtual_batch_size"}
_TRAINING |= {"zero_output_for_mask"}

KNOWN: Mapping[str, frozenset[str]] = {
    name: _HARMLESS | _READ | frozenset(options)
    for name, options in {
        **OPTIONS,
        **MOVING_OPTIONS,
        "Activation": {"activation"},
        "AveragePooling1D": _POOL,
        "Average": set(),
        "AveragePooling2D": _POOL,
        "BatchNormalization": _NORM,
        "Conv1D": {"filters"} | _CONV | _LORA,
        "Bidirectional": {"merge_mode", "layer", "backward_layer"},
        "Conv1DTranspose": _TRANSPOSED | _LORA,
        "Conv2D": {"filters"} | _CONV | _LORA,
        "Conv2DTranspose": _TRANSPOSED | _LORA,
        # A quantized layer is refused because of its dtype policy; without one this has no effect.
        # The dtype policy tells whether a layer is quantized; without one this has no effect.
        "Dense": {"units", "activation", "use_bias", "quantization_config"} | _LORA,
        "Dot": {"axes", "normalize"},
        "DepthwiseConv1D": _DEPTHWISE,
        "DepthwiseConv2D": _DEPTHWISE,
        "Flatten": {"data_format"},
        "GlobalAveragePooling1D": _GLOBAL_POOL,
        **dict.fromkeys(("GRU", "LSTM", "SimpleRNN"), _CELL | _LOOP),
        **dict.fromkeys(("GRUCell", "LSTMCell", "SimpleRNNCell"), _CELL),
        "GlobalAveragePooling2D": _GLOBAL_POOL,
        "GlobalMaxPooling1D": _GLOBAL_POOL,
        "GlobalMaxPooling2D": _GLOBAL_POOL,
        "GroupNormalization": {"groups", "axis", "epsilon", "center", "scale"},
        "InputLayer": {"sparse", "ragged", "optional"},
        "LayerNormalization": {"axis", "epsilon", "center", "scale", "rms_scaling"},
        "MaxPooling1D": _POOL,
        "MaxPooling2D": _POOL,
        "Normalization": {"axis", "mean", "variance", "invert"},
        "RNN": {"cell"} | _LOOP,
        "PReLU": {"shared_axes"},
        "RMSNormalization": {"axis", "epsilon"},
        "ReLU": {"max_value", "negative_slope", "threshold"},
        "Rescaling": {"scale", "offset"},
        "Reshape": {"target_shape"},
        "SeparableConv1D": _SEPARABLE,
        "SeparableConv2D": _SEPARABLE,
        "Softmax": {"axis"},
        "SyncBatchNormalization": _NORM,
        "TimeDistributed": {"layer"},
        "UnitNormalization": {"axis"},
    }.items()
}


def is_known(class_name: str, key: str) -> bool:
    """Return whether an option of a layer class is read or has no effect."""
    known = KNOWN.get(class_name)
    return known is None or key in known or key.endswith(_HARMLESS_ENDS)


def options_read(class_name: str) -> tuple[str, ...]:
    """Return the options of a layer class that matter at inference, sorted."""
    return tuple(sorted(KNOWN[class_name] - _HARMLESS - _READ - _TRAINING))


def check_options(layer: Layer) -> None:
    """Raise UnsupportedModel for the first unknown option that is in use."""
    for error in unknown_options(layer):
        raise error


def unknown_options(layer: Layer) -> Iterator[UnsupportedModel]:
    """Yield an error for each unknown option that is in use."""
    for key, value in layer.config.items():
        if value and not is_known(layer.class_name, key):
            yield layer.unsupported(
                f"option {key}={str(value)[:40]} is not known",
                "it may change what the layer computes: leave the option out, save the model with "
                "an older Keras, or update microlut",
            )
