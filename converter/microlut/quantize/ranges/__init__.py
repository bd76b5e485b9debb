"""The ranges of activations: their measurement, and the choice of a rule."""
