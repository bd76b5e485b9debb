"""The operators that are translated, and advice about others."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.onnx.affine import AFFINE
from microlut.importers.onnx.binary import BINARY
from microlut.importers.onnx.dynamic import dynamic_handlers
from microlut.importers.onnx.einsum import EINSUM
from microlut.importers.onnx.joined import JOINED
from microlut.importers.onnx.linear import LINEAR
from microlut.importers.onnx.logic import LOGIC
from microlut.importers.onnx.microsoft import microsoft_handlers
from microlut.importers.onnx.moves import MOVES
from microlut.importers.onnx.norms import NORMS
from microlut.importers.onnx.padding import PADDING
from microlut.importers.onnx.places import PLACES
from microlut.importers.onnx.pools import POOLS
from microlut.importers.onnx.products import MOST_PRODUCTS
from microlut.importers.onnx.qonnx import qonnx_handlers
from microlut.importers.onnx.quantized import quantized_handlers
from microlut.importers.onnx.rearranged import REARRANGED
from microlut.importers.onnx.recurrent import RECURRENT
from microlut.importers.onnx.reducing import REDUCING
from microlut.importers.onnx.resizing import RESIZING
from microlut.importers.onnx.unary import UNARY
from microlut.importers.onnx.use import Handler
from microlut.importers.unrolled import MOST_STEPS

_REAL: Mapping[str, Handler] = {
    **AFFINE,
    **BINARY,
    **EINSUM,
    **JOINED,
    **LINEAR,
    **LOGIC,
    **MOVES,
    **NORMS,
    **PADDING,
    **PLACES,
    **POOLS,
    **REARRANGED,
    **RECURRENT,
    **REDUCING,
    **RESIZING,
    **UNARY,
}
HANDLERS: Mapping[str, Handler] = {
    **_REAL,
    **dynamic_handlers(_REAL),
    **microsoft_handlers(_REAL),
    **qonnx_handlers(_REAL),
    **quantized_handlers(_REAL),
}
SUPPORTED: tuple[str, ...] = tuple(sorted((*HANDLERS, "If")))

_CHANGE = "change the network, train it again and export it"
_CUT = "cut the model before it: the program that calls the network does the rest"
_CLASSIFIER = (
    "it is no network of layers: train a network on the same features, or let a tool for such "
    "classifiers write its C"
)
_ADVICE: Mapping[str, str] = {
    "Attention": "export the model in an older opset, which writes it as products, or use "
    "convolutions or a recurrent layer",
    "If": "firmware has no branches, other than those that constants and shapes choose",
    "Loop": "firmware has no loops over tensors: export a model without control flow",
    "NonMaxSuppression": _CUT,
    "NonZero": _CUT,
    "Scan": "firmware has no loops over tensors: use LSTM, GRU or RNN",
    "TopK": _CUT,
    "Unique": _CUT,
    **{
        f"ai.onnx.ml.{kind}": _CLASSIFIER
        for kind in (
            "LinearClassifier",
            "LinearRegressor",
            "SVMClassifier",
            "SVMRegressor",
            "TreeEnsemble",
            "TreeEnsembleClassifier",
            "TreeEnsembleRegressor",
        )
    },
}


def advice_for(kind: str) -> str:
    """Return what to do about an operator that is not supported."""
    return _ADVICE.get(kind, _CHANGE)


_MOVED = "along any dimensions"
_INDICES = "constant places"
_POOLED = "along one, two or three dimensions"
_PLACES = "at the end, which has the scores instead"
_TRUTH = "values that differ by less than a step of int8 are equal"
_REALS = "as an operator on real numbers: the calibration gives the scales"
_INTEGER = "one scale per tensor of activations; the range is kept"
_PRODUCTS = f"of two tensors that depend on the inputs: up to {MOST_PRODUCTS:,} products"
_STEPS = (
    "either layout, any direction; activations other than tanh and sigmoid, initial states that "
    f"depend on the inputs, and a cell state that is read: up to {MOST_STEPS} steps"
)
# What is supported of operators of which not all is; docs/reference/onnx-operators.md shows it.
LIMITS: Mapping[str, str] = {
    "ArgMax": _PLACES,
    "ArgMin": _PLACES,
    "Hardmax": _PLACES,
    "Compress": _INDICES,
    "CumSum": "a constant dimension",
    "GatherElements": _INDICES,
    "GatherND": _INDICES,
    "ReverseSequence": "constant lengths",
    "Scatter": _INDICES,
    "ScatterElements": f"{_INDICES}; no reduction",
    "ScatterND": f"{_INDICES}; no reduction",
    "AveragePool": _POOLED,
    "BatchNormalization": "as at inference",
    "Cast": "to real numbers and truth values",
    "Equal": _TRUTH,
    "Greater": _TRUTH,
    "GreaterOrEqual": _TRUTH,
    "If": "constant conditions",
    "Less": _TRUTH,
    "LessOrEqual": _TRUTH,
    "Conv": "of pictures or sequences; any group; constant weights",
    "ConvTranspose": "of pictures or sequences; any group; constant weights",
    "ConvInteger": _REALS,
    "DequantizeLinear": _INTEGER,
    "Dropout": "as at inference",
    "Einsum": f"of one or two tensors, without diagonals; {_PRODUCTS}",
    "DynamicQuantizeLinear": _REALS,
    "GRU": _STEPS,
    "Gather": "constant indices",
    "Gemm": _PRODUCTS,
    "LSTM": f"no peepholes; {_STEPS}",
    "LRN": "of pictures or sequences",
    "MatMul": _PRODUCTS,
    "MatMulInteger": _REALS,
    "LpPool": _POOLED,
    "MaxPool": f"{_POOLED}; the first output",
    "MeanVarianceNormalization": "along all dimensions but the channels",
    "Pad": "all modes",
    "Pow": "constant exponents",
    "QLinearConv": _INTEGER,
    "QLinearMatMul": _INTEGER,
    "QuantizeLinear": _INTEGER,
    "RNN": _STEPS,
    "Resize": "height and width of whole pictures; cubic and antialias are products with matrices",
    "Shrink": "bias 0, or that of lambd",
    "Softmax": _MOVED,
    "Split": "constant sizes",
    "Upsample": "nearest or linear",
}
