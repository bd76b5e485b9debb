"""The operators of ONNX that convolutional networks are made of, by what they do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_KINDS: Mapping[str, str] = {
    "convolutions": "Conv ConvTranspose",
    "pools": "AveragePool GlobalAveragePool GlobalMaxPool LpPool MaxPool",
    "dense": "Gemm MatMul",
    "elementwise": (
        "Abs Add Ceil Clip Div Erf Exp Floor Log Max Mean Min Mul Neg Pow Reciprocal Round Sign "
        "Sqrt Sub Sum"
    ),
    "activations": (
        "Celu Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Shrink Sigmoid "
        "Softplus Softsign Swish Tanh ThresholdedRelu"
    ),
    "normalization": (
        "BatchNormalization GroupNormalization InstanceNormalization LRN LayerNormalization "
        "LpNormalization MeanVarianceNormalization RMSNormalization"
    ),
    "moves": (
        "Concat DepthToSpace Dropout Expand Flatten Gather Identity Pad Reshape Slice "
        "SpaceToDepth Split Squeeze Tile Transpose Unsqueeze"
    ),
    "reduction": (
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum "
        "ReduceSumSquare"
    ),
    "resizing": "Resize Upsample",
    "softmax": "Hardmax LogSoftmax Softmax",
    "quantization": "DequantizeLinear QLinearConv QLinearMatMul QuantizeLinear",
}
CNN = frozenset(name for names in _KINDS.values() for name in names.split())
_CONSTANT = frozenset({"Constant"})  # which computes nothing


def is_cnn(operators: Iterable[str]) -> bool:
    """Return whether convolutional networks have all of these operators, and there are some."""
    found = frozenset(operators) - _CONSTANT
    return bool(found) and found <= CNN
