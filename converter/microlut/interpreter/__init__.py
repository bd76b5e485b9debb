"""NumPy interpreters of the float and of the integer graph."""
