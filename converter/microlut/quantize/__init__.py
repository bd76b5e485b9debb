"""Float graph, activation ranges and samples in; codebook weights and int8 activations out."""
