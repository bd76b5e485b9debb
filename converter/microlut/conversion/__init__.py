"""Convert a model: from a file and calibration inputs to a conversion and its report."""
