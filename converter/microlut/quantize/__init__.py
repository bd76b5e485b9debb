"""Quantize a float graph to codebook weights and int8 activations."""
