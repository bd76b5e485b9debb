"""Gates of recurrent layers in 16 bits, as TensorFlow Lite computes them by a table.

A gate reads Q3.12 and gives Q0.15. Both functions interpolate in one table of the sigmoid, for
tanh(x) = 2 sigmoid(2 x) - 1 (reference_integer_ops::Logistic and Tanh). Numbers are raw 16-bit
fixed point held in int64.
"""

from __future__ import annotations

import numpy as np

from microlut.ops.arrays import Int64
from microlut.ops.fixed_point import Multiplier, multiply

FRACTION_BITS = 12  # of what gates read: Q3.12
ONE = 32767  # the largest Q0.15

# sigmoid_table_uint16: 2^16 sigmoid(i / 24), in single steps of the range up to 10.7.
TABLE = np.array(
    (
        *(32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498),
        *(40149, 40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255),
        *(46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865),
        *(52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174),
        *(56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544, 58800, 59048, 59288),
        *(59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279, 61441),
        *(61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886),
        *(62990, 63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835),
        *(63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450),
        *(64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845),
        *(64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097),
        *(65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258),
        *(65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360),
        *(65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425),
        *(65429, 65433, 65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465),
        *(65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491),
        *(65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508),
        *(65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516, 65517, 65517, 65518),
        *(65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524, 65525),
        *(65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529),
        *(65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531),
        *(65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533),
        *(65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534),
        *(65534, 65534, 65535),
    ),
    np.int64,
)
_LAST = len(TABLE) - 1


def saturate(x: Int64) -> Int64:
    """Limit numbers to 16 bits."""
    return np.clip(x, -32768, 32767)


def product(a: Int64, b: Int64, factor: Multiplier) -> Int64:
    """Return a * b * factor in 16 bits, rounded twice as TensorFlow Lite's MUL does."""
    return saturate(multiply(a * b, factor.multiplier, factor.shift))


def sigmoid(x: Int64) -> Int64:
    """Return the sigmoid in Q0.15 of numbers in Q3.12."""
    return sigmoid_of_thirds(3 * x)


def sigmoid_of_thirds(wide: Int64) -> Int64:
    """Return the sigmoid in Q0.15 of numbers in steps of a third of 2^-12."""
    size = np.abs(wide)
    at = np.minimum(size >> 9, _LAST - 1)
    found = (TABLE[at] << 9) + (size & 511) * (TABLE[at + 1] - TABLE[at])
    found = np.where(size >> 9 >= _LAST, 0x7FFF << 10, found)
    return np.asarray(np.where(wide >= 0, found + 512, (1 << 25) - found + 511) >> 10)


def tanh(x: Int64, power: int = -FRACTION_BITS) -> Int64:
    """Return the hyperbolic tangent in Q0.15 of numbers in steps of 2^power."""
    shift = power + FRACTION_BITS
    wide = 3 * x << shift if shift >= 0 else (3 * x + (1 << (-shift - 1))) >> -shift
    return tanh_of_thirds(wide)


def tanh_of_thirds(wide: Int64) -> Int64:
    """Return the hyperbolic tangent in Q0.15 of numbers in steps of a third of 2^-12."""
    size = np.abs(wide)
    at = np.minimum(size >> 8, _LAST - 1)
    found = (TABLE[at] << 8) + (size & 255) * (TABLE[at + 1] - TABLE[at])
    found = np.where(size >> 8 >= _LAST, 0xFFFF << 8, found)
    half = 1 << 23
    return np.asarray(np.where(wide >= 0, found - half + 128, half - found + 127) >> 8)
