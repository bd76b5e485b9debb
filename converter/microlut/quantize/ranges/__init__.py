"""Set the ranges of activations: measure them, choose the rule."""
