"""Compare executable forms of a model with the integer interpreter."""
