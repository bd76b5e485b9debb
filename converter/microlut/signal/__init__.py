"""What stands around a network: front ends make its inputs, back ends use its outputs.

Each is defined here in integer arithmetic, for training and tests; the C modules of the same names
give the same bytes.
"""

from microlut.signal.answers import Distance, Smooth, suppress
from microlut.signal.image import Image
from microlut.signal.sensor import Sensor
from microlut.signal.spectrum import MFCC, Spectrum

__all__ = ["MFCC", "Distance", "Image", "Sensor", "Smooth", "Spectrum", "suppress"]
