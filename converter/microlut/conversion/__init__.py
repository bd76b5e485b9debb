"""Convert a model, search for its best bits, and report on it."""
