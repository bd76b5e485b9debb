"""Quantization without calibration inputs: synthetic ones, and layers fitted to them."""
