"""Import TensorFlow Lite files.

An integer file brings its quantization: tensors keep their scales, and layers their integers, so
that a network of 8 bits computes the same bytes as the file. A float file becomes a float graph as
a Keras model does.
"""
